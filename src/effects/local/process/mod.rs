//! The emulator's process: checks whether it runs, starts it, asks it to stop.
#![expect(
    clippy::disallowed_methods,
    reason = "the emulator's process is started and watched here"
)]

use std::{
    ffi::OsStr,
    fs::{File, TryLockError},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::{
    install,
    models::{Models, NETWORK},
    pace::DIVISOR,
};
use crate::{
    config::LocalModels,
    effects::{
        env,
        files::{self, FileError},
        folder::Folder,
    },
    error::Failure,
    text::last_lines,
};

/// Locked by the emulator while it runs.
pub(super) const RUNNING_LOCK: &str = "running.lock";
pub(super) const RECORD: &str = "emulator.json";
/// Contains the nonce of the emulator that should stop.
pub(super) const STOP: &str = "stop";
pub(super) const LOG: &str = "ministack.log";
const PREVIOUS_LOG: &str = "ministack.previous.log";
/// The working files of agents' processes.
pub(super) const SESSIONS: &str = "agents";
/// Settings of runtimes that ministack drops.
pub(super) const RUNTIMES: &str = "runtimes.json";
/// Locked by ministack while it runs.
const MINISTACK_LOCK: &str = "ministack.lock";
/// Emptied at every start.
pub(super) const TEMPORARY: &str = "tmp";
/// Contains the nonce of the emulator that has answered at least once.
const ANSWERED: &str = "answered";
/// How long an emulator that has answered before may be silent.
const SILENCE: Duration = Duration::from_secs(6);
/// The time limit for a start.
const START: Duration = Duration::from_mins(1);

/// Written only by the process that holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Record {
    /// ministack's version.
    pub(super) version: String,
    /// This program's version. Earlier versions ran only ministack and did not set it.
    #[serde(default)]
    pub(super) program: String,
    pub(super) port: u16,
    pub(super) pid: u32,
    nonce: String,
    /// True if it ends with the command that started it.
    #[serde(default)]
    pub(super) guest: bool,
    /// What answers for Bedrock's models. Earlier versions had only the emulator.
    #[serde(default)]
    pub(super) models: Option<String>,
    /// A hash of the credentials for models on AWS.
    #[serde(default)]
    pub(super) caller: Option<String>,
    /// The access key ID that agents sign with.
    #[serde(default)]
    pub(super) key: Option<String>,
}

impl Record {
    /// Returns what answers for Bedrock's models.
    pub(super) fn models(&self) -> String {
        let models = self.models.clone();
        models.unwrap_or_else(|| LocalModels::Emulator.to_string())
    }

    /// Returns true if it uses these models.
    pub(super) fn has(&self, models: &Models) -> bool {
        self.models() == models.name() && self.caller == models.caller()
    }
}

/// How long an emulator should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Until it is stopped.
    Kept,
    /// As long as the command that starts it.
    Guest,
}

#[derive(Debug)]
pub(super) enum Sight {
    Gone,
    Running(Record),
    /// The lock is held, but the emulator does not answer: it is starting, ending, or stuck.
    Silent(Option<Record>),
}

/// Returns true if an emulator's folder can contain a file with this name.
pub(super) fn is_ours(name: &str) -> bool {
    let known = [
        super::START_LOCK,
        RUNNING_LOCK,
        RECORD,
        // Written by an earlier version.
        "emulator.json.new",
        STOP,
        LOG,
        PREVIOUS_LOG,
        TEMPORARY,
        SESSIONS,
        MINISTACK_LOCK,
        RUNTIMES,
        ANSWERED,
        "state",
        "s3",
    ];
    known.contains(&name) || name.starts_with(files::TEMPORARY)
}

/// Checks once.
pub(super) fn look(dir: &Folder) -> Result<Sight, Failure> {
    if !is_held(dir)? {
        return Ok(Sight::Gone);
    }
    Ok(match record(dir)? {
        Some(record) if answers(&record) => Sight::Running(record),
        other => Sight::Silent(other),
    })
}

/// Checks until the state is clear, for as long as an emulator may be silent.
pub(super) fn settle(dir: &Folder) -> Result<Sight, Failure> {
    let start = Instant::now();
    loop {
        match look(dir)? {
            Sight::Silent(record) if start.elapsed() < patience(dir, record.as_ref())? => {
                std::thread::sleep(Duration::from_millis(50));
            }
            clear => return Ok(clear),
        }
    }
}

/// Returns how long an emulator may be silent. One that has answered answers again within seconds;
/// one that has not may still be starting, which takes long on a busy machine.
fn patience(dir: &Folder, record: Option<&Record>) -> Result<Duration, Failure> {
    let Some(record) = record else {
        return Ok(SILENCE);
    };
    Ok(if is_known_to_answer(dir, record)? {
        SILENCE
    } else {
        START
    })
}

