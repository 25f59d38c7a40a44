//! AgentCore's data plane on this machine: agents deployed with `--local`, called by the real SDK,
//! by programs that sign nothing, and from the command line.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::format_push_string,
    reason = "tests touch the world and stop where it refuses"
)]

mod addresses;
mod agents;
mod clients;
mod failures;
mod faulty;
mod headers;
mod invoke_model;
mod limits;
mod many;
mod missing;
mod models;
mod protocols;
mod sdk;
mod sessions;
mod sockets;
mod tokens;
mod toolkit;
mod whole_way;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::support::{Cli, PATIENCE, Project, bed, eventually, wheels::with_uv};
use serde_json::{Value, json};

/// An agent controlled by its requests, see `agent.py`.
const AGENT: &str = include_str!("agent.py");

const SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";

/// A project whose agent `one` is deployed on this machine.
struct Place {
    project: Project,
    url: String,
    arn: String,
}

/// A request to the data plane.
#[derive(Clone)]
struct Ask<'a> {
    method: &'a str,
    target: String,
    headers: Vec<(&'a str, String)>,
    body: Vec<u8>,
}

#[derive(Debug)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Place {
    /// Deploys the agent of `agent.py` on this port, with more keys in its table.
    fn with(port: u16, keys: &str) -> Self {
        Self::of(project(port, keys))
    }

    fn new() -> Self {
        Self::with(8080, "")
    }

    /// Deploys the agent where the service's time limits are this many times shorter.
    fn hasty(divisor: u32, keys: &str) -> Self {
        let project = project(8080, keys);
        cli(&project, &["deploy", "--local"])
            .env("CARGO_AGENTCORE_TIME_DIVISOR", divisor.to_string())
            .run()
            .succeeds();
        Self::there(project)
    }

    fn of(project: Project) -> Self {
        cli(&project, &["deploy", "--local"]).run().succeeds();
        Self::there(project)
    }

    /// Uses a project whose agent is already deployed.
    fn there(project: Project) -> Self {
        let mut place = Self {
            project,
            url: String::new(),
            arn: String::new(),
        };
        place.url = place.cli(&["local", "start"]).run().succeeds().stdout;
        place.url.truncate(place.url.trim_end().len());
        let status = place.cli(&["status", "--local", "--output", "json"]).run();
        let status = status.succeeds().json();
        let arn = status["agents"][0]["runtime"]["arn"].as_str();
        arn.unwrap().clone_into(&mut place.arn);
        place
    }

    fn cli(&self, words: &[&str]) -> Cli {
        cli(&self.project, words)
    }

    /// Returns `POST …/invocations` for the endpoint DEFAULT.
    fn ask<'a>(&self, body: &Value) -> Ask<'a> {
        self.ask_for("POST", "invocations").body(body.to_string())
    }

    fn ask_for<'a>(&self, method: &'a str, path: &str) -> Ask<'a> {
        Ask {
            method,
            target: format!("/runtimes/{}/{path}", encoded(&self.arn)),
            headers: vec![("Content-Type", "application/json".to_owned())],
            body: Vec::new(),
        }
    }

    /// Returns what the agent saw of a request.
    fn look(&self, ask: Ask<'_>) -> Value {
        let reply = ask.body(json!({ "do": "look" }).to_string()).send(self);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.authority()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        stream
    }

    fn authority(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// Runs a script with `plane`, boto3's data plane client, `control`, and `arn`. Returns its
    /// output.
    fn boto3(&self, script: &str) -> String {
        let mut child = Command::new(bed::program(&bed::agents(), "python"))
            .arg("-")
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("ARN", &self.arn)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin
            .write_all(include_bytes!("prelude.py"))
            .and_then(|()| stdin.write_all(script.as_bytes()))
            .unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{script}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Returns a project with the agent of `agent.py` on this port, with more keys in its table.
fn project(port: u16, keys: &str) -> Project {
    Project::new()
        .agent_with("one", keys)
        .file("one/__init__.py", format!("PORT = {port}\n"))
        .file("deployment/invoke.py", AGENT)
        .file("deployment/requirements.txt", "")
}

impl Drop for Place {
    fn drop(&mut self) {
        // It would also end once its folder is gone, but later.
        self.cli(&["local", "stop"]).run();
    }
}

fn cli(project: &Project, words: &[&str]) -> Cli {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    with_uv(Cli::new(project))
        .env("CARGO_AGENTCORE_CACHE_DIR", cache)
        .limit(Duration::from_mins(10))
        .args(words)
}

impl<'a> Ask<'a> {
    fn header(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(there, _)| *there != name);
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn session(self, id: &str) -> Self {
        self.header(SESSION, id)
    }

    /// Returns the request, with `Host` and the length unless it has its own.
    fn bytes(&self, place: &Place) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let has = |name: &str| {
            let mut headers = self.headers.iter();
            headers.any(|(there, _)| there.eq_ignore_ascii_case(name))
        };
        if !has("host") {
            text += &format!("Host: {}\r\n", place.authority());
        }
        if !has("content-length") && !has("upgrade") {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        if !has("connection") {
            text += "Connection: close\r\n";
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        [text.as_bytes(), &self.body].concat()
    }

    fn send(&self, place: &Place) -> Reply {
        let mut stream = place.connect();
        stream.write_all(&self.bytes(place)).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Reply::read(&bytes)
    }
}

impl Reply {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let (first, rest) = head.split_once("\r\n").unwrap();
        let headers: Vec<(String, String)> = rest
            .split("\r\n")
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap();
                (name.to_ascii_lowercase(), value.to_owned())
            })
            .collect();
        let body = &bytes[end + 4..];
        let chunked = headers
            .iter()
            .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        Self {
            status: first.split(' ').nth(1).unwrap().parse().unwrap(),
            body: if chunked { joined(body) } else { body.to_vec() },
            headers,
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(there, _)| there == name);
        found.map(|(_, value)| value.as_str())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Returns the error's name and message.
    fn error(&self) -> (String, String) {
        let name = self
            .header("x-amzn-errortype")
            .unwrap_or_default()
            .to_owned();
        let message = self.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (name, message)
    }
}

/// A process's resources.
#[derive(Debug, Clone, Copy)]
struct Held {
    descriptors: usize,
    /// Resident memory in KiB.
    memory: usize,
}

impl Place {
    /// Returns the data plane's resources.
    fn held(&self) -> Held {
        let pid = self.pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|text| text.split_whitespace().next());
        Held {
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
            memory: memory.unwrap().parse().unwrap(),
        }
    }

    fn pid(&self) -> u32 {
        let status = self
            .cli(&["local", "status", "--output", "json"])
            .run()
            .succeeds();
        let pid = status.json()["emulator"]["pid"].as_u64();
        pid.unwrap().try_into().unwrap()
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        let kept = self.project.path().join("target/agentcore");
        let projects = fs::read_dir(kept).unwrap();
        let mut homes = projects.map(|project| project.unwrap().path().join("local"));
        homes.find(|home| home.is_dir()).unwrap().join(name)
    }

    /// Returns the log of the local AgentCore.
    fn log(&self) -> String {
        fs::read_to_string(self.file("ministack.log")).unwrap()
    }

    /// Returns the number of running sessions' folders.
    fn session_folders(&self) -> usize {
        fs::read_dir(self.file("agents/running")).map_or(0, Iterator::count)
    }

    /// Waits until the resources are those of before, except for connections that are kept for a
    /// few seconds.
    fn lets_go(&self, before: Held) {
        eventually(
            || format!("before {before:?}, now {:?}", self.held()),
            || self.held().descriptors <= before.descriptors + 2,
        );
    }
}

/// Decodes a chunked body.
fn joined(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n").unwrap();
        let length = std::str::from_utf8(&bytes[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return body;
        }
        bytes = &bytes[end + 2..];
        body.extend_from_slice(&bytes[..length]);
        bytes = &bytes[length + 2..];
    }
}

fn encoded(text: &str) -> String {
    text.replace(':', "%3A").replace('/', "%2F")
}

/// Returns a session ID that begins with `name`.
fn session(name: &str) -> String {
    format!("{name:-<40}")
}

/// Returns the header that the agent saw.
fn seen<'v>(look: &'v Value, name: &str) -> Option<&'v str> {
    let headers = look["headers"].as_array().unwrap();
    let found = headers
        .iter()
        .find(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name));
    found.map(|pair| pair[1].as_str().unwrap())
}
