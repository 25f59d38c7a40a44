//! Agents on this machine: how soon an edit is live compared with the starter toolkit's `agentcore
//! dev`, and the overhead of the local AgentCore over the bare agent.

use std::{
    cell::Cell,
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    RUNS, RUNS_OF_DEV,
    cost::{median, row, shown, time},
    support::{Cli, Project, bed, emulator::free_port, wheels::with_uv},
};

const ENTRYPOINT: &str = "IMPORTS
from bedrock_agentcore.runtime import BedrockAgentCoreApp
from one import VERSION

app = BedrockAgentCoreApp()


@app.entrypoint
async def invoke(payload):
    if 'events' not in payload:
        return VERSION

    async def events():
        for number in range(payload['events']):
            yield number

    return events()


if __name__ == '__main__':
    app.run()
";

/// The number of requests and events per median.
const MANY: usize = 500;

pub fn measure() {
    println!();
    println!("| edit → ready | `cargo agentcore dev` | toolkit's `agentcore dev` | ratio | aim |");
    println!("|---|---:|---:|---:|---|");
    edit("the SDK alone", "", "bedrock-agentcore\n", "≤ 1/5");
    let strands = "from strands import Agent";
    let requirements = "bedrock-agentcore\nstrands-agents\n";
    edit("`strands`", strands, requirements, "≤ 1/5, < 500 ms");
    println!();
    local();
}

fn project(imports: &str, requirements: &str) -> Project {
    let entrypoint = ENTRYPOINT.replace("IMPORTS", imports);
    Project::new()
        .agent("one")
        .file("one/__init__.py", "VERSION = 0\n")
        .file("deployment/requirements.txt", requirements)
        .file("deployment/invoke.py", &entrypoint)
        // The path of the agent that the toolkit uses without configuration.
        .file("src/main.py", &entrypoint)
}

fn cli(project: &Project, words: &[&str]) -> Command {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    with_uv(Cli::new(project))
        .env("CARGO_AGENTCORE_CACHE_DIR", cache)
        // As for `cargo agentcore`, without rustup.
        .env("CARGO", env!("CARGO"))
        .args(words)
        .prepared()
}

