//! What is deployed with `--local` answers.

use rustix::process::{Pid, Signal, kill_process};

use super::*;

impl Stage {
    pub(super) fn deployed() -> Self {
        let stage = Self::new().with_sources();
        stage.does(&["deploy", "--local"], 0);
        stage
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        fs::write(self.dir.path().join(path), text).unwrap();
    }

    pub(super) fn says(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.does(words, 0).stdout).unwrap()
    }

    /// Returns the project's only process with this text in its command.
    fn process(&self, text: &str) -> u32 {
        let mut pids = self.processes();
        pids.retain(|pid| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            command.contains(text)
        });
        assert_eq!(pids.len(), 1, "{text}: {pids:?}");
        pids[0]
    }

    /// Returns the processes that work in this project's folder, by PID.
    pub(super) fn processes(&self) -> Vec<u32> {
        let home = self.home();
        seller::processes(&home.canonicalize().unwrap_or(home))
    }
}

/// Invokes an agent as any program could. Returns the complete answer.
fn invoke(url: &str, arn: &str, headers: &str, body: &str) -> String {
    let arn = arn.replace(':', "%3A").replace('/', "%2F");
    let request = format!(
        "POST /runtimes/{arn}/invocations?qualifier=DEFAULT HTTP/1.1\r\nHost: {}\r\n\
         Connection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        address(url),
        body.len(),
    );
    exchange(url, &request)
}

