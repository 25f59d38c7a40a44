//! The AWS emulators. Each runs on 127.0.0.1 with its own port, and serves one test at a time.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{bed, waiting::PATIENCE};

/// Credentials that only work with an emulator.
pub const ACCESS_KEY: &str = "test";
pub const SECRET_KEY: &str = "test";

/// ministack: correct shapes, a DEFAULT endpoint, a data plane, IAM enforcement with `AUTH=true`.
pub struct Ministack;

/// moto: keeps tags on runtimes, creates no DEFAULT endpoint, leaves an updated runtime in
/// UPDATING.
pub struct Moto;

/// A running emulator. Dropping it stops it, or empties it for the next test.
pub struct Emulator {
    /// `None` after it was dropped.
    process: Option<Process>,
    is_reused: bool,
}

/// Emulators that no test is using. Most of the start of one is spent on loading Python modules.
static UNUSED: Mutex<Vec<Process>> = Mutex::new(Vec::new());

/// The process of an emulator, which ends with this one at the latest.
struct Process {
    child: Child,
    port: u16,
    account: String,
    log: PathBuf,
    /// The path prefix of the emulator's own API.
    own: &'static str,
    _directory: TempDir,
}

/// Of ministack's own API.
const MINISTACK: &str = "/_ministack";
/// Of moto's own API.
const MOTO: &str = "/moto-api";

impl Ministack {
    pub fn start() -> Emulator {
        Emulator::reused(MINISTACK, || Self::process(&[]))
    }

    /// Starts it with ministack's own variables, such as `AUTH=true` or `MINISTACK_ACCOUNT_ID`.
    pub fn start_with(variables: &[(&str, &str)]) -> Emulator {
        Emulator {
            process: Some(Self::process(variables)),
            is_reused: false,
        }
    }

    fn process(variables: &[(&str, &str)]) -> Process {
        let account = variables
            .iter()
            .find(|(name, _)| *name == "MINISTACK_ACCOUNT_ID")
            .map_or("000000000000", |(_, account)| account);
        Process::start(account, MINISTACK, |command, port| {
            command
                .arg("ministack.app")
                .env("BIND_HOST", "127.0.0.1")
                .env("GATEWAY_PORT", port)
                .envs(variables.iter().copied());
        })
    }
}

impl Moto {
    pub fn start() -> Emulator {
        Emulator::reused(MOTO, || {
            Process::start("123456789012", MOTO, |command, port| {
                command.args(["moto.server", "--host", "127.0.0.1", "--port", port]);
            })
        })
    }
}

