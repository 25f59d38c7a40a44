//! An agent's process on this machine: a command, an environment, and the port that it listens on.
//! Any program can be an agent, not only Python.
#![expect(
    clippy::disallowed_methods,
    reason = "the agent's process is started and watched here"
)]

pub(in crate::effects) mod assigned;
pub(in crate::effects) mod environment;
pub(in crate::effects) mod left;
pub(in crate::effects) mod preload;
pub(in crate::effects) mod ready;
pub(crate) mod shim;

use std::{
    collections::VecDeque,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    sync::{mpsc, watch},
};

use crate::{
    effects::{clock, env},
    system::System,
};

/// The command and its environment.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) directory: PathBuf,
    /// The complete environment: nothing is inherited.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// The file that lists the agent's sockets, one per line.
    pub(crate) listening: PathBuf,
    /// The port that the service contract requires.
    pub(crate) port: u16,
    /// The port that the agent is told to use instead, if it cannot report its sockets.
    pub(crate) assigned: Option<u16>,
}

/// A line of the agent's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// In milliseconds since 1970.
    pub(crate) at: i64,
}

/// The state of the agent's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    /// It has ended with this exit code, as shells report it.
    Ended(i32),
}

/// A running agent. Dropping it ends the process and its children.
#[derive(Debug)]
pub(crate) struct Agent {
    launch: Launch,
    lifeline: Mutex<Option<Lifeline>>,
    state: watch::Receiver<State>,
    last_lines: Arc<Mutex<VecDeque<String>>>,
}

/// One end of a pipe. The process at the other end stops the agent when this is dropped.
type Lifeline = Box<dyn std::fmt::Debug + Send>;

/// Why an agent does not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotReady {
    Ended(i32),
    /// It listens on another port.
    WrongPort(u16),
    /// It does not listen.
    Deaf,
    /// It does not listen on the port that it was told.
    Disobedient(u16),
    CannotStart(String),
}

/// How many lines are kept to explain a failure.
const LAST_LINES: usize = 20;
/// The longest line that is passed on; CloudWatch Logs accepts 1 MB (quota "Log event size").
const LONGEST_LINE: usize = 256 * 1024;
/// How long an agent that listens on another port may take to listen on the right one.
const ELSEWHERE: Duration = Duration::from_secs(5);
/// The pause between two checks whether the agent listens.
const PAUSE: Duration = Duration::from_millis(5);

impl Agent {
    /// Starts the process. Sends its output lines to `lines`; while the channel is full, the
    /// agent's output blocks.
    pub(crate) fn start(launch: Launch, lines: &mpsc::Sender<Line>) -> Result<Self, NotReady> {
        let failed = |error: std::io::Error| NotReady::CannotStart(error.to_string());
        let shim = env::this_program().map_err(|why| NotReady::CannotStart(why.to_string()))?;
        let mut command = Command::new(shim);
        command
            .args(["agentcore", super::SHIM])
            .arg(&launch.program)
            .args(&launch.args)
            .current_dir(&launch.directory)
            .env_clear()
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped());
        #[cfg(unix)]
        command.process_group(0);
        let last_lines = Arc::new(Mutex::new(VecDeque::new()));
        let mut child = spawn(command, lines, &last_lines).map_err(failed)?;
        let lifeline = child.stdin.take().map(|pipe| Box::new(pipe) as Lifeline);
        let (told, state) = watch::channel(State::Running);
        tokio::spawn(watch_end(child, told));
        Ok(Self {
            launch,
            lifeline: Mutex::new(lifeline),
            state,
            last_lines,
        })
    }

    /// Returns a shell command that runs in the agent's directory and environment.
    pub(crate) fn beside(&self, text: &str) -> Option<Command> {
        let shim = env::this_program().ok()?;
        let mut command = Command::new(shim);
        command
            .args(["agentcore", super::SHIM])
            .args(if System::HERE.is_windows() {
                ["cmd", "/C"]
            } else {
                ["/bin/sh", "-c"]
            })
            .arg(text)
            .current_dir(&self.launch.directory)
            .env_clear()
            .envs(
                self.launch
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            );
        #[cfg(unix)]
        command.process_group(0);
        Some(command)
    }

    pub(crate) fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Returns the last lines of output.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        let lines = self.last_lines.lock().expect("no thread panics with it");
        lines.iter().cloned().collect()
    }

    /// Waits until it listens, and returns the port on this machine.
    pub(crate) async fn listens(&self, limit: Duration) -> Result<u16, NotReady> {
        let start = clock::now();
        let mut elsewhere: Option<(u16, Instant)> = None;
        loop {
            if let Some(port) = self.launch.assigned
                && assigned::accepts(port).await
            {
                return Ok(port);
            }
            for socket in sockets(&self.launch.listening) {
                if socket.asked == self.launch.port {
                    return Ok(socket.given);
                }
                elsewhere.get_or_insert((socket.asked, clock::now()));
            }
            if let State::Ended(code) = self.state() {
                return Err(NotReady::Ended(code));
            }
            if let Some((port, since)) = elsewhere
                && since.elapsed() > ELSEWHERE
            {
                return Err(NotReady::WrongPort(port));
            }
            if start.elapsed() > limit {
                let deaf = self.launch.assigned.map(NotReady::Disobedient);
                return Err(deaf.unwrap_or(NotReady::Deaf));
            }
            clock::sleep(PAUSE).await;
        }
    }

    /// Returns the interfaces on which it listens at the contract's port, such as `0.0.0.0`.
    pub(crate) fn hosts(&self) -> Vec<String> {
        if let Some(port) = self.launch.assigned {
            return assigned::hosts(port);
        }
        let all = sockets(&self.launch.listening).into_iter();
        all.filter(|socket| socket.asked == self.launch.port)
            .map(|socket| socket.host)
            .collect()
    }

    /// Returns the port of the second process, if the agent was started with one.
    pub(crate) fn fork_port(&self) -> Option<u16> {
        let mut file = self.launch.listening.clone().into_os_string();
        file.push(".fork");
        let all = sockets(Path::new(&file));
        let found = all.iter().find(|socket| socket.asked == self.launch.port);
        found.map(|socket| socket.given)
    }

    /// Asks it to stop.
    pub(crate) fn stop(&self) {
        let mut lifeline = self.lifeline.lock().expect("no thread panics with it");
        drop(lifeline.take());
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) {
        let mut state = self.state.clone();
        // An error means that the process is no longer watched, which happens after its end.
        let _ = state
            .wait_for(|state| matches!(state, State::Ended(_)))
            .await;
    }
}