/// Records that this emulator has answered.
pub(super) fn has_answered(dir: &Folder, record: &Record) -> Result<(), Failure> {
    if is_known_to_answer(dir, record)? {
        return Ok(());
    }
    Ok(dir.write(ANSWERED, record.nonce.as_bytes())?)
}

fn is_known_to_answer(dir: &Folder, record: &Record) -> Result<bool, Failure> {
    Ok(dir.read_text(ANSWERED)?.as_deref() == Some(record.nonce.as_str()))
}

/// Returns true if a process holds the lock of a running emulator.
pub(super) fn is_held(dir: &Folder) -> Result<bool, Failure> {
    let Some(file) = dir.lock_file(RUNNING_LOCK)? else {
        return Ok(false);
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => {
            let path = dir.path().join(RUNNING_LOCK);
            Err(FileError::new("lock", &path, error).into())
        }
    }
}

/// Returns the access key ID of agents here. It stays the same, because an agent under `dev`
/// outlives a restart.
pub(super) fn key(dir: &Folder) -> Result<Option<String>, Failure> {
    Ok(record(dir)?.and_then(|record| record.key))
}

fn record(dir: &Folder) -> Result<Option<Record>, Failure> {
    let text = dir.read_text(RECORD)?;
    // An unreadable record counts as missing: the next emulator writes its own.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Returns true if the emulator of this record, and no other server, answers at its port.
fn answers(record: &Record) -> bool {
    let ask = || -> std::io::Result<Vec<u8>> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, record.port));
        let limit = Duration::from_secs(2);
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        stream.write_all(
            format!(
                "GET /_ministack/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
            )
            .as_bytes(),
        )?;
        let mut answer = Vec::new();
        stream.take(64 * 1024).read_to_end(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| {
        answer.starts_with(b"HTTP/1.1 200")
            && String::from_utf8_lossy(&answer).contains(record.nonce.as_str())
    })
}

/// Asks the emulator of this record to write its state and stop.
pub(super) fn ask_to_stop(dir: &Folder, record: &Record) -> Result<(), Failure> {
    let Err(error) = dir.write(STOP, record.nonce.as_bytes()) else {
        return Ok(());
    };
    // On a full disk, the existing file with the nonce is renamed instead of writing a new one.
    if is_known_to_answer(dir, record)? {
        return Ok(dir.rename(ANSWERED, STOP)?);
    }
    Err(error.into())
}

pub(super) fn forget_to_stop(dir: &Folder) -> Result<(), Failure> {
    Ok(dir.remove_file(STOP)?)
}

pub(super) fn silent(dir: &Folder, record: Option<&Record>) -> Failure {
    let log = dir.path().join(LOG);
    let failure = Failure::world("the emulator of this project runs, but does not answer");
    match record {
        Some(record) => failure
            .note(format!(
                "it is process {}, its port is {}, its log is `{}`",
                record.pid,
                record.port,
                log.display()
            ))
            .help("end that process and run this again; what it has not saved yet is lost"),
        None => failure
            .note(format!("its log is `{}`", log.display()))
            .help("wait a moment and run this again"),
    }
}

/// A start in progress.
pub(super) struct Start {
    child: Child,
    nonce: String,
    ended: Option<ExitStatus>,
}

/// Starts a local AgentCore. A kept one outlives this process; a guest ends when [`Start`] closes
/// its pipe.
pub(super) fn spawn(
    python: &Path,
    dir: &Folder,
    workspace: &Path,
    life: Life,
    models: &Models,
) -> Result<Start, Failure> {
    // Python follows links, and a checkout can contain some.
    for kept in ["state", "s3"] {
        dir.join(kept).refuse_links_within()?;
    }
    let temporary = dir.join(TEMPORARY);
    temporary.remove_whole()?;
    temporary.create()?;
    dir.remove_file(STOP)?;
    let home = dir.ready()?;
    let log = open_log(dir)?;
    let program = env::this_program()?;
    let failed = |error| FileError::new("run", &program, error);
    let nonce = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let stdin = match life {
        Life::Kept => Stdio::null(),
        Life::Guest => Stdio::piped(),
    };
    let mut command = launcher(python, &program);
    command
        .args(["agentcore", super::DATA_PLANE])
        .arg("--directory")
        .arg(&home)
        .arg("--python")
        .arg(python)
        .arg("--workspace")
        .arg(workspace)
        .args(["--nonce", &nonce])
        .args(models.words())
        .current_dir(&home)
        .env_clear()
        .stdin(stdin)
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log);
    if let Some(port) = record(dir)?.map(|record| record.port) {
        command.args(["--port", &port.to_string()]);
    }
    if life == Life::Guest {
        command.arg("--guest");
    }
    let needed = |name: &OsStr| reaches_it(name) || models.need(name);
    for (name, value) in env::all().filter(|(name, _)| needed(name)) {
        command.env(name, value);
    }
    detach(&mut command);
    let child = command.spawn().map_err(failed)?;
    Ok(Start {
        child,
        nonce,
        ended: None,
    })
}

