//! `cargo agentcore local`, through the real binary and the real emulator.
//!
//! Emulators end when their directory is removed, so a failing test leaves none.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot set its stage fails, and it writes the files of its stage"
)]

#[cfg(target_os = "linux")]
mod agents;
mod cleaning;
mod guard;
mod installing;
#[cfg(target_os = "linux")]
mod kills;
#[cfg(unix)]
mod links;
mod looks;
#[cfg(unix)]
mod machine;
#[cfg(target_os = "linux")]
mod memories;
#[cfg(unix)]
mod processes;
#[cfg(target_os = "linux")]
mod together;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{
    eventually,
    seller::{self, MANIFEST, SERVER},
};

/// A project in its own directory.
struct Stage {
    dir: tempfile::TempDir,
    cache: PathBuf,
}

struct Answer {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// An agent that needs only Python and answers with its request.
const AGENT: &str = r#"
import json

import seller
import server


class Agent(server.Agent):
    def invoke(self, asked):
        print("asked for", json.dumps(asked), flush=True)
        self.answer({"asked": asked})


server.serve(Agent)
"#;

impl Stage {
    /// Uses the installation shared by all tests.
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

    /// Returns any command, without the user's AWS variables.
    fn agentcore(&self, arguments: &[&str]) -> Command {
        seller::agentcore(self.dir.path(), &self.cache, arguments)
    }

    fn does(&self, arguments: &[&str], code: i32) -> Answer {
        let answer = Answer::of(self.agentcore(arguments).output().unwrap());
        assert_eq!(answer.code, Some(code), "{arguments:?}: {}", answer.stderr);
        answer
    }

    /// Adds an agent for commands to work on.
    fn with_sources(self) -> Self {
        for (path, text) in [
            ("seller/__init__.py", ""),
            ("deployment/invoke.py", AGENT),
            ("deployment/server.py", SERVER),
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

/// Sends a request as it is. Returns the complete answer.
fn exchange(url: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address(url)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Sends a request to a service of the emulator. Returns the complete answer.
fn ask(url: &str, service: &str, line: &str, body: &str) -> String {
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nX-Amz-Date: 20260101T000000Z\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n{body}",
        address(url),
        body.len(),
    );
    exchange(url, &request)
}

#[test]
fn it_starts_once_is_shown_and_stops() {
    let stage = Stage::new();
    let shown = stage.run(&["status"]);
    assert_eq!(
        (shown.stdout.as_str(), shown.stderr.as_str()),
        ("", "not running\n")
    );
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
    assert!(stage.stop().stderr.contains("no emulator is running"));
}

#[test]
fn it_listens_on_the_loopback_interface_only() {
    let stage = Stage::new();
    let url = stage.start();
    let port = url.rsplit(':').next().unwrap();
    // Another loopback address: a server on all interfaces would answer.
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
            "invalid project identity `shop 7`",
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
            "using the emulator of project `shop-7k2qpx`",
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
    eventually(|| "it still answers", || !is_reachable(&url));
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
        eventually(|| "the first one still answers", || !is_reachable(&first));
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
