//! Kills, signals and numbers of processes.

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::*;

fn process(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

#[test]
fn after_a_kill_the_next_command_starts_it_again() {
    let stage = Stage::new();
    let url = stage.start();
    let pid = stage.pid();
    kill_process(process(pid), Signal::KILL).unwrap();
    eventually(|| "it still answers", || !is_reachable(&url));
    assert_eq!(stage.status()["running"], false);
    assert_eq!(stage.start(), url);
    assert_ne!(stage.pid(), pid);
}

/// Returns ministack's process, the data plane's child.
fn ministack(data_plane: u32) -> u32 {
    let children = format!("/proc/{data_plane}/task/{data_plane}/children");
    let children = fs::read_to_string(children).unwrap();
    let mut pids = children.split_whitespace();
    let command = |pid: &&str| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    let pid = pids.find(|pid| command(pid).contains("ministack.lock"));
    pid.expect("it runs").parse().unwrap()
}

/// ministack saves its state when the data plane is gone.
#[cfg(target_os = "linux")]
#[test]
fn a_killed_data_plane_loses_nothing() {
    let stage = Stage::new().with_sources();
    stage.does(&["deploy", "--local"], 0);
    kill_process(process(stage.pid()), Signal::KILL).unwrap();
    let answer = stage.does(&["deploy", "--local"], 0);
    assert!(
        answer.stderr.contains("Unchanged agent"),
        "{}",
        answer.stderr
    );
    stage.does(&["clean", "--local", "--yes"], 0);
}

/// ministack saves a change before it answers.
#[cfg(target_os = "linux")]
#[test]
fn a_killed_ministack_loses_nothing_that_was_answered() {
    let stage = Stage::new().with_sources();
    stage.does(&["deploy", "--local"], 0);
    let kill = || {
        let data_plane = stage.pid();
        kill_process(process(ministack(data_plane)), Signal::KILL).unwrap();
        eventually(
            || "the data plane still runs",
            || test_kill_process(process(data_plane)).is_err(),
        );
    };
    kill();
    let answer = stage.does(&["deploy", "--local"], 0);
    assert!(
        answer.stderr.contains("Unchanged agent"),
        "{}",
        answer.stderr
    );
    kill();
    let answer = stage.does(&["clean", "--local", "--yes"], 0);
    for deleted in ["Deleting runtime", "Deleting bucket", "Deleting role"] {
        assert!(answer.stderr.contains(deleted), "{}", answer.stderr);
    }
}

#[test]
fn a_sigterm_by_the_user_writes_the_state_too() {
    let stage = Stage::new();
    let url = stage.start();
    let role = "Action=CreateRole&Version=2010-05-08&RoleName=Kept&AssumeRolePolicyDocument=%7B%7D";
    ask(&url, "iam", "POST /", role);
    kill_process(process(stage.pid()), Signal::TERM).unwrap();
    eventually(|| "it still runs", || stage.status()["running"] == false);
    assert_eq!(stage.start(), url);
    let list = ask(&url, "iam", "POST /", "Action=ListRoles&Version=2010-05-08");
    assert!(list.contains("Kept"), "{list}");
}

#[test]
fn a_process_that_got_the_number_again_is_never_ended() {
    let stage = Stage::new();
    let url = stage.start();
    let mut bystander = Command::new("sleep").arg("60").spawn().unwrap();
    let record = stage.home().join("emulator.json");
    let mut facts: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    facts["pid"] = bystander.id().into();
    fs::write(&record, facts.to_string()).unwrap();
    stage.stop();
    assert!(!is_reachable(&url), "the emulator itself is ended");
    fs::write(&record, facts.to_string()).unwrap();
    assert!(stage.stop().stderr.contains("no emulator is running"));
    assert_eq!(bystander.try_wait().unwrap(), None);
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn a_start_that_is_killed_at_any_time_leaves_at_most_one_emulator() {
    let stage = Stage::new();
    for pause in [5, 20, 40, 80, 160, 320, 640] {
        let mut run = stage
            .command(&["start"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        run.kill().unwrap();
        run.wait().unwrap();
        let url = stage.start();
        assert!(is_reachable(&url), "killed after {pause} ms");
        stage.stop();
        assert!(!is_reachable(&url), "killed after {pause} ms");
        let lock = fs::File::open(stage.home().join("running.lock")).unwrap();
        lock.try_lock().unwrap();
    }
}

#[test]
fn a_stuck_emulator_is_named_and_not_replaced() {
    let stage = Stage::new();
    stage.start();
    let pid = stage.pid();
    kill_process(process(pid), Signal::STOP).unwrap();
    let answer = stage.run(&["start"]);
    kill_process(process(pid), Signal::CONT).unwrap();
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    let expected = format!("it is process {pid}");
    assert!(answer.stderr.contains(&expected), "{}", answer.stderr);
    assert_eq!(stage.pid(), pid, "and when it goes on, it is the one");
}

#[test]
fn the_users_environment_does_not_reach_it() {
    let stage = Stage::new();
    let output = stage
        .command(&["start"])
        .env("AUTH", "true")
        .env("AWS_SECRET_ACCESS_KEY", "a secret of the user")
        .env("MINISTACK_ACCOUNT_ID", "111122223333")
        .output()
        .unwrap();
    assert!(output.status.success());
    let url = String::from_utf8(output.stdout).unwrap();
    let caller = "Action=GetCallerIdentity&Version=2011-06-15";
    let answer = ask(url.trim_end(), "sts", "POST /", caller);
    assert!(answer.contains("000000000000"), "{answer}");
    let environment = PathBuf::from(format!("/proc/{}/environ", stage.pid()));
    if cfg!(target_os = "linux") {
        let text = String::from_utf8_lossy(&fs::read(environment).unwrap()).into_owned();
        assert!(!text.contains("a secret of the user"), "{text}");
    }
    test_kill_process(process(stage.pid())).unwrap();
}
