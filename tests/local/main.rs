//! `cargo agentcore local`, through the real binary and the real emulator.
//!
//! Emulators end by themselves when their directory is removed, so a test that fails leaves none.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot set its stage fails, and it writes the files of its stage"
)]

mod looks;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

const MANIFEST: &str = r#"
[workspace]
[workspace.metadata.agentcore]
project = "shop-7k2qpx"

[workspace.metadata.agentcore.agents.seller]
source = "seller"
deployment = "deployment"
"#;

/// A project in a directory of its own.
struct Stage {
    dir: tempfile::TempDir,
    cache: PathBuf,
}

struct Answer {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Stage {
    /// With the installation that all tests share.
    fn new() -> Self {
        Self::with_cache(Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
    }

    fn with_cache(cache: PathBuf) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("Cargo.toml"), MANIFEST).unwrap();
        Self { dir, cache }
    }

    fn home(&self) -> PathBuf {
        self.dir
            .path()
            .join("target")
            .join("agentcore")
            .join("shop-7k2qpx")
            .join("local")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.agentcore(&[&["local"], arguments].concat())
    }

    /// Any command, with nothing of the user's AWS about.
    fn agentcore(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(snapbox::cmd::cargo_bin!("cargo-agentcore"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        command
            .arg("agentcore")
            .args(arguments)
            .current_dir(self.dir.path())
            .env_remove("CARGO_TARGET_DIR")
            .env("CARGO_AGENTCORE_CACHE_DIR", &self.cache)
            .env("CARGO", env!("CARGO"))
            .stdin(Stdio::null());
        command
    }

    fn does(&self, arguments: &[&str], code: i32) -> Answer {
        let answer = Answer::of(self.agentcore(arguments).output().unwrap());
        assert_eq!(answer.code, Some(code), "{arguments:?}: {}", answer.stderr);
        answer
    }

    /// Something for a command to work on.
    fn with_sources(self) -> Self {
        for (path, text) in [
            ("seller/__init__.py", ""),
            ("deployment/invoke.py", "import seller\n"),
            ("deployment/requirements.txt", ""),
        ] {
            let path = self.dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        self
    }

    fn run(&self, arguments: &[&str]) -> Answer {
        Answer::of(self.command(arguments).output().unwrap())
    }

    fn start(&self) -> String {
        let answer = self.run(&["start"]);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        answer.stdout.trim_end().to_owned()
    }

    fn stop(&self) -> Answer {
        let answer = self.run(&["stop"]);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        answer
    }

    fn status(&self) -> Value {
        let answer = self.run(&["status", "--output", "json"]);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        serde_json::from_str(&answer.stdout).unwrap()
    }

    fn pid(&self) -> u32 {
        let pid = self.status()["emulator"]["pid"].as_u64();
        u32::try_from(pid.unwrap()).unwrap()
    }
}

impl Answer {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn address(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

fn is_reachable(url: &str) -> bool {
    TcpStream::connect(address(url)).is_ok()
}

/// One request to a service of the emulator; its whole answer.
fn ask(url: &str, service: &str, line: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address(url)).unwrap();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nX-Amz-Date: 20260101T000000Z\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n{body}",
        address(url),
        body.len(),
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn it_starts_once_is_shown_and_stops() {
    let stage = Stage::new();
    assert_eq!(stage.run(&["status"]).stdout, "not running\n");
    assert!(!stage.home().exists(), "looking changes nothing");
    let url = stage.start();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let shown = stage.status();
    assert_eq!(shown["running"], true);
    assert_eq!(shown["emulator"]["url"], url);
    assert_eq!(shown["emulator"]["version"], "1.5.33");
    let again = stage.run(&["start"]);
    assert_eq!(again.stdout.trim_end(), url);
    assert_eq!(
        again.stderr, "",
        "a running emulator is nothing to talk about"
    );
    assert_eq!(stage.status(), shown);
    assert!(stage.stop().stderr.contains("Stopped"));
    assert!(!is_reachable(&url));
    assert_eq!(stage.status()["running"], false);
    assert!(stage.stop().stderr.contains("no emulator runs"));
}

#[test]
fn it_listens_on_the_loopback_interface_only() {
    let stage = Stage::new();
    let url = stage.start();
    let port = url.rsplit(':').next().unwrap();
    // Another address of this machine's loopback network: a server on every interface would answer.
    assert!(TcpStream::connect(format!("127.0.0.2:{port}")).is_err());
    assert!(is_reachable(&url));
}

#[test]
fn several_starts_at_once_make_one_emulator() {
    let stage = Stage::new();
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let mut command = stage.command(&["start"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let answers: Vec<_> = runs
        .into_iter()
        .map(|run| Answer::of(run.wait_with_output().unwrap()))
        .collect();
    for answer in &answers {
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        assert_eq!(answer.stdout, answers[0].stdout);
    }
    let started = answers
        .iter()
        .filter(|answer| answer.stderr.contains("Started"));
    assert_eq!(started.count(), 1);
}

#[test]
fn a_role_and_an_object_are_there_again_after_stop_and_start() {
    let stage = Stage::new();
    let url = stage.start();
    let role = "Action=CreateRole&Version=2010-05-08&RoleName=Kept&AssumeRolePolicyDocument=%7B%7D";
    let get = "Action=GetRole&Version=2010-05-08&RoleName=Kept";
    assert!(ask(&url, "iam", "POST /", role).starts_with("HTTP/1.1 200"));
    assert!(ask(&url, "s3", "PUT /kept-bucket", "").starts_with("HTTP/1.1 200"));
    assert!(ask(&url, "s3", "PUT /kept-bucket/a/key", "content").starts_with("HTTP/1.1 200"));
    stage.stop();
    assert_eq!(stage.start(), url, "what was printed before still works");
    assert!(ask(&url, "iam", "POST /", get).contains("<RoleName>Kept</RoleName>"));
    assert!(ask(&url, "s3", "GET /kept-bucket/a/key", "").ends_with("content"));
}

#[test]
fn it_is_stopped_and_shown_although_the_metadata_is_broken() {
    let manifest = |stage: &Stage, text: &str| {
        fs::write(stage.dir.path().join("Cargo.toml"), text).unwrap();
    };
    for (broken, warned) in [
        (MANIFEST.replace("source", "sorce"), "unknown key `sorce`"),
        (format!("{MANIFEST}[half"), "unclosed table"),
        (
            MANIFEST.replace("shop-7k2qpx", "shop 7"),
            "`shop 7` is not a legal project identity",
        ),
    ] {
        let stage = Stage::new();
        let url = stage.start();
        manifest(&stage, &broken);
        let shown = stage.run(&["status"]);
        assert_eq!(shown.stdout.trim_end(), url, "{}", shown.stderr);
        let stopped = stage.stop();
        for expected in [
            warned,
            "the emulator of project `shop-7k2qpx` is meant",
            "Stopped the emulator",
        ] {
            assert!(stopped.stderr.contains(expected), "{}", stopped.stderr);
        }
        assert!(!is_reachable(&url));
        assert_eq!(stage.run(&["start"]).code, Some(3));
    }
    let stage = Stage::new();
    manifest(&stage, &MANIFEST.replace("project", "porject"));
    let unknown = stage.run(&["stop"]);
    assert_eq!(unknown.code, Some(3), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("`porject`"), "{}", unknown.stderr);
}

#[test]
fn a_port_that_somebody_took_is_left_to_them() {
    let stage = Stage::new();
    let url = stage.start();
    stage.stop();
    let _stranger = TcpListener::bind(address(&url)).unwrap();
    let other = stage.start();
    assert_ne!(other, url);
    assert!(is_reachable(&other));
}

#[test]
fn it_ends_when_its_directory_is_removed() {
    let stage = Stage::new();
    let url = stage.start();
    fs::remove_dir_all(stage.dir.path().join("target")).unwrap();
    eventually("it still answers", || !is_reachable(&url));
    assert!(!stage.home().exists(), "and it writes nothing any more");
    let again = stage.start();
    assert!(is_reachable(&again));
}

#[test]
fn a_cleaned_and_restarted_project_has_one_emulator() {
    let stage = Stage::new();
    let first = stage.start();
    fs::remove_dir_all(stage.dir.path().join("target")).unwrap();
    let second = stage.start();
    if first != second {
        eventually("the first one still answers", || !is_reachable(&first));
    }
    assert!(is_reachable(&second));
    assert_eq!(stage.status()["emulator"]["url"], second);
}

#[test]
fn an_emulator_of_another_version_makes_room_and_its_state_is_kept() {
    let stage = Stage::new();
    let url = stage.start();
    ask(&url, "s3", "PUT /kept-bucket", "");
    let pid = stage.pid();
    let record = stage.home().join("emulator.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("1.5.33", "1.0.0")).unwrap();
    let answer = stage.run(&["start"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(answer.stderr.contains("1.0.0"), "{}", answer.stderr);
    assert_ne!(stage.pid(), pid);
    assert!(ask(&url, "s3", "GET /", "").contains("kept-bucket"));
}

#[test]
fn without_uv_and_python_the_message_says_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let stage = Stage::with_cache(cache.path().join("cache"));
    let empty = tempfile::tempdir().unwrap();
    let output = stage
        .command(&["start"])
        .env("PATH", empty.path())
        .output()
        .unwrap();
    let answer = Answer::of(output);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    assert_eq!(answer.stdout, "");
    snapbox::assert_data_eq!(
        answer.stderr,
        snapbox::str![[r"
error: `--local` needs uv, or Python 3.10 or later, and neither is on PATH
  note: the emulator is the Python package ministack 1.5.33; it is installed into a cache of its own
  help: install uv (https://docs.astral.sh/uv/) or Python, and run this again

"]]
    );
}

#[test]
fn what_a_killed_installation_left_is_made_anew() {
    let cache = tempfile::tempdir().unwrap();
    let stage = Stage::with_cache(cache.path().to_owned());
    stage.start();
    stage.stop();
    let home = fs::read_dir(cache.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir())
        .unwrap();
    // As a kill leaves it: parts are missing, and the marker, which comes last.
    fs::remove_file(home.join("cargo-agentcore-complete")).unwrap();
    fs::remove_file(home.join("pyvenv.cfg")).unwrap();
    let answer = stage.run(&["start"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(answer.stderr.contains("Installing"), "{}", answer.stderr);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use rustix::process::{Pid, Signal, kill_process, test_kill_process};

    use super::*;

    fn process(pid: u32) -> Pid {
        Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
    }

    /// The Python itself: what stands on PATH may be a script that needs more of PATH.
    fn interpreter() -> PathBuf {
        let output = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable, end='')"])
            .output()
            .unwrap();
        PathBuf::from(String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn after_a_kill_the_next_command_starts_it_again() {
        let stage = Stage::new();
        let url = stage.start();
        let pid = stage.pid();
        kill_process(process(pid), Signal::KILL).unwrap();
        eventually("it still answers", || !is_reachable(&url));
        assert_eq!(stage.status()["running"], false);
        assert_eq!(stage.start(), url);
        assert_ne!(stage.pid(), pid);
    }

    #[test]
    fn a_sigterm_by_the_user_writes_the_state_too() {
        let stage = Stage::new();
        let url = stage.start();
        let role =
            "Action=CreateRole&Version=2010-05-08&RoleName=Kept&AssumeRolePolicyDocument=%7B%7D";
        ask(&url, "iam", "POST /", role);
        kill_process(process(stage.pid()), Signal::TERM).unwrap();
        eventually("it still runs", || stage.status()["running"] == false);
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
        assert!(stage.stop().stderr.contains("no emulator runs"));
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
    fn without_uv_python_installs_it() {
        let cache = tempfile::tempdir().unwrap();
        let stage = Stage::with_cache(cache.path().to_owned());
        let path = tempfile::tempdir().unwrap();
        symlink(interpreter(), path.path().join("python3")).unwrap();
        let output = stage
            .command(&["start"])
            .env("PATH", path.path())
            .output()
            .unwrap();
        let answer = Answer::of(output);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        let expected = "ministack 1.5.33 with python3 and pip";
        assert!(answer.stderr.contains(expected), "{}", answer.stderr);
        assert!(is_reachable(answer.stdout.trim_end()));
    }

    #[test]
    fn an_old_python_is_named_with_its_version() {
        let cache = tempfile::tempdir().unwrap();
        let stage = Stage::with_cache(cache.path().to_owned());
        let path = tempfile::tempdir().unwrap();
        let old = path.path().join("python3");
        let words = "#!/bin/sh\necho 'it is Python 3.8, and 3.10 or later is needed' >&2\nexit 1\n";
        fs::write(&old, words).unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
        let output = stage
            .command(&["start"])
            .env("PATH", path.path())
            .output()
            .unwrap();
        let answer = Answer::of(output);
        assert_eq!(answer.code, Some(1), "{}", answer.stderr);
        assert!(answer.stderr.contains("3.10 or later"), "{}", answer.stderr);
        assert!(answer.stderr.contains("`python3`"), "{}", answer.stderr);
    }

    #[test]
    fn an_installation_that_does_not_run_shows_its_last_words_and_is_given_up() {
        let cache = tempfile::tempdir().unwrap();
        let stage = Stage::with_cache(cache.path().to_owned());
        stage.start();
        stage.stop();
        let home = fs::read_dir(cache.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.is_dir())
            .unwrap();
        let python = home.join("bin").join("python");
        fs::remove_file(&python).unwrap();
        // As after an upgrade of the Python below: it starts, and finds none of the packages.
        symlink(interpreter(), &python).unwrap();
        fs::remove_file(home.join("pyvenv.cfg")).unwrap();
        let answer = stage.run(&["start"]);
        assert_eq!(answer.code, Some(1), "{}", answer.stderr);
        assert!(
            answer.stderr.contains("No module named"),
            "{}",
            answer.stderr
        );
        assert!(
            answer.stderr.contains("run this again"),
            "{}",
            answer.stderr
        );
        stage.start();
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
}
