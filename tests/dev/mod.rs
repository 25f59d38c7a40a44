//! `cargo agentcore dev`, through the real binary, a real Python and the real emulator.
//!
//! A test's emulator ends when its directory is removed.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot set its stage fails, and it writes the files of its stage"
)]

mod contract;
mod debug;
mod edits;
mod ending;
mod preload;
mod protocols;
mod requests;
mod rust;
mod sessions;
mod talking;
mod template;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::support::{
    self, PATIENCE, eventually,
    seller::{self, MANIFEST, SERVER},
    wheels,
};
use rustix::process::{Pid, Signal, kill_process};

/// Answers with what it sees; `{"sleep": SECONDS}` makes it wait first.
const AGENT: &str = r#"
import json
import os
import time

import seller
import server


class Agent(server.Agent):
    def invoke(self, asked):
        print("asked for", json.dumps(asked), flush=True)
        time.sleep(asked.get("sleep", 0))
        if "exit" in asked:
            os._exit(asked["exit"])
        names = ["FROM_TABLE", "FROM_FILE", "FROM_LINE", "AWS_ENDPOINT_URL", "OUTSIDE"]
        self.answer({
            "name": seller.NAME,
            "environment": {name: os.environ.get(name) for name in names},
            "headers": sorted(name.lower() for name in self.headers),
            "file": seller.__file__,
            "pid": os.getpid(),
        })


server.serve(Agent)
"#;

/// A project in its own directory.
struct Stage {
    dir: tempfile::TempDir,
}

/// A running `cargo agentcore dev`, and its output so far.
struct Dev {
    child: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
}

impl Stage {
    fn new() -> Self {
        let stage = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        stage.write("Cargo.toml", MANIFEST);
        stage.write("seller/__init__.py", "NAME = \"one\"\n");
        stage.write("deployment/invoke.py", AGENT);
        stage.write("deployment/server.py", SERVER);
        stage.write("deployment/requirements.txt", "");
        stage
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        let mut command = seller::agentcore(self.dir.path(), &cache, arguments);
        command.env("OUTSIDE", "of the user's shell");
        command
    }

    /// Starts `dev` without waiting until it serves.
    fn begin(&self, arguments: &[&str]) -> Dev {
        let mut child = self
            .command(&[&["dev"], arguments].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = collect(child.stdout.take().unwrap());
        let err = collect(child.stderr.take().unwrap());
        Dev { child, out, err }
    }

    /// Starts `dev` on a free port with its output in a file, and waits until the agent is ready.
    fn dev_into(&self, file: &str) -> Dev {
        let (words, file) = (["dev", "--port", "0"], self.path(file));
        let mut command = self.command(&words);
        command
            .stdout(Stdio::null())
            .stderr(fs::File::create(&file).unwrap());
        let dev = Dev {
            child: command.spawn().unwrap(),
            out: Arc::default(),
            err: follow(file),
        };
        dev.says("Using");
        dev
    }

    /// Starts `dev` on a free port and waits until the agent is ready.
    fn dev(&self, arguments: &[&str]) -> Dev {
        let dev = self.begin(&[&["--port", "0"], arguments].concat());
        dev.says("Using");
        dev
    }

    /// Edits the agent, and waits until it is ready again.
    #[track_caller]
    fn edit(&self, dev: &Dev, name: &str) {
        let starts = dev.starts();
        self.write("seller/__init__.py", format!("NAME = \"{name}\"\n"));
        eventually(|| dev.err(), || dev.starts() > starts);
    }

    /// Returns the processes that work in this project's folder.
    fn processes(&self) -> Vec<u32> {
        seller::processes(&self.path("target/agentcore/shop-7k2qpx/dev"))
    }
}

fn collect(from: impl std::io::Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let to = Arc::clone(&text);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            to.lock().unwrap().push_str(&(line + "\n"));
        }
    });
    text
}