/// A server, ended on drop.
struct Server {
    child: Child,
    port: u16,
    /// Its output.
    log: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        // On an interrupt, both end what they started.
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::INT);
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(mut command: Command, port: u16, log: PathBuf) -> Self {
        use std::os::unix::process::CommandExt as _;

        let output = File::create(&log).unwrap();
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { child, port, log }
    }

    /// Waits until this version answers.
    fn answers(&mut self, version: u32) {
        let start = Instant::now();
        while self.version().as_deref() != Some(version.to_string().as_str()) {
            let is_over = self.child.try_wait().unwrap().is_some();
            assert!(
                !is_over && start.elapsed() < Duration::from_mins(5),
                "version {version} does not answer:\n{}",
                fs::read_to_string(&self.log).unwrap()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn version(&self) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        // A server that is ending may never answer.
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .ok()?;
        write!(
            stream,
            "POST /invocations HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: 2\r\nConnection: close\r\n\r\n{{}}",
            self.port
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.rsplit("\r\n\r\n").next().map(str::to_owned)
    }
}

fn edit(what: &str, imports: &str, requirements: &str, aim: &str) {
    let (our, their) = (
        project(imports, requirements),
        project(imports, requirements),
    );
    let port = free_port();
    let command = cli(&our, &["dev", "--port", &port.to_string()]);
    let mut ours = Server::start(command, port, our.root().join("dev.log"));
    let port = free_port();
    let mut toolkit = Command::new(bed::program(&bed::agents(), "agentcore"));
    toolkit
        .args(["dev", "--port", &port.to_string()])
        .current_dir(their.path())
        .env_clear()
        .env("PATH", bed::path_with_uv())
        .env("HOME", their.home())
        .env("VIRTUAL_ENV", bed::agents())
        .env("UV_OFFLINE", "1");
    let mut theirs = Server::start(toolkit, port, their.root().join("dev.log"));
    let version = Cell::new(0);
    let edited = |whose: &str, project: &Project, server: &mut Server| {
        version.set(version.get() + 1);
        let start = Instant::now();
        project.write("one/__init__.py", format!("VERSION = {}\n", version.get()));
        server.answers(version.get());
        let taken = start.elapsed();
        eprintln!("{what}: edit {}, {whose}: {}", version.get(), shown(taken));
        taken
    };
    for (whose, server) in [("ours", &mut ours), ("theirs", &mut theirs)] {
        let start = Instant::now();
        server.answers(0);
        eprintln!("{what}: first start, {whose}: {}", shown(start.elapsed()));
    }
    row(
        what,
        aim,
        RUNS_OF_DEV,
        || edited("ours", &our, &mut ours),
        || edited("theirs", &their, &mut theirs),
    );
}

/// Measures the overhead of the local AgentCore.
fn local() {
    let project = project("", "bedrock-agentcore\n");
    eprintln!("deploying to the local AgentCore");
    time(&mut cli(&project, &["deploy", "--local"]));
    let session = "a-session-that-is-used-again-and-again";
    let invoke = || {
        time(&mut cli(
            &project,
            &["invoke", "--local", "--session", session, "{}"],
        ))
    };
    invoke();
    eprintln!("invoking {RUNS} times");
    let mut warm: Vec<Duration> = (0..RUNS).map(|_| invoke()).collect();

    let status = cli(&project, &["status", "--local", "--output", "json"])
        .output()
        .unwrap();
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    let arn = status["agents"][0]["runtime"]["arn"].as_str().unwrap();
    let arn = arn.replace(':', "%3A").replace('/', "%2F");
    let plane = cli(&project, &["local", "status", "--output", "json"])
        .output()
        .unwrap();
    let plane: Value = serde_json::from_slice(&plane.stdout).unwrap();
    let plane_port = u16::try_from(plane["emulator"]["port"].as_u64().unwrap()).unwrap();
    let (agent_port, agent) = agent_of(&project);

    let mut bare = Caller::new(agent_port, "/invocations".to_owned(), session);
    let mut through = Caller::new(plane_port, format!("/runtimes/{arn}/invocations"), session);
    let (mut direct, mut passed): (Vec<_>, Vec<_>) = (0..MANY)
        .map(|_| (bare.ask("{}").0, through.ask("{}").0))
        .unzip();
    let (direct, passed) = (median(&mut direct), median(&mut passed));
    let body = format!("{{\"events\": {MANY}}}");
    let (direct_stream, direct_chunks) = bare.ask(&body);
    let (passed_stream, passed_chunks) = through.ask(&body);

    println!("| the local AgentCore | measured | aim |");
    println!("|---|---:|---|");
    println!(
        "| warm `invoke --local` | {} | < 60 ms |",
        shown(median(&mut warm))
    );
    println!(
        "| a request more than at the bare agent ({} and {}) | {} | < 1 ms |",
        shown(passed),
        shown(direct),
        shown(passed.saturating_sub(direct))
    );
    println!(
        "| a stream of {MANY} events more than at the bare agent ({} and {}) | {} | |",
        shown(passed_stream),
        shown(direct_stream),
        shown(passed_stream.saturating_sub(direct_stream))
    );
    println!("| its chunks, at the bare agent {direct_chunks} | {passed_chunks} | the same |");
    let shim = parent(agent);
    let data_plane = u32::try_from(plane["emulator"]["pid"].as_u64().unwrap()).unwrap();
    for (what, pid) in [
        ("memory of an idle session: the agent", agent),
        ("memory of an idle session: the process around it", shim),
        ("memory of the data plane", data_plane),
    ] {
        println!("| {what} | {:.1} MB | |", memory(pid));
    }
    time(&mut cli(&project, &["local", "stop"]));
}

/// Returns the port and the process of the running agent.
fn agent_of(project: &Project) -> (u16, u32) {
    let kept = project
        .path()
        .join("target/agentcore/test-project-7k2qpx/local/agents/running");
    let home = fs::read_dir(kept).unwrap().next().unwrap().unwrap().path();
    let listening = fs::read_to_string(home.join("listening")).unwrap();
    // The requested port, and the one on this machine.
    let port = listening.split_whitespace().nth(1).unwrap();
    let port = port.parse().unwrap();
    let home = home.to_string_lossy().into_owned();
    let pids = fs::read_dir("/proc").unwrap();
    let mut pids = pids.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let agent = pids.find(|pid: &u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        command.contains(&home)
            && !command.contains("local-agent")
            && !command.contains("local-bound")
    });
    (port, agent.unwrap())
}

fn parent(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    line.unwrap().trim().parse().unwrap()
}

/// Returns a process's share of this machine's memory in MB.
pub fn memory(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib: f64 = line.unwrap().trim_end_matches("kB").trim().parse().unwrap();
    kib / 1024.0
}

/// A client with a persistent connection.
pub struct Caller {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    port: u16,
    path: String,
    session: String,
}

impl Caller {
    pub fn new(port: u16, path: String, session: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            reader: BufReader::new(stream.try_clone().unwrap()),
            stream,
            port,
            path,
            session: session.to_owned(),
        }
    }

    /// Returns the time for the complete answer, and its number of chunks.
    pub fn ask(&mut self, body: &str) -> (Duration, usize) {
        let start = Instant::now();
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             X-Amzn-Bedrock-AgentCore-Runtime-Session-Id: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.path,
            self.port,
            self.session,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        let mut length = None;
        loop {
            let line = self.line();
            let line = line.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = Some(value.parse().unwrap());
            }
            if line.is_empty() {
                break;
            }
        }
        if let Some(length) = length {
            self.skip(length);
            return (start.elapsed(), 1);
        }
        let mut chunks = 0;
        loop {
            let length = usize::from_str_radix(&self.line(), 16).unwrap();
            self.skip(length + 2);
            if length == 0 {
                return (start.elapsed(), chunks);
            }
            chunks += 1;
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(
            self.reader.read_line(&mut line).unwrap(),
            0,
            "the connection ended"
        );
        line.truncate(line.trim_end().len());
        line
    }

    fn skip(&mut self, length: usize) {
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).unwrap();
    }
}
