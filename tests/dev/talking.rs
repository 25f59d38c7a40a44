//! `invoke --dev`, `logs --dev`, and a `dev` in the background.

use std::process::Output;

use super::*;

/// Prints to both streams, also in the SDK's form, and answers with the session.
const TALKER: &str = r#"
import json
import os
import sys

import server


class Agent(server.Agent):
    def invoke(self, asked):
        session = self.headers["X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"]
        for number in range(asked.get("lines", 0)):
            stream = sys.stdout if number % 2 else sys.stderr
            print("line", number, file=stream, flush=True)
        if "log" in asked:
            print(json.dumps({"level": "ERROR", "message": asked["log"], "sessionId": session}), flush=True)
        if "status" in asked:
            return self.answer("it is broken", "text/plain", asked["status"])
        if "stream" in asked:
            return self.answer('data: "one "\n\ndata: "two"\n\n', "text/event-stream")
        self.answer({"pid": os.getpid(), "session": session})


server.serve(Agent)
"#;

fn stage() -> Stage {
    let stage = Stage::new();
    stage.write("deployment/invoke.py", TALKER);
    stage
}

impl Stage {
    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Returns the stdout of a command that succeeds.
    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn invoke_speaks_to_the_agent_that_dev_runs() {
    let stage = stage();
    let absent = stage.run(&["invoke", "--dev", "{}"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(
        stderr(&absent).contains("agent `seller` is not running"),
        "{}",
        stderr(&absent)
    );
    let elsewhere = stage.run(&["invoke", "--dev", "--profile", "work", "{}"]);
    assert_eq!(elsewhere.status.code(), Some(2), "{}", stderr(&elsewhere));
    let dev = stage.dev(&[]);
    let answer = stage.says(&["invoke", "--dev", "{}"]);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let again = stage.says(&["invoke", "--dev", "--continue", "{}", "--output", "json"]);
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["session"], answer["session"]);
    assert_eq!(again["answer"]["pid"], answer["pid"]);
    let url = format!("http://127.0.0.1:{}", dev.port());
    assert_eq!(again["dev"]["url"], url.as_str());
    let session = "s".repeat(40);
    let named = stage.says(&["invoke", "--dev", "--session", &session, "{}"]);
    assert!(named.contains(&session), "{named}");
    let stream = stage.says(&["invoke", "--dev", r#"{"stream": 1}"#]);
    assert_eq!(stream, "one two");
    let failed = stage.run(&["invoke", "--dev", r#"{"status": 500}"#]);
    let err = stderr(&failed);
    assert_eq!(failed.status.code(), Some(1), "{err}");
    assert!(
        err.contains("answered with status 500") && err.contains("it is broken"),
        "{err}"
    );
    let checked = stage.run(&["check", "--against", "dev", "-v"]);
    let err = stderr(&checked);
    assert_eq!(checked.status.code(), Some(0), "{err}");
    assert!(checked.stdout.is_empty(), "{checked:?}");
    for said in [
        "Checking agent `seller` with 2 requests\n",
        "stream-buffered: `dev` tests it all the time",
        "0 errors, 0 warnings, 7 rules passed",
    ] {
        assert!(err.contains(said), "{said}: {err}");
    }
    stage.write("seller/__init__.py", "def f(:\n");
    stage.write("deployment/invoke.py", "import seller\n");
    dev.says("cannot start agent `seller`");
    for broken in [
        &["invoke", "--dev", "{}"][..],
        &["check", "--against", "dev"],
    ] {
        let broken = stage.run(broken);
        let err = stderr(&broken);
        assert_eq!(broken.status.code(), Some(1), "{err}");
        assert!(
            err.contains("the agent `seller` is not running") && err.contains("SyntaxError"),
            "{err}"
        );
        let again = err.matches("starts again at the next edit").count();
        assert_eq!(again, 1, "{err}");
    }
}

/// A mistake in a manifest must not keep anyone from asking or stopping what runs.
#[test]
fn a_running_dev_is_reached_although_the_manifest_is_invalid() {
    let stage = stage();
    let dev = stage.dev(&["--no-reload"]);
    let url = format!("http://127.0.0.1:{}", dev.port());
    let all = stage.says(&["local", "status", "--all"]);
    assert!(
        all.contains(&format!("{url}  `dev` of agent `seller`")),
        "{all}"
    );
    let answer = stage.says(&["invoke", "--dev", r#"{"lines": 1}"#]);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    // Invalid TOML, which cargo cannot read either, and an unknown key.
    for mistake in [
        "[workspace\n".to_owned(),
        MANIFEST.replace("source =", "sorce ="),
    ] {
        stage.write("Cargo.toml", &mistake);
        let again = stage.run(&["invoke", "--dev", "--continue", "{}"]);
        let err = stderr(&again);
        assert!(
            err.contains(
                "warning: the metadata is invalid; using the agents of project `shop-7k2qpx` that `dev` runs"
            ),
            "{err}"
        );
        let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
        assert_eq!(again, answer);
        assert!(stage.says(&["logs", "--dev", "--raw"]).contains("line 0"));
        let unknown = stage.run(&["logs", "--dev", "--agent", "buyer"]);
        assert_eq!(unknown.status.code(), Some(3), "{}", stderr(&unknown));
    }
    // In a member, whose target directory is the workspace's.
    stage.write(
        "Cargo.toml",
        MANIFEST.replace("[workspace]\n", "[workspace]\nmembers = [\"api\"]\n"),
    );
    stage.write("api/Cargo.toml", "[package\n");
    let stop = || {
        let mut command = stage.command(&["dev", "--stop"]);
        command.current_dir(stage.path("api")).output().unwrap()
    };
    let stopped = stop();
    assert!(stopped.status.success(), "{}", stderr(&stopped));
    assert_eq!(dev.wait(), Some(0));
    let again = stop();
    assert_eq!(again.status.code(), Some(3), "{}", stderr(&again));
}

#[test]
fn logs_shows_what_the_agent_printed_in_its_order() {
    let stage = stage();
    let absent = stage.run(&["logs", "--dev"]);
    assert_eq!(absent.status.code(), Some(1), "{}", stderr(&absent));
    let dev = stage.dev(&[]);
    let session = "s".repeat(40);
    let ask = r#"{"lines": 200, "log": "it failed"}"#;
    stage.says(&["invoke", "--dev", "--session", &session, ask]);
    eventually(|| dev.out(), || dev.out().contains("ERROR   it failed"));
    let expected: Vec<String> = (0..200).map(|number| format!("line {number}\n")).collect();
    let expected = expected.concat();
    assert!(dev.out().starts_with(&expected), "{}", dev.out());
    let raw = stage.says(&["logs", "--dev", "--raw"]);
    assert!(raw.starts_with(&expected), "{raw}");
    let text = stage.says(&["logs", "--dev"]);
    let last = text.lines().last().unwrap();
    assert!(last.ends_with("Z ERROR   it failed"), "{last}");
    let of_session = stage.says(&["logs", "--dev", "--session", &session, "--output", "json"]);
    let line: serde_json::Value = serde_json::from_str(&of_session).unwrap();
    assert_eq!(line["record"]["message"], "it failed");
    assert_eq!(line["stream"], "seller");
    // The logs outlive the agent.
    assert_eq!(dev.ends(), Some(0));
    assert_eq!(stage.says(&["logs", "--dev"]), text);
    let nothing = stage.run(&["logs", "--dev", "-f"]);
    assert_eq!(nothing.status.code(), Some(1), "nothing can come");
}

#[test]
fn logs_follows_across_a_restart() {
    let stage = stage();
    let dev = stage.dev(&[]);
    let mut follower = stage
        .command(&["logs", "--dev", "-f", "--raw"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let seen = collect(follower.stdout.take().unwrap());
    let shows = |text: &str| {
        eventually(
            || format!("{:?}", seen.lock().unwrap()),
            || seen.lock().unwrap().contains(text),
        );
    };
    stage.says(&["invoke", "--dev", r#"{"lines": 2}"#]);
    shows("line 1");
    assert_eq!(dev.ends(), Some(0));
    let _dev = stage.dev(&[]);
    stage.says(&["invoke", "--dev", r#"{"lines": 3}"#]);
    shows("line 2");
    assert_eq!(seen.lock().unwrap().matches("line 1").count(), 2);
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn dev_runs_in_the_background_until_it_is_stopped() {
    let stage = stage();
    let idle = stage.run(&["dev", "--stop"]);
    assert!(idle.status.success(), "{}", stderr(&idle));
    let started = stage.run(&["dev", "--detach", "--port", "0"]);
    let err = stderr(&started);
    assert!(started.status.success(), "{err}");
    assert!(
        err.contains("`cargo agentcore dev --stop` stops it"),
        "{err}"
    );
    let url = String::from_utf8(started.stdout).unwrap();
    let port = url.trim_end().rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(ask(port, "", "{}").0, 200);
    let second = stage.run(&["dev", "--port", "0"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        stderr(&second).contains("agent `seller` is already running at http://127.0.0.1:"),
        "{}",
        stderr(&second)
    );
    stage.says(&["invoke", "--dev", r#"{"lines": 1}"#]);
    eventually(
        || stage.says(&["logs", "--dev"]),
        || stage.says(&["logs", "--dev"]).contains("line 0"),
    );
    let stopped = stage.run(&["dev", "--stop"]);
    assert!(
        stderr(&stopped).contains("Stopped `seller`"),
        "{}",
        stderr(&stopped)
    );
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    eventually(
        || format!("{:?} still run", stage.processes()),
        || stage.processes().is_empty(),
    );
}

#[test]
fn what_keeps_dev_from_starting_in_the_background_is_shown() {
    let stage = stage();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let taken = stage.run(&["dev", "--detach", "--port", &port]);
    assert_eq!(taken.status.code(), Some(1));
    assert!(stderr(&taken).contains("is in use"), "{}", stderr(&taken));
    stage.write("seller/__init__.py", "def f(:\n");
    stage.write("deployment/invoke.py", "import seller\n");
    let broken = stage.run(&["dev", "--detach", "--port", "0"]);
    let err = stderr(&broken);
    assert_eq!(broken.status.code(), Some(1), "{err}");
    assert!(err.contains("SyntaxError"), "{err}");
    stage.write("deployment/invoke.py", TALKER);
    eventually(
        || "it does not start after it was mended".to_owned(),
        || stage.run(&["invoke", "--dev", "{}"]).status.success(),
    );
    assert!(stage.run(&["dev", "--stop"]).status.success());
}

#[test]
fn a_dev_in_the_background_ends_with_its_folder() {
    let stage = stage();
    let started = stage.run(&["dev", "--detach", "--port", "0"]);
    let url = String::from_utf8(started.stdout).unwrap();
    let port: u16 = url.trim_end().rsplit(':').next().unwrap().parse().unwrap();
    fs::remove_dir_all(stage.path("target/agentcore")).unwrap();
    eventually(
        || "it still listens".to_owned(),
        || TcpStream::connect(("127.0.0.1", port)).is_err(),
    );
}
