//! How `dev` ends, and what is left afterwards.

use super::*;

#[test]
fn ctrl_c_ends_everything() {
    let stage = Stage::new();
    let dev = stage.dev(&[]);
    let port = dev.port();
    assert_ne!(stage.processes(), Vec::<u32>::new());
    assert_eq!(dev.ends(), Some(0));
    assert_eq!(stage.processes(), Vec::<u32>::new());
    TcpListener::bind(("127.0.0.1", port)).unwrap();

    // What was made on this machine goes without a local AgentCore, too.
    let does = |words: &[&str]| {
        let output = stage.command(words).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {err}");
        err
    };
    does(&["package"]);
    let place = stage.path("target/agentcore").join("shop-7k2qpx");
    assert!(place.join("dev/seller").exists());
    let cleaned = does(&["clean", "--local", "--yes"]);
    assert!(
        cleaned.contains("Removing build output and state in `"),
        "{cleaned}"
    );
    assert!(!place.exists(), "{cleaned}");
}

#[test]
fn a_kill_leaves_no_process() {
    let stage = Stage::new();
    let mut dev = stage.dev(&[]);
    dev.signal(Signal::KILL);
    dev.child.wait().unwrap();
    eventually(
        || format!("{:?} still run", stage.processes()),
        || stage.processes().is_empty(),
    );
    let again = stage.dev(&[]);
    again.eventually_answers("one");
}

#[test]
fn an_agent_that_ends_by_itself_is_reported_and_starts_again_at_an_edit() {
    let stage = Stage::new();
    let dev = stage.dev(&[]);
    dev.asks("", r#"{"exit": 7}"#);
    dev.says("agent `seller` ended with code 7");
    assert_eq!(dev.asks("", "{}").0, 503);
    stage.write("seller/__init__.py", "NAME = \"two\"\n");
    dev.eventually_answers("two");
}

#[test]
fn the_same_agent_runs_once() {
    let stage = Stage::new();
    let _dev = stage.dev(&[]);
    let second = stage.command(&["dev", "--port", "0"]).output().unwrap();
    let err = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{err}");
    assert!(err.contains("is already running at http"), "{err}");
}
