//! A serving entry point, and plain requests to it.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Generated,
    support::emulator::{ACCESS_KEY, SECRET_KEY, free_port},
};

/// A running agent on 127.0.0.1, killed on drop.
pub(crate) struct Served {
    child: Child,
    port: u16,
    log: PathBuf,
}

pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Served {
    /// Starts `deployment/<entry>` as the runtime does, and waits until it answers /ping.
    pub(crate) fn start(project: &Generated, entry: &str, variables: &[(&str, &str)]) -> Self {
        // Another process may take the port between its choice and its use.
        for _ in 0..5 {
            let mut agent = Self::attempt(project, entry, variables);
            if agent.answers() {
                return agent;
            }
            let log = agent.log();
            assert!(
                log.contains("address already in use"),
                "{entry} does not start:\n{log}"
            );
        }
        panic!("{entry} found no free port");
    }

    fn attempt(project: &Generated, entry: &str, variables: &[(&str, &str)]) -> Self {
        let port = free_port();
        let log = project.root.path().join(format!("{entry}-{port}.log"));
        let child = project
            .program("python")
            .arg(entry)
            .current_dir(project.path().join("deployment"))
            .env("PORT", port.to_string())
            .env("HOST", "127.0.0.1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(File::create(&log).unwrap())
            .stderr(File::options().append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, port, log }
    }

    fn answers(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_mins(1) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            if request(self.port, "GET /ping", "").is_ok_and(|answer| answer.status == 200) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn get(&self, path: &str) -> Answered {
        self.request(&format!("GET {path}"), "")
    }

    /// Sends an invocation with any body.
    pub(crate) fn post(&self, body: &str) -> Answered {
        self.request("POST /invocations", body)
    }

    pub(crate) fn invoke(&self, payload: &Value) -> Answered {
        self.post(&payload.to_string())
    }

    /// Sends an invocation in a session.
    pub(crate) fn invoke_in(&self, session: &str, payload: &Value) -> Answered {
        let line = in_session(session);
        self.request(&line, &payload.to_string())
    }

    /// Sends an invocation and disconnects before the answer.
    pub(crate) fn abandon(&self, session: &str, payload: &Value, after: Duration) {
        let stream = send(self.port, &in_session(session), &payload.to_string()).unwrap();
        std::thread::sleep(after);
        drop(stream);
    }

    /// Sends a request. `line` is its first line, optionally with headers.
    fn request(&self, line: &str, body: &str) -> Answered {
        request(self.port, line, body)
            .unwrap_or_else(|error| panic!("{line}: {error}; the agent said:\n{}", self.log()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answered {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("no JSON: {error}\n{}", self.body))
    }

    /// Returns the data of each server-sent event.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        self.body
            .split_terminator("\n\n")
            .map(|event| {
                let data = event
                    .strip_prefix("data: ")
                    .unwrap_or_else(|| panic!("no event: {event}"));
                serde_json::from_str(data).unwrap()
            })
            .collect()
    }

    /// Returns the text of the whole stream.
    #[track_caller]
    pub(crate) fn streamed_text(&self) -> String {
        let events = self.events();
        let pieces = events.iter().map(|event| {
            event
                .as_str()
                .unwrap_or_else(|| panic!("a piece of text, not {event}"))
        });
        pieces.collect()
    }
}

fn in_session(session: &str) -> String {
    format!("POST /invocations HTTP/1.0\r\nX-Amzn-Bedrock-AgentCore-Runtime-Session-Id: {session}")
}

/// Uses HTTP/1.0, so that a stream arrives unchanged and ends with its connection.
fn send(port: u16, line: &str, body: &str) -> std::io::Result<TcpStream> {
    let version = if line.contains(" HTTP/") {
        ""
    } else {
        " HTTP/1.0"
    };
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_mins(1)))?;
    write!(
        stream,
        "{line}{version}\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    Ok(stream)
}

fn request(port: u16, line: &str, body: &str) -> std::io::Result<Answered> {
    let mut stream = send(port, line, body)?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok(Answered {
        status: status.ok_or_else(|| std::io::Error::other(format!("no answer: {text}")))?,
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    })
}