/// A socket of an agent.
struct Socket {
    /// The requested port.
    asked: u16,
    /// The actual port on this machine.
    given: u16,
    /// The requested interface.
    host: String,
}

fn sockets(file: &Path) -> Vec<Socket> {
    let Ok(text) = std::fs::read_to_string(file) else {
        return Vec::new();
    };
    // Lines are written atomically; a line without an end is incomplete.
    text.split_inclusive('\n')
        .filter_map(|line| {
            let mut parts = line.strip_suffix('\n')?.splitn(3, ' ');
            Some(Socket {
                asked: parts.next()?.parse().ok()?,
                given: parts.next()?.parse().ok()?,
                host: parts.next()?.to_owned(),
            })
        })
        .collect()
}

/// Starts the process. stdout and stderr share one pipe, so that lines stay in order.
#[cfg(unix)]
fn spawn(
    mut command: Command,
    lines: &mpsc::Sender<Line>,
    last: &Arc<Mutex<VecDeque<String>>>,
) -> std::io::Result<Child> {
    let (reader, writer) = std::io::pipe()?;
    let reader = tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into())?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn()?;
    tokio::spawn(read_lines(reader, lines.clone(), Arc::clone(last)));
    // The pipe closes with the agent only if this process does not keep it open.
    drop(command);
    Ok(child)
}

#[cfg(not(unix))]
fn spawn(
    mut command: Command,
    lines: &mpsc::Sender<Line>,
    last: &Arc<Mutex<VecDeque<String>>>,
) -> std::io::Result<Child> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(stdout) = child.stdout.take() {
        tokio::spawn(read_lines(stdout, lines.clone(), Arc::clone(last)));
    }
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(read_lines(stderr, lines.clone(), Arc::clone(last)));
    }
    Ok(child)
}

async fn watch_end(mut child: Child, told: watch::Sender<State>) {
    let group = child.id();
    let code = match child.wait().await {
        Ok(status) => status.code().unwrap_or(137),
        Err(_) => 1,
    };
    // Also end the processes that the agent started and left behind.
    end_group(group);
    // The session may already be gone.
    let _ = told.send(State::Ended(code));
}

#[cfg(unix)]
fn end_group(leader: Option<u32>) {
    use rustix::process::{Pid, Signal, kill_process_group};

    let pid = leader
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(group) = pid {
        // Usually the group is empty.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn end_group(_leader: Option<u32>) {}

/// Passes lines on until the pipe closes. Text after the last newline is a line too.
async fn read_lines(
    mut from: impl AsyncRead + Unpin,
    to: mpsc::Sender<Line>,
    last: Arc<Mutex<VecDeque<String>>>,
) {
    let mut pending = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await.unwrap_or(0);
        pending.extend_from_slice(&buffer[..count]);
        let mut start = 0;
        while let Some(length) = pending[start..].iter().position(|byte| *byte == b'\n') {
            pass_on(&pending[start..start + length], &to, &last).await;
            start += length + 1;
        }
        pending.drain(..start);
        if count == 0 || pending.len() > LONGEST_LINE {
            if !pending.is_empty() {
                pass_on(&pending, &to, &last).await;
                pending.clear();
            }
            if count == 0 {
                return;
            }
        }
    }
}

async fn pass_on(line: &[u8], to: &mpsc::Sender<Line>, last: &Mutex<VecDeque<String>>) {
    let text = String::from_utf8_lossy(line).trim_end().to_owned();
    if text.is_empty() {
        return;
    }
    keep(&text, last);
    // While the lines are not read, the agent's output blocks instead of losing a line. If the
    // reader is gone, lines are dropped.
    let _ = to
        .send(Line {
            text,
            at: clock::milliseconds(),
        })
        .await;
}

fn keep(text: &str, last: &Mutex<VecDeque<String>>) {
    let mut kept = last.lock().expect("no thread panics with it");
    if kept.len() == LAST_LINES {
        kept.pop_front();
    }
    kept.push_back(text.to_owned());
}
