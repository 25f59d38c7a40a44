//! The agent of the template `rust` next to that of `strands`, and the push of its image next to
//! skopeo's.

use std::{
    cell::Cell,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    RUNS, RUNS_OF_DEPLOY,
    cost::{median, shown, time},
    developing::{Caller, memory},
    support::{
        Cli, Emulator, Ministack, Project, bed, boto3, emulator::free_port, wheels::with_uv,
    },
};

/// The sessions that one process serves.
const SESSIONS: usize = 100;
/// The callers of an echo at the same time, and for how long.
const CALLERS: usize = 8;
const LASTING: Duration = Duration::from_secs(3);
const ECHO: &str = r#"{"echo":"hello"}"#;
/// A program that cannot be compressed.
const PUSHED: usize = 32_000_000;

pub fn measure() {
    let emulator = Ministack::start();
    let sides = [rust(), python()];
    println!();
    println!("| measure | `rust` | `strands` | ratio | aim |");
    println!("|---|---:|---:|---:|---|");
    starts(&sides, &emulator);
    serving(&sides, &emulator);
    deploys(&sides);
}

/// Measures the push of an image.
pub fn measure_push() {
    println!();
    println!("| measure | cargo agentcore | skopeo copy | ratio | aim |");
    println!("|---|---:|---:|---:|---|");
    push(&Ministack::start());
}

/// An agent of a template, which also answers `echo`.
struct Side {
    project: Project,
    directory: PathBuf,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    /// The file with a line to change.
    edited: PathBuf,
    deploy: Vec<&'static str>,
}

/// Makes a project in its own directory.
fn new(name: &str, template: &str) -> (Project, PathBuf) {
    let project = Project::new();
    let words = [
        "new",
        name,
        "--template",
        template,
        "--region",
        "us-west-2",
        "--yes",
    ];
    time(&mut Cli::new(&project).args(words).prepared());
    let directory = project.path().join(name);
    (project, directory)
}

fn change(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{}: {from}", file.display());
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

fn rust() -> Side {
    let (project, directory) = new("my-rust", "rust");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .join("rust-agents/bench");
    let build = format!(
        "build = {{ env = {{ CARGO_TARGET_DIR = \"{}\" }} }}\n\n[dependencies]",
        target.display()
    );
    change(&directory.join("Cargo.toml"), "\n[dependencies]", &build);
    fs::write(
        directory.join("Cargo.lock"),
        include_str!("../support/rust-agents.lock"),
    )
    .unwrap();
    let main = directory.join("src/main.rs");
    change(&main, "Arc::new(agent)", "Arc::new(Echo(agent))");
    let echo = "
struct Echo(agent::Agent<bedrock::Bedrock>);

impl handler::Handler for Echo {
    async fn handle(&self, payload: serde_json::Value, context: handler::Context) -> Result<handler::Reply, handler::Error> {
        if let Some(echo) = payload.get(\"echo\") {
            return Ok(handler::Reply::Json(echo.clone()));
        }
        self.0.handle(payload, context).await
    }
}
";
    change(
        &main,
        "\n#[tokio::main]",
        &format!("{echo}\n#[tokio::main]"),
    );
    Side {
        program: target.join("release/my-rust"),
        arguments: Vec::new(),
        edited: directory.join("src/agent.rs"),
        deploy: vec!["deploy", "--local", "--cargo-profile", "release"],
        directory,
        project,
    }
}

fn python() -> Side {
    let (project, directory) = new("my-python", "strands");
    let entry = directory.join("deployment/invoke.py");
    let echo = "    if \"echo\" in payload:\n        return payload[\"echo\"]\n    return {";
    change(&entry, "    return {", echo);
    Side {
        program: bed::program(&bed::agents(), "python"),
        arguments: vec![entry],
        edited: directory.join("my_python/agent.py"),
        deploy: vec!["deploy", "--local"],
        directory,
        project,
    }
}

/// A running agent, ended on drop.
struct Agent {
    child: Child,
    port: u16,
    /// From its start to the answer to a ping.
    took: Duration,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Side {
    fn cli(&self, words: &[&str]) -> Command {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        with_uv(Cli::in_directory(&self.directory, self.project.root()))
            .env("CARGO_AGENTCORE_CACHE_DIR", cache)
            .env("CARGO", env!("CARGO"))
            .args(words)
            .prepared()
    }

    fn start(&self, emulator: &Emulator) -> Agent {
        let port = free_port();
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .env("PORT", port.to_string())
            .env("PYTHONPATH", &self.directory)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-west-2")
            .env("AWS_DEFAULT_REGION", "us-west-2")
            .env("AWS_ENDPOINT_URL", emulator.url())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let start = Instant::now();
        let child = command.spawn().unwrap();
        let mut agent = Agent {
            child,
            port,
            took: Duration::ZERO,
        };
        while !serves(port) {
            let over = agent.child.try_wait().unwrap();
            assert!(
                over.is_none() && start.elapsed() < Duration::from_mins(1),
                "{command:?}: {over:?}"
            );
            thread::sleep(Duration::from_micros(100));
        }
        agent.took = start.elapsed();
        agent
    }
}

fn serves(port: u16) -> bool {
    let ping = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream
            .write_all(b"GET /ping HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n")
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer.contains("Healthy"))
    };
    ping().unwrap_or_default()
}

