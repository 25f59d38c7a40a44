//! Commands that change nothing, with `--local`: the emulator's state stays the same.

use super::*;

/// Read-only commands and dry runs.
const LOOKS: [&[&str]; 8] = [
    &["status"],
    &["versions"],
    &["endpoint", "list"],
    &["logs"],
    &["prepare", "--dry-run"],
    &["deploy", "--dry-run"],
    &["clean", "--dry-run"],
    &["rollback", "--dry-run"],
];

#[test]
fn a_look_where_nothing_was_ever_kept_starts_nothing_and_leaves_nothing() {
    let stage = Stage::new().with_sources();
    for look in LOOKS {
        let code = i32::from(matches!(look[0], "logs" | "rollback"));
        let answer = stage.does(&[look, &["--local"]].concat(), code);
        // Without a runtime there is nothing to roll back or clean.
        let said = if look.contains(&"--dry-run") && !matches!(look[0], "rollback" | "clean") {
            "     Looking at the state of the AWS emulator, which runs for this command only\n"
        } else {
            "note: no AWS emulator is running for this project and there is no saved state"
        };
        assert!(answer.stderr.contains(said), "{look:?}: {}", answer.stderr);
        assert!(!stage.home().exists(), "{look:?} left something");
    }
    stage.does(&["rollback", "--local"], 1);
    assert!(!stage.home().exists(), "there was nothing to take back");
    for speaking in [
        &["invoke", "{}", "--local"][..],
        &["stop-session", "--local"],
    ] {
        let answer = stage.does(speaking, 1);
        for said in [
            "note: no AWS emulator is running for this project and there is no saved state",
            "error: the agent `seller` is not deployed\n  help: `cargo agentcore deploy --local` deploys it",
        ] {
            assert!(answer.stderr.contains(said), "{}", answer.stderr);
        }
        assert!(!stage.home().exists(), "there was nobody to speak to");
    }
    let status = stage.does(&["status", "--local", "--output", "json"], 0);
    let document: Value = serde_json::from_str(&status.stdout).unwrap();
    let agent = &document["agents"][0];
    assert_eq!(agent["state"], "not-prepared");
    assert_eq!(agent["account"], "000000000000");
    assert_eq!(agent["region"], "us-east-1");
}

#[test]
fn a_look_sees_what_was_kept_and_leaves_the_emulator_as_it_was() {
    let stage = Stage::new().with_sources();
    stage.does(&["deploy", "--local"], 0);
    stage.does(&["endpoint", "set", "prod", "--version", "1", "--local"], 0);
    let pid = stage.pid();
    for look in LOOKS {
        // A runtime with one version cannot be rolled back.
        let code = i32::from(look[0] == "rollback");
        let running = stage.does(&[look, &["--local"]].concat(), code);
        assert!(!running.stderr.contains("Looking"), "{}", running.stderr);
        assert_eq!(stage.pid(), pid, "{look:?}");
    }
    stage.stop();
    for look in LOOKS {
        let code = i32::from(look[0] == "rollback");
        let answer = stage.does(&[look, &["--local"]].concat(), code);
        let said =
            "     Looking at the state of the AWS emulator, which runs for this command only\n";
        assert_eq!(answer.stderr.matches(said).count(), 1, "{}", answer.stderr);
        assert_eq!(stage.status()["running"], false, "{look:?}");
    }
    let list = stage.does(&["endpoint", "list", "--local"], 0);
    assert!(
        list.stdout.contains("prod             version 1"),
        "{}",
        list.stdout
    );
    let follow = stage.does(&["logs", "--follow", "--local"], 1);
    assert!(
        follow.stderr.contains("`cargo agentcore local start`"),
        "{}",
        follow.stderr
    );
}

/// There is only one state, so a command that comes during a read-only one waits for its end.
#[test]
fn looks_and_work_at_the_same_time_do_not_end_each_others_emulator() {
    let stage = Stage::new().with_sources();
    stage.does(&["prepare", "--local"], 0);
    stage.stop();
    let spawn = |words: &[&str]| {
        let mut command = stage.agentcore(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let runs = [
        spawn(&["status", "--local"]),
        spawn(&["prepare", "--local"]),
        spawn(&["status", "--local"]),
    ];
    for run in runs {
        let answer = Answer::of(run.wait_with_output().unwrap());
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    }
    assert_eq!(stage.status()["running"], true, "what worked keeps running");
}

#[test]
fn a_look_that_is_killed_leaves_no_emulator_and_nothing_in_the_way() {
    let stage = Stage::new().with_sources();
    stage.does(&["prepare", "--local"], 0);
    stage.stop();
    for pause in [100, 300, 500, 700, 900] {
        let mut look = stage
            .agentcore(&["status", "--local"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        look.kill().unwrap();
        look.wait().unwrap();
        eventually(
            || "an emulator outlives the look that started it",
            || {
                let lock = fs::File::open(stage.home().join("running.lock")).unwrap();
                lock.try_lock().is_ok()
            },
        );
        let next = stage.does(&["status", "--local"], 0);
        let prepared = "seller\n  state  not deployed\n";
        assert_eq!(next.stdout, prepared, "killed after {pause} ms");
    }
    let lock = fs::File::open(stage.home().join("running.lock")).unwrap();
    lock.try_lock().unwrap();
}
