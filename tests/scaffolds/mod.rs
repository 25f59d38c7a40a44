//! The templates: what `new` writes is checked with its users' tools and runs under the real SDK.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod conversation;
mod estimate;
mod price_list;
mod readme;
mod served;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{self, Cli, Emulator, Ministack, bed};
use serde_json::{Value, json};
use served::Served;
use tempfile::TempDir;

const TEMPLATES: [&str; 3] = ["strands", "cost-estimator", "echo"];

/// A project created by the real binary, with its creator's home next to it.
struct Generated {
    root: TempDir,
}

impl Generated {
    fn new(template: &str) -> Self {
        Self::named(template, "my-agent").0
    }

    /// Creates an agent with this name. Returns the output too.
    fn named(template: &str, name: &str) -> (Self, String) {
        let root = tempfile::tempdir().unwrap();
        let made = Cli::in_directory(root.path(), root.path())
            .args(["new", "my-agent", "--template", template, "--yes"])
            .args(["--region", "us-east-1", "--vcs", "none", "--name", name])
            .run()
            .succeeds();
        (Self { root }, made.stderr)
    }

    /// Creates a prepared project, so that the entry points find the agent's package next to them.
    fn prepared(template: &str, emulator: &Emulator) -> Self {
        let project = Self::new(template);
        project.prepare(emulator);
        project
    }

    fn prepare(&self, emulator: &Emulator) {
        Cli::in_directory(&self.path(), self.root.path())
            .on(emulator)
            .arg("prepare")
            .run()
            .succeeds();
    }

    fn path(&self) -> PathBuf {
        self.root.path().join("my-agent")
    }

    /// Returns a program of the users' environment, in the project's directory, with only PATH set.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(bed::program(&bed::agents(), name));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root.path().join("home"))
            .current_dir(self.path());
        command
    }
}

#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A package with such a name would shadow a module that the agent imports, or could not be
/// imported.
#[test]
fn an_agent_may_have_any_name_and_starts() {
    let emulator = Ministack::start();
    for name in ["json", "class", "strands"] {
        let (project, said) = Generated::named("echo", name);
        let note =
            format!("note: the agent's package is called `{name}_agent`: one called `{name}` ");
        assert!(said.contains(&note), "{said}");
        let manifest = std::fs::read_to_string(project.path().join("Cargo.toml")).unwrap();
        let table = format!(".agents.{name}]\nsource = \"{name}_agent\"\n");
        assert!(manifest.contains(&table), "{manifest}");
        project.prepare(&emulator);
        Served::start(&project, "invoke.py", &[]);
    }
}

#[test]
fn every_template_is_listed() {
    let root = tempfile::tempdir().unwrap();
    let listed = Cli::in_directory(root.path(), root.path())
        .args(["new", "--list"])
        .run()
        .succeeds();
    let names: Vec<&str> = listed
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let rust = ["rust", "rust-mcp", "rust-a2a"];
    assert_eq!(names, [&TEMPLATES[..], &rust].concat());
}

/// In addition to ruff's defaults: annotations, docstrings, current syntax, and the default line
/// length.
#[test]
fn the_code_is_formatted_typed_and_without_a_finding() {
    for template in TEMPLATES {
        let project = Generated::new(template);
        succeeds(
            project
                .program("ruff")
                .args(["check", "--isolated", "--no-cache"]),
        );
        succeeds(
            project
                .program("ruff")
                .args(["check", "--isolated", "--no-cache", "--ignore", "ANN401"])
                .args(["--select", "E,F,W,I,UP,B,SIM,ANN,ASYNC,RUF,D"])
                .args(["--config", "lint.pydocstyle.convention='google'"]),
        );
        succeeds(
            project
                .program("ruff")
                .args(["format", "--check", "--isolated", "--no-cache"]),
        );
        succeeds(
            project
                .program("mypy")
                .args(["--strict", "--ignore-missing-imports"])
                .args(["--explicit-package-bases", "--python-version", "3.13"])
                .arg("--cache-dir")
                .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("mypy"))
                .args([
                    "my_agent",
                    "deployment/invoke.py",
                    "deployment/invoke_async.py",
                    "tests",
                ]),
        );
        succeeds(
            project
                .program("python")
                .args(["-m", "compileall", "-q", "."]),
        );
    }
}