#[test]
fn the_agent_itself_answers_and_its_lines_are_logged() {
    let stage = Stage::deployed();
    assert_eq!(
        stage.says(&["invoke", "--local", r#"{"a": 1}"#]),
        json!({ "asked": { "a": 1 } })
    );
    eventually(
        || "the line is not there",
        || {
            let lines = stage.does(&["logs", "--local", "--raw"], 0).stdout;
            lines.contains(r#"asked for {"a": 1}"#)
        },
    );
    let before = stage.processes();
    let checked = stage.does(&["check", "--against", "local"], 0);
    assert_eq!(checked.stdout, "");
    assert!(
        checked
            .stderr
            .contains("with 2 requests; its sessions are stopped afterwards")
            && checked
                .stderr
                .contains("0 errors, 0 warnings, 6 rules passed"),
        "{}",
        checked.stderr
    );
    assert_eq!(stage.processes(), before);
    stage.does(&["clean", "--local", "--yes"], 0);
    assert_eq!(stage.processes(), Vec::<u32>::new());
}

/// A session keeps the code that it began with, a new one gets the new code, and an older version
/// answers again when the endpoint points to it.
#[test]
fn the_version_that_the_endpoint_leads_to_is_what_answers() {
    let stage = Stage::deployed();
    stage.does(&["endpoint", "set", "prod", "--version", "1", "--local"], 0);
    let prod = ["invoke", "--local", "--endpoint", "prod", "{}"];
    assert_eq!(stage.says(&prod), json!({ "asked": {} }));
    stage.says(&["invoke", "--local", "{}"]);
    stage.write(
        "deployment/invoke.py",
        &AGENT.replace("\"asked\":", "\"newly asked\":"),
    );
    stage.does(&["deploy", "--local"], 0);
    let going_on = ["invoke", "--local", "--continue", "{}"];
    assert_eq!(stage.says(&going_on), json!({ "asked": {} }));
    assert_eq!(
        stage.says(&["invoke", "--local", "{}"]),
        json!({ "newly asked": {} })
    );
    assert_eq!(stage.says(&prod), json!({ "asked": {} }));
    stage.does(&["endpoint", "set", "prod", "--version", "2", "--local"], 0);
    assert_eq!(stage.says(&prod), json!({ "newly asked": {} }));
    stage.does(&["rollback", "--local", "--endpoint", "prod"], 0);
    assert_eq!(stage.says(&prod), json!({ "asked": {} }));
    stage.stop();
}

#[test]
fn a_stopped_session_is_gone() {
    let stage = Stage::deployed();
    stage.says(&["invoke", "--local", "{}"]);
    let shims = |stage: &Stage| stage.processes().len();
    let running = shims(&stage);
    let stopped = stage.does(&["stop-session", "--local"], 0);
    assert!(
        stopped.stderr.contains("Stopped session"),
        "{}",
        stopped.stderr
    );
    eventually(|| "the agent still runs", || shims(&stage) < running);
    stage.does(&["invoke", "--local", "--continue", "{}"], 1);
    stage.stop();
}

#[test]
fn what_the_agent_prints_explains_its_failure() {
    let stage = Stage::new().with_sources();
    stage.write(
        "deployment/invoke.py",
        "import seller\nraise SystemExit('no seller today')\n",
    );
    stage.does(&["deploy", "--local"], 0);
    let answer = stage.does(&["invoke", "--local", "{}"], 1);
    assert!(
        answer.stderr.contains("no seller today"),
        "{}",
        answer.stderr
    );
    stage.write("deployment/invoke.py", AGENT);
    stage.write("deployment/server.py", &SERVER.replace("8080", "5000"));
    stage.does(&["deploy", "--local"], 0);
    let url = stage.start();
    let arn = stage.arn();
    let answer = invoke(&url, &arn, "", "{}");
    assert!(answer.starts_with("HTTP/1.1 424 "), "{answer}");
    assert!(
        answer.contains("x-amzn-errortype: RuntimeClientError"),
        "{answer}"
    );
    assert!(
        answer.contains("The agent listens on port 5000, and AgentCore calls port 8080"),
        "{answer}"
    );
    stage.stop();
}

impl Stage {
    fn arn(&self) -> String {
        let answer = self.does(&["status", "--local", "--output", "json"], 0);
        let status: Value = serde_json::from_str(&answer.stdout).unwrap();
        status["agents"][0]["runtime"]["arn"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

#[test]
fn a_program_without_a_signature_is_answered_and_a_page_is_not() {
    let stage = Stage::deployed();
    let (url, arn) = (stage.start(), stage.arn());
    let answer = invoke(&url, &arn, "", "{\"b\": 2}");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        answer.contains("x-amzn-bedrock-agentcore-runtime-session-id: "),
        "{answer}"
    );
    assert!(answer.ends_with("{\"asked\": {\"b\": 2}}"), "{answer}");
    let answer = invoke(&url, &arn, "Origin: https://evil.example\r\n", "{}");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let answer = invoke(&url, &arn.replace("seller", "buyer"), "", "{}");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let short = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id: short\r\n";
    let answer = invoke(&url, &arn, short, "{}");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    stage.stop();
}

/// An agent that ignores SIGTERM and has a child ends with any of its parents.
#[test]
fn whatever_is_killed_no_process_is_left() {
    let stage = Stage::new().with_sources();
    let stubborn = format!(
        "import signal, subprocess, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
         subprocess.Popen([sys.executable, '-c', 'import signal, time; \
         signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)', sys.argv[0]])\n{AGENT}"
    );
    stage.write("deployment/invoke.py", &stubborn);
    stage.does(&["deploy", "--local"], 0);
    stage.says(&["invoke", "--local", "{}"]);
    let data_plane = stage.pid();
    assert_eq!(
        stage.processes().len(),
        5,
        "data plane, ministack, shim, agent and its child"
    );
    let kill = |pid: u32, signal| {
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    };
    kill(data_plane, Signal::KILL);
    eventually(|| "a process is left", || stage.processes().is_empty());
    stage.says(&["invoke", "--local", "{}"]);
    kill(stage.pid(), Signal::TERM);
    eventually(|| "a process is left", || stage.processes().is_empty());
    stage.says(&["invoke", "--local", "{}"]);
    stage.stop();
    assert_eq!(stage.processes(), Vec::<u32>::new());
    // No process is left to end what the agent started; the next command does it.
    for next in [&["local", "stop"][..], &["invoke", "--local", "{}"]] {
        stage.says(&["invoke", "--local", "{}"]);
        let shim = stage.process(" local-agent ");
        let data_plane = stage.pid();
        let child = stage.process("time.sleep(600)");
        kill(data_plane, Signal::STOP);
        kill(shim, Signal::KILL);
        eventually(
            || "the process around the agent is left",
            || !stage.processes().contains(&shim),
        );
        kill(data_plane, Signal::KILL);
        eventually(
            || "another process is left",
            || stage.processes() == [child],
        );
        stage.does(next, 0);
        assert!(!stage.processes().contains(&child), "{next:?}");
        stage.stop();
    }
}

/// An agent that ended is restarted for the next request.
#[test]
fn a_killed_agent_is_started_again() {
    let stage = Stage::deployed();
    let before = stage.processes();
    stage.says(&["invoke", "--local", "{}"]);
    let agents: Vec<u32> = stage.processes();
    for pid in agents.into_iter().filter(|pid| !before.contains(pid)) {
        let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        // The shim may have ended with the agent.
        let _ = kill_process(pid, Signal::KILL);
    }
    eventually(
        || "an agent is left",
        || stage.processes().len() <= before.len(),
    );
    stage.says(&["invoke", "--local", "--continue", "{}"]);
    stage.stop();
}