/// Reads a file again and again until nobody needs its text.
fn follow(file: PathBuf) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let to = Arc::clone(&text);
    std::thread::spawn(move || {
        while Arc::strong_count(&to) > 1 {
            *to.lock().unwrap() = fs::read_to_string(&file).unwrap_or_default();
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    text
}

impl Dev {
    fn err(&self) -> String {
        self.err.lock().unwrap().clone()
    }

    fn out(&self) -> String {
        self.out.lock().unwrap().clone()
    }

    /// Waits until stderr contains the text.
    #[track_caller]
    fn says(&self, text: &str) {
        eventually(
            || format!("nothing says `{text}`:\n{}", self.err()),
            || self.err().contains(text),
        );
    }

    /// Returns how often an agent was ready.
    fn starts(&self) -> usize {
        self.err().matches("Ready").count()
    }

    /// Returns what was said about the last start.
    fn last_start(&self) -> String {
        let err = self.err();
        let last = err.lines().rfind(|line| line.contains("Ready"));
        last.unwrap_or_default().to_owned()
    }

    fn port(&self) -> u16 {
        let err = self.err();
        let line = err.lines().find(|line| line.contains("Serving")).unwrap();
        line.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Returns the status and body of an answer.
    fn asks(&self, headers: &str, body: &str) -> (u16, String) {
        ask(self.port(), headers, body)
    }

    fn answer(&self) -> serde_json::Value {
        let (status, body) = self.asks("", "{}");
        assert_eq!(status, 200, "{body}\n{}", self.err());
        serde_json::from_str(&body).unwrap()
    }

    #[track_caller]
    fn eventually_answers(&self, name: &str) {
        eventually(
            || format!("`{name}` does not answer:\n{}", self.err()),
            || {
                let (_, body) = self.asks("", "{}");
                body.contains(&format!("\"name\": \"{name}\""))
            },
        );
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Sends Ctrl-C. Returns the exit code.
    fn ends(self) -> Option<i32> {
        self.signal(Signal::INT);
        self.wait()
    }

    /// Waits for the end. Returns the exit code.
    fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(port: u16, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "POST /invocations HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len(),
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap_or("0").parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap_or_default().1;
    (status, body.to_owned())
}

#[test]
fn the_sources_answer_with_the_surroundings_of_an_agent() {
    let stage = Stage::new();
    stage.write(".env.local", "FROM_FILE='a file'\nFROM_LINE=file\n");
    stage.write(
        "Cargo.toml",
        format!(
            "{MANIFEST}file-systems = [{{ session-storage = \"/mnt/work\" }}]\n\
             permissions = [{{ memory = \"notes\" }}]\n\
             [workspace.metadata.agentcore.memories.notes]\n"
        ),
    );
    let dev = stage.dev(&["--env", "FROM_LINE=line"]);
    let (status, body) = dev.asks("X-Unknown: 1\r\n", "{}");
    assert_eq!(status, 200, "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["name"], "one");
    let environment = &answer["environment"];
    assert_eq!(environment["FROM_TABLE"], "table");
    assert_eq!(environment["FROM_FILE"], "a file");
    assert_eq!(environment["FROM_LINE"], "line");
    assert_eq!(environment["OUTSIDE"], serde_json::Value::Null);
    let emulator = environment["AWS_ENDPOINT_URL"].as_str().unwrap();
    assert!(dev.err().contains(emulator), "{}", dev.err());
    dev.says("note: the file system at `/mnt/work` is not mounted on this machine");
    dev.says(
        "uses the memory `notes`, which `dev` does not create: set MEMORY_NOTES_ID in `.env.local`",
    );
    let headers = answer["headers"].to_string();
    assert!(
        headers.contains("session-id") && !headers.contains("x-unknown"),
        "{headers}"
    );
    dev.says("the header `x-unknown` does not reach agent `seller`");
    eventually(|| dev.out(), || dev.out().contains("asked for {}\n"));
    assert_eq!(dev.ends(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_named_with_the_process_that_holds_it() {
    let stage = Stage::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let answer = stage.command(&["dev", "--port", &port]).output().unwrap();
    let err = String::from_utf8_lossy(&answer.stderr);
    assert_eq!(answer.status.code(), Some(1), "{err}");
    let expected = format!(
        "port {port} for agent `seller` is in use by process {}",
        std::process::id()
    );
    assert!(err.contains(&expected), "{err}");
}

#[test]
fn pages_from_elsewhere_are_refused_and_those_of_this_machine_are_served() {
    let stage = Stage::new();
    let dev = stage.dev(&[]);
    assert_eq!(dev.asks("Origin: https://evil.example\r\n", "{}").0, 403);
    assert_eq!(dev.asks("Origin: http://localhost:5173\r\n", "{}").0, 200);
    let (status, _) = dev.asks(
        "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id: short\r\n",
        "{}",
    );
    assert_eq!(status, 400, "as the service");
}

#[test]
fn a_file_of_variables_that_is_wrong_is_shown_with_its_line() {
    let stage = Stage::new();
    stage.write("my.env", "A=1\nnot a variable\n");
    let dev = stage.begin(&["--port", "0", "--env-file", "my.env"]);
    dev.says("my.env:2:1");
    dev.says("Using");
    stage.write("my.env", "FROM_FILE=1\n");
    dev.eventually_answers("one");
    let absent = stage
        .command(&["dev", "--env-file", "absent.env"])
        .output()
        .unwrap();
    assert_eq!(absent.status.code(), Some(2));
}

#[test]
fn agents_run_side_by_side_each_at_an_address_of_its_own() {
    let stage = Stage::new();
    let second = MANIFEST.replace("agents.seller]", "agents.buyer]");
    let second = second
        .split("\n\n")
        .nth(1)
        .unwrap()
        .replace("deployment\"", "deployment2\"");
    stage.write("Cargo.toml", format!("{MANIFEST}\n{second}"));
    stage.write("deployment2/invoke.py", AGENT);
    stage.write("deployment2/server.py", SERVER);
    stage.write("deployment2/requirements.txt", "");
    let refused = stage.command(&["dev", "--port", "8080"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let dev = stage.dev(&[]);
    let err = dev.err();
    let ports: Vec<u16> = err
        .lines()
        .filter(|line| line.contains("Serving"))
        .map(|line| line.rsplit(':').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(ports.len(), 2, "{err}");
    for port in ports {
        assert_eq!(ask(port, "", "{}").0, 200);
    }
    eventually(
        || dev.out(),
        || dev.out().contains("buyer | asked") && dev.out().contains("seller | asked"),
    );
    stage.write("Cargo.toml", MANIFEST.replace("source =", "sorce ="));
    dev.says("sorce");
    stage.write(".env.local", "not a variable\n");
    stage.write("Cargo.toml", format!("{MANIFEST}\n{second}"));
    dev.says(".env.local:1:1");
    let err = dev.err();
    for once in ["unknown key `sorce`", ".env.local:1:1"] {
        assert_eq!(err.matches(once).count(), 1, "{err}");
    }
}

/// The root is on every agent's path, because in AWS it contains the dependencies.
#[test]
fn an_entry_point_in_a_folder_finds_the_modules_at_the_root() {
    let stage = Stage::new();
    let manifest = format!("{MANIFEST}entrypoint = \"run/start.py\"\n");
    stage.write("Cargo.toml", manifest);
    fs::remove_file(stage.path("deployment/invoke.py")).unwrap();
    stage.write("deployment/run/start.py", AGENT);
    let dev = stage.dev(&[]);
    let (status, answer) = dev.asks("", "{}");
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("\"one\""), "{answer}");
}

#[test]
fn what_answers_for_models_is_chosen_for_one_run() {
    let stage = Stage::new();
    let wrong = stage
        .command(&["dev", "--models", "ollama"])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    let url = "http://127.0.0.1:9/v1";
    let dev = stage.dev(&["--models", url]);
    let status = stage
        .command(&["local", "status", "--output", "json"])
        .output()
        .unwrap();
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["emulator"]["models"], url, "{status}");
    drop(dev);
}