/// Closes inherited files, which must not stay open while the local AgentCore runs. Python can do
/// this before it becomes the other program.
#[cfg(unix)]
fn launcher(python: &Path, program: &Path) -> Command {
    const CLOSE_AND_RUN: &str =
        "import os, sys; os.closerange(3, 256); os.execv(sys.argv[1], sys.argv[1:])";
    let mut command = Command::new(python);
    command.args(["-I", "-S", "-c", CLOSE_AND_RUN]).arg(program);
    command
}

#[cfg(not(unix))]
fn launcher(_python: &Path, program: &Path) -> Command {
    Command::new(program)
}

/// Returns true if the local AgentCore gets this variable of the user, to find and run installers.
/// It gets no credentials.
fn reaches_it(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    let known = [
        "PATH",
        "HOME",
        "LANG",
        "USERPROFILE",
        "APPDATA",
        "LOCALAPPDATA",
        "SYSTEMROOT",
        "WINDIR",
        "PATHEXT",
        "CARGO_AGENTCORE_CACHE_DIR",
        "CARGO_NET_OFFLINE",
        "TMPDIR",
        DIVISOR,
    ];
    let beginnings = ["LC_", "XDG_", "UV_", "PIP_", "PYENV_"];
    known.contains(&name.as_str())
        || NETWORK.contains(&name.as_str())
        || beginnings.iter().any(|begin| name.starts_with(begin))
}

/// Lets a process outlive the console. On Unix, the started processes leave the terminal
/// themselves.
#[cfg(not(windows))]
pub(in crate::effects) fn detach(_command: &mut Command) {}

#[cfg(windows)]
pub(in crate::effects) fn detach(command: &mut Command) {
    use std::os::windows::process::CommandExt as _;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    command.creation_flags(CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW);
}

/// Opens the log. The previous one is kept, because it shows how that run ended.
fn open_log(dir: &Folder) -> Result<File, Failure> {
    dir.rename(LOG, PREVIOUS_LOG)?;
    Ok(dir.empty_file(LOG)?)
}

impl Start {
    /// Ends this start if a killed run's launcher was faster: otherwise, it would start when the
    /// other one is stopped.
    pub(super) fn give_way_to(&mut self, running: &Record) -> Result<(), Failure> {
        if running.nonce == self.nonce {
            return Ok(());
        }
        let ended = self.child.kill().and_then(|()| self.child.wait());
        ended.map_err(|error| {
            Failure::world(format!("cannot end process {}: {error}", self.child.id()))
        })?;
        Ok(())
    }

    /// Waits for the process to end.
    pub(super) fn reap(mut self) -> Result<(), Failure> {
        self.child.wait().map_err(|error| {
            Failure::world(format!("cannot watch process {}: {error}", self.child.id()))
        })?;
        Ok(())
    }

    pub(super) fn has_ended(&mut self) -> Result<bool, Failure> {
        self.ended = self.child.try_wait().map_err(|error| {
            Failure::world(format!("cannot watch process {}: {error}", self.child.id()))
        })?;
        Ok(self.ended.is_some())
    }

    /// Returns true if a killed run's local AgentCore was faster: another try finds it.
    pub(super) fn came_too_late(&self) -> bool {
        self.ended
            .is_some_and(|status| status.code() == Some(super::BUSY.into()))
    }

    /// Returns why it did not start.
    pub(super) fn failure(&self, dir: &Folder, python: &Path) -> Result<Failure, Failure> {
        let tail = log_tail(dir)?;
        let log = dir.path().join(LOG);
        let failure = match self.ended {
            Some(status) => Failure::world(format!("the emulator exited at startup ({status})")),
            None => Failure::world("the emulator does not answer after startup").note(format!(
                "it is process {} and was left running",
                self.child.id()
            )),
        };
        let failure = if tail.is_empty() {
            failure.note("it wrote nothing to its log")
        } else {
            failure.note(format!("its last lines:\n{tail}"))
        };
        if tail.contains("No module named") || tail.contains("ImportError") {
            install::discard(python)?;
            return Ok(
                failure.help("its installation was damaged and has been discarded: run this again")
            );
        }
        Ok(failure.help(format!("its full log is `{}`", log.display())))
    }
}

fn log_tail(dir: &Folder) -> Result<String, Failure> {
    let text = dir.read(LOG)?.unwrap_or_default();
    Ok(last_lines(&String::from_utf8_lossy(&text), 10))
}

#[cfg(test)]
mod tests;
