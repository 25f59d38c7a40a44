//! `dev --sessions many`: a process for each session.

use super::*;

impl Stage {
    /// Returns the agent's answer in a session.
    #[track_caller]
    fn pid_in(&self, session: &str) -> u64 {
        let output = self
            .command(&["invoke", "--dev", "--session", session, "{}"])
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{err}");
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["pid"].as_u64().unwrap()
    }

    #[track_caller]
    fn stops(&self, session: &str, code: i32) -> String {
        let output = self
            .command(&["stop-session", "--dev", "--session", session])
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{err}");
        err
    }
}

fn session(letter: &str) -> String {
    letter.repeat(40)
}

fn runs(pid: u64) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn each_session_has_a_process_of_its_own() {
    let stage = Stage::new();
    let dev = stage.dev(&["--sessions", "many"]);
    let (a, b) = (session("a"), session("b"));
    let first = stage.pid_in(&a);
    let second = stage.pid_in(&b);
    assert_ne!(first, second);
    assert_eq!((stage.pid_in(&a), stage.pid_in(&b)), (first, second));

    assert!(stage.stops(&a, 0).contains("Stopped session"));
    assert!(!runs(first) && runs(second));
    assert!(stage.stops(&a, 0).contains("is already gone"));
    let third = stage.pid_in(&a);
    assert!(third != first && stage.pid_in(&b) == second);

    // A process that ends does not affect other sessions.
    let ended = stage
        .command(&["invoke", "--dev", "--session", &a, r#"{"exit": 7}"#])
        .output()
        .unwrap();
    assert!(!ended.status.success());
    dev.says(&format!("it was the process of session {a}"));
    assert_ne!(stage.pid_in(&a), third);
    assert_eq!(stage.pid_in(&b), second);

    stage.write("seller/__init__.py", "NAME = \"two\"\n");
    dev.eventually_answers("two");
    eventually(
        || "a session goes on with the old code".to_owned(),
        || !runs(second),
    );
    assert_ne!(stage.pid_in(&b), second);
    assert_eq!(dev.ends(), Some(0));
    assert_eq!(stage.processes(), Vec::<u32>::new());
}

#[test]
fn a_session_is_stopped_although_the_manifest_is_invalid() {
    let stage = Stage::new();
    let dev = stage.dev(&["--sessions", "many", "--no-reload"]);
    let session = session("a");
    let process = stage.pid_in(&session);
    stage.write("Cargo.toml", "[workspace\n");
    let said = stage.stops(&session, 0);
    for words in ["warning: the metadata is invalid; using", "Stopped session"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!runs(process));
    assert_eq!(dev.ends(), Some(0));
}

#[test]
fn a_session_of_a_shared_process_is_not_stopped() {
    let stage = Stage::new();
    let dev = stage.dev(&[]);
    let (a, b) = (session("a"), session("b"));
    assert_eq!(stage.pid_in(&a), stage.pid_in(&b));
    let said = stage.stops(&a, 1);
    assert!(
        said.contains("`cargo agentcore dev --sessions many`"),
        "{said}"
    );
    dev.asks("", "{}");
}