impl Emulator {
    /// Takes an emulator that an earlier test has left, or starts one.
    fn reused(own: &str, start: impl FnOnce() -> Process) -> Self {
        let mut unused = UNUSED.lock().unwrap();
        let left = unused.iter().position(|process| process.own == own);
        let left = left.map(|at| unused.swap_remove(at));
        drop(unused);
        Self {
            process: Some(left.unwrap_or_else(start)),
            is_reused: true,
        }
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("it was not dropped")
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    pub fn port(&self) -> u16 {
        self.process().port
    }

    /// Returns the emulator's account.
    pub fn account(&self) -> &str {
        &self.process().account
    }

    pub fn pid(&self) -> u32 {
        self.process().child.id()
    }

    /// Deletes everything, which is faster than a restart.
    pub fn reset(&self) {
        let answer = self.process().reset().expect("the emulator answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "reset: {answer}");
    }

    /// Returns the emulator's output so far, which may begin with that of earlier tests.
    pub fn log(&self) -> String {
        self.process().log()
    }

    /// Sends a request to the emulator's own API; returns the raw answer.
    pub fn post(&self, path: &str, body: &str) -> String {
        let answer = self.process().post(path, body);
        answer.expect("the emulator answers")
    }
}

impl Process {
    /// Retries, because another process may take the port before the emulator does.
    fn start(account: &str, own: &'static str, configure: impl Fn(&mut Command, &str)) -> Self {
        let python = bed::program(&bed::emulators(), "python");
        let mut said = String::new();
        for _ in 0..5 {
            let directory = tempfile::tempdir().unwrap();
            let log = directory.path().join("log");
            let port = free_port();
            let mut command = Command::new(&python);
            command
                .arg(support("launch.py"))
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .env("HOME", directory.path())
                .env("TMPDIR", directory.path())
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .current_dir(directory.path())
                .stdin(Stdio::piped())
                .stdout(std::fs::File::create(&log).unwrap())
                .stderr(std::fs::File::options().append(true).open(&log).unwrap());
            configure(&mut command, &port.to_string());
            let mut emulator = Self {
                child: command.spawn().expect("the test bed's python starts"),
                port,
                account: account.to_owned(),
                log,
                own,
                _directory: directory,
            };
            if emulator.is_healthy_within(Duration::from_mins(1)) {
                return emulator;
            }
            said = emulator.log();
        }
        panic!("the emulator does not start; the last attempt said:\n{said}");
    }

    fn is_healthy_within(&mut self, limit: Duration) -> bool {
        let health = match self.own {
            MOTO => "/moto-api/data.json",
            _ => "/_ministack/health",
        };
        let start = Instant::now();
        while start.elapsed() < limit {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            if request(self.port, &format!("GET {health} HTTP/1.1"), "")
                .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    fn reset(&self) -> std::io::Result<String> {
        self.post(&format!("{}/reset", self.own), "")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn post(&self, path: &str, body: &str) -> std::io::Result<String> {
        request(self.port, &format!("POST {path} HTTP/1.1"), body)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The emulator may already be gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let Some(process) = self.process.take() else {
            return;
        };
        // After a failure, what else goes on with the emulator is unknown.
        if !self.is_reused || std::thread::panicking() {
            return;
        }
        let answer = process.reset().unwrap_or_default();
        if answer.starts_with("HTTP/1.1 200")
            && let Ok(mut unused) = UNUSED.lock()
        {
            unused.push(process);
        }
    }
}

/// Returns the output of a boto3 script, which can use `client(service, region)`, `account`,
/// `endpoint` and `json`.
pub fn boto3(emulator: &Emulator, script: &str) -> String {
    python(emulator, script, &[])
}

/// Lists all resources in the regions that the tests use.
pub fn listing(emulator: &Emulator) -> Value {
    listing_of(emulator, &["us-east-1", "us-west-2", "eu-central-1"])
}

/// Lists all resources in these regions, without volatile values, so that listings can be compared.
pub fn listing_of(emulator: &Emulator, regions: &[&str]) -> Value {
    let regions = regions.join(",");
    let printed = python(
        emulator,
        include_str!("listing.py"),
        &[("LISTING_REGIONS", &regions)],
    );
    serde_json::from_str(&printed).expect("listing.py prints JSON")
}

fn python(emulator: &Emulator, script: &str, variables: &[(&str, &str)]) -> String {
    let variables: Map<String, Value> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    let request = json!({
        "script": script,
        "endpoint": emulator.url(),
        "account": emulator.account(),
        "variables": variables,
    });
    let idle = IDLE.lock().unwrap().pop();
    let mut worker = idle.unwrap_or_else(Worker::start);
    let answer = worker.ask(&request);
    IDLE.lock().unwrap().push(worker);
    assert!(
        answer["error"].is_null(),
        "the script failed:\n{script}\n{}\nthe emulator's log ends with:\n{}",
        answer["error"].as_str().unwrap_or_default(),
        tail(&emulator.log())
    );
    answer["printed"].as_str().unwrap_or_default().to_owned()
}

/// The workers that no test is using.
static IDLE: Mutex<Vec<Worker>> = Mutex::new(Vec::new());

/// A Python process that runs scripts, one at a time.
struct Worker {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Worker {
    #[expect(
        clippy::zombie_processes,
        reason = "it ends with this process, which closes its stdin"
    )]
    fn start() -> Self {
        let mut child = Command::new(bed::program(&bed::emulators(), "python"))
            .arg(support("worker.py"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test bed's python starts");
        Self {
            stdin: child.stdin.take().expect("stdin is piped"),
            stdout: BufReader::new(child.stdout.take().expect("stdout is piped")),
        }
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.stdin, "{request}").expect("the worker reads");
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .expect("the worker answers");
        serde_json::from_str(&line).expect("the worker answers in JSON")
    }
}

/// A port on which nothing listens. A free port would not do, because another test's server may get
/// it.
pub const DEAD_PORT: u16 = 1;

/// Returns a port that is free for a server of another program: below those that the system assigns
/// to connections and to the tests' own servers, so that none of them takes it first.
pub fn free_port() -> u16 {
    std::iter::repeat_with(|| fastrand::u16(20_000..30_000))
        .take(1000)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("127.0.0.1 has free ports")
}

/// Returns the path of a file in this directory.
pub fn support(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/support")
        .join(name)
}

fn request(port: u16, line: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{line}\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