#[test]
fn echo_answers_and_streams_under_the_real_sdk() {
    let emulator = Ministack::start();
    let project = Generated::prepared("echo", &emulator);

    let whole = Served::start(&project, "invoke.py", &[]);
    let ping = whole.get("/ping");
    assert_eq!(ping.status, 200);
    assert_eq!(ping.json()["status"], "Healthy");
    let answer = whole.invoke(&json!({"prompt": "こんにちは"}));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({"answer": "You said: こんにちは"}));

    let pieces = Served::start(&project, "invoke_async.py", &[]);
    let answer = pieces.invoke(&json!({"prompt": "hello there"}));
    assert!(
        answer.head.contains("content-type: text/event-stream"),
        "{}",
        answer.head
    );
    assert_eq!(
        answer.body,
        "data: \"You \"\n\ndata: \"said: \"\n\ndata: \"hello \"\n\ndata: \"there\"\n\n"
    );
    let verse = pieces.invoke(&json!({"prompt": " two  words\nand a line\n"}));
    assert_eq!(verse.streamed_text(), "You said:  two  words\nand a line\n");

    for agent in [&whole, &pieces] {
        let bad = agent.post("{\"prompt\": ");
        assert_eq!(
            (bad.status, &bad.json()["error"]),
            (400, &json!("Invalid JSON"))
        );
        for payload in [
            json!({}),
            json!({"prompt": " "}),
            json!({"prompt": 1}),
            json!("x"),
        ] {
            let refused = agent.invoke(&payload);
            assert_eq!(refused.status, 400, "{payload}: {}", refused.body);
            assert_eq!(
                refused.json()["error"],
                "the payload needs a prompt: {\"prompt\": \"...\"}"
            );
        }
        assert_eq!(agent.get("/ping").status, 200);
    }
}

/// Another loopback address: a server on all interfaces would answer.
#[cfg(target_os = "linux")]
#[test]
fn the_port_is_the_one_asked_for_on_the_interface_asked_for() {
    let emulator = Ministack::start();
    let project = Generated::prepared("echo", &emulator);
    let agent = Served::start(&project, "invoke.py", &[]);
    assert!(std::net::TcpStream::connect(("127.0.0.2", agent.port())).is_err());
}

/// Checks what the SDK passes to its server without serving, because no test listens on all
/// interfaces.
#[test]
fn only_the_runtime_brings_every_interface() {
    let refused = |port| format!("PORT must be a port number from 1 to 65535, not '{port}'");
    let cases = [
        (json!({}), "127.0.0.1 8080".to_owned()),
        (json!({"PORT": "9123"}), "127.0.0.1 9123".into()),
        (json!({"DOCKER_CONTAINER": "1"}), "0.0.0.0 8080".into()),
        (
            json!({"DOCKER_CONTAINER": "1", "HOST": "127.0.0.1"}),
            "127.0.0.1 8080".into(),
        ),
        (json!({"PORT": "http"}), refused("http")),
        (json!({"PORT": "0"}), refused("0")),
        (json!({"PORT": "65536"}), refused("65536")),
        (json!({"PORT": "-1"}), refused("-1")),
    ];
    let (variables, wanted): (Vec<Value>, Vec<String>) = cases.into_iter().unzip();
    for template in TEMPLATES {
        let project = Generated::new(template);
        for entry in ["deployment/invoke.py", "deployment/invoke_async.py"] {
            let printed = succeeds(
                project
                    .program("python")
                    .args(["-c", SERVERS_ASKED_FOR, entry])
                    .arg(Value::from(variables.clone()).to_string()),
            );
            let lines: Vec<&str> = printed.lines().collect();
            assert_eq!(lines, wanted, "{template} {entry}");
        }
    }
}

/// The tests may run in a container, which the SDK detects by a file.
const SERVERS_ASKED_FOR: &str = r#"
import json, os, runpy, sys
import uvicorn

exists = os.path.exists
os.path.exists = lambda path: path != "/.dockerenv" and exists(path)
uvicorn.run = lambda app, *, host, port, **_: print(host, port)
sys.path.insert(0, os.getcwd())
before = dict(os.environ)
for variables in json.loads(sys.argv[2]):
    os.environ.clear()
    os.environ.update(before | variables)
    try:
        runpy.run_path(sys.argv[1], run_name="__main__")
    except SystemExit as refused:
        print(refused)
"#;