fn caller(agent: &Agent, number: usize) -> Caller {
    Caller::new(
        agent.port,
        "/invocations".to_owned(),
        &format!("a-session-of-the-benchmark-number-{number:03}"),
    )
}

fn starts(sides: &[Side; 2], emulator: &Emulator) {
    // Builds the one, and prepares the other.
    for side in sides {
        eprintln!("first deployment of {}", side.directory.display());
        time(&mut side.cli(&side.deploy));
    }
    let mut times = sides.each_ref().map(|_| Vec::new());
    for run in 0..=RUNS {
        for (side, times) in sides.iter().zip(&mut times) {
            let took = side.start(emulator).took;
            // The first start of each does not count.
            if run > 0 {
                times.push(took);
            }
        }
    }
    let [ours, theirs] = times.each_mut().map(|times| median(times));
    line(
        "start to first /ping",
        [ours, theirs].map(|time| time.as_secs_f64()),
        "1/50",
        |seconds| shown(Duration::from_secs_f64(seconds)),
    );
}

/// What a serving agent needs and does.
struct Serving {
    idle: f64,
    with_sessions: f64,
    per_second: f64,
    slowest: f64,
}

fn serving(sides: &[Side; 2], emulator: &Emulator) {
    let [ours, theirs] = sides.each_ref().map(|side| {
        let agent = side.start(emulator);
        caller(&agent, 0).ask(ECHO);
        let idle = memory(agent.child.id());
        for number in 0..SESSIONS {
            caller(&agent, number).ask(r#"{"prompt":"hello"}"#);
        }
        let with_sessions = memory(agent.child.id());
        let mut times = thread::scope(|scope| {
            let agent = &agent;
            let callers: Vec<_> = (0..CALLERS)
                .map(|number| scope.spawn(move || calls(agent, number)))
                .collect();
            let times = callers.into_iter().map(|caller| caller.join().unwrap());
            times.flatten().collect::<Vec<_>>()
        });
        times.sort();
        #[expect(clippy::cast_precision_loss, reason = "some thousand requests")]
        let per_second = times.len() as f64 / LASTING.as_secs_f64();
        let slowest = times[times.len() * 99 / 100].as_secs_f64();
        Serving {
            idle,
            with_sessions,
            per_second,
            slowest,
        }
    });
    let megabytes = |value: f64| format!("{value:.1} MB");
    line(
        "resident memory, idle",
        [ours.idle, theirs.idle],
        "1/10",
        megabytes,
    );
    let what = format!("resident memory with {SESSIONS} sessions");
    line(
        &what,
        [ours.with_sessions, theirs.with_sessions],
        "1/10",
        megabytes,
    );
    let what = format!("echoes per second, {CALLERS} callers");
    line(&what, [ours.per_second, theirs.per_second], "", |value| {
        format!("{value:.0}")
    });
    line(
        "p99 of an echo",
        [ours.slowest, theirs.slowest],
        "",
        |seconds| shown(Duration::from_secs_f64(seconds)),
    );
}

/// Calls until the time is over, and returns how long each call took.
fn calls(agent: &Agent, number: usize) -> Vec<Duration> {
    let mut caller = caller(agent, number);
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed() < LASTING {
        times.push(caller.ask(ECHO).0);
    }
    times
}

fn deploys(sides: &[Side; 2]) {
    let number = Cell::new(0);
    let mut sizes = [0.0; 2];
    let mut times = sides.each_ref().map(|_| Vec::new());
    for _ in 0..=RUNS_OF_DEPLOY {
        for ((side, times), size) in sides.iter().zip(&mut times).zip(&mut sizes) {
            number.set(number.get() + 1);
            let (from, to) = (number.get() - 2, number.get());
            let helpful = |number: i32| {
                if number < 1 {
                    "helpful".to_owned()
                } else {
                    format!("helpful ({number})")
                }
            };
            change(
                &side.edited,
                &format!("a {} assistant", helpful(from)),
                &format!("a {} assistant", helpful(to)),
            );
            let mut command = side.cli(&[&side.deploy[..], &["--output", "json"]].concat());
            let start = Instant::now();
            let output = command.stdin(Stdio::null()).output().unwrap();
            times.push(start.elapsed());
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            let document: Value = serde_json::from_slice(&output.stdout).unwrap();
            *size = document["agents"][0]["artifact"]["bytes"].as_f64().unwrap() / 1e6;
        }
    }
    line("artifact", sizes, "1/10", |megabytes| {
        format!("{megabytes:.1} MB")
    });
    let [ours, theirs] = times.each_mut().map(|times| median(&mut times[1..]));
    line(
        "build to pushed, a line changed",
        [ours, theirs].map(|time| time.as_secs_f64()),
        "",
        |seconds| format!("{seconds:.2} s"),
    );
    for side in sides {
        time(&mut side.cli(&["clean", "--local", "--yes"]));
    }
}

/// Compares what a `deploy` takes longer than `package` with skopeo's copy of an image of the same
/// size to the same registry.
fn push(emulator: &Emulator) {
    let project = Project::new()
        .file(
            "Cargo.toml",
            "[package]\nname = \"pushed\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [package.metadata.agentcore]\nproject = \"pushed-7k2qpx\"\nregion = \"us-east-1\"\n",
        )
        .file("src/main.rs", "fn main() {}\n");
    let cli = |command: &str| {
        let words = [command, "--binary", "program"];
        Cli::new(&project).on(emulator).args(words).prepared()
    };
    let folder = project
        .path()
        .join("target/agentcore/pushed-7k2qpx/pushed/image");
    let (mut pushes, mut copies) = (Vec::new(), Vec::new());
    for run in 0..=RUNS_OF_DEPLOY {
        let [ours, theirs] = [0, 1].map(|side| {
            project.write("program", noise(2 * run as u64 + side));
            let packaged = time(&mut cli("package"));
            if side == 0 {
                return time(&mut cli("deploy")).saturating_sub(packaged);
            }
            let create =
                format!("client('ecr').create_repository(repositoryName='skopeo/run{run}')");
            boto3(emulator, &create);
            let to = format!("docker://127.0.0.1:{}/skopeo/run{run}:1", emulator.port());
            let mut skopeo = Command::new("skopeo");
            let from = format!("oci:{}", folder.display());
            time(skopeo.args(["copy", "--quiet", "--dest-tls-verify=false", &from, &to]))
        });
        if run > 0 {
            pushes.push(ours);
            copies.push(theirs);
        }
    }
    let (ours, theirs) = (median(&mut pushes), median(&mut copies));
    println!(
        "| push of {} MB (`deploy` less `package`) | {} | {} | {:.2} × | 1.2 × |",
        PUSHED / 1_000_000,
        shown(ours),
        shown(theirs),
        ours.as_secs_f64() / theirs.as_secs_f64()
    );
}

/// Returns a program for 64-bit ARM that cannot be compressed.
fn noise(seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; PUSHED];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes[..64].fill(0);
    bytes[..4].copy_from_slice(b"\x7fELF");
    (bytes[4], bytes[5], bytes[6], bytes[18]) = (2, 1, 1, 183);
    bytes
}

/// Prints a row. The ratio is of the smaller to the larger value.
fn line(what: &str, [ours, theirs]: [f64; 2], aim: &str, shown: impl Fn(f64) -> String) {
    let ratio = if ours <= theirs {
        format!("1/{:.1}", theirs / ours)
    } else {
        format!("{:.1} ×", ours / theirs)
    };
    println!(
        "| {what} | {} | {} | {ratio} | {aim} |",
        shown(ours),
        shown(theirs)
    );
}
