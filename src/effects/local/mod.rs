//! The AWS emulator on this machine: one ministack a project, kept running between commands.
//!
//! A running emulator holds the lock of its log file, which it inherits as its standard output. So a
//! process that merely got the same number again is never taken for it.
#![expect(
    clippy::disallowed_methods,
    reason = "the emulator's files and process are kept here"
)]

mod install;
mod process;

use std::{
    fs::{self, File, TryLockError},
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::files::{self, FileError};
use crate::error::Failure;

/// The credentials that the emulator is spoken to with; it takes any.
pub(crate) const ACCESS_KEY_ID: &str = "test";
pub(crate) const SECRET_ACCESS_KEY: &str = "test";
/// The emulator's version, pinned with all that it needs in `requirements.txt`.
pub(crate) const VERSION: &str = "1.5.33";

/// How long the emulator may take to answer after its start, and to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running emulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Emulator {
    pub(crate) url: String,
    pub(crate) port: u16,
    pub(crate) version: String,
    pub(crate) pid: u32,
    /// Whether this call started it.
    #[serde(skip)]
    pub(crate) started: bool,
}

/// What [`ensure`] is doing, for whoever wants to say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    Waiting,
    Installing { into: PathBuf },
    Starting { url: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stopped {
    WasRunning(Emulator),
    NotRunning,
}

/// The files of one project's emulator.
struct Home<'a> {
    dir: &'a Path,
}

impl Home<'_> {
    /// Who runs; written by whoever starts it.
    fn facts(&self) -> PathBuf {
        self.dir.join("emulator.json")
    }

    /// Locked as long as the emulator lives.
    fn log(&self) -> PathBuf {
        self.dir.join("emulator.log")
    }

    /// Locked while somebody starts or stops it.
    fn turn(&self) -> PathBuf {
        self.dir.join("lock")
    }

    fn known(&self) -> Result<Option<Emulator>, FileError> {
        let text = files::read_text(&self.facts())?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The emulator, where one holds the lock of its log.
    fn running(&self) -> Result<Option<Emulator>, FileError> {
        let log = self.log();
        if !log.exists() {
            return Ok(None);
        }
        let file = File::options()
            .append(true)
            .open(&log)
            .map_err(|error| FileError::new("open", &log, error))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => self.known(),
            Ok(()) => Ok(None),
            Err(TryLockError::Error(error)) => Err(FileError::new("lock", &log, error)),
        }
    }
}

/// The emulator of the project, if it runs. `dir` is `target/agentcore/<project>/local`.
pub(crate) fn observe(dir: &Path) -> Result<Option<Emulator>, Failure> {
    Ok(Home { dir }.running()?)
}

/// The emulator of the project, started if need be.
pub(crate) async fn ensure(
    dir: &Path,
    say: &(dyn Fn(Progress) + Sync),
) -> Result<Emulator, Failure> {
    let home = Home { dir };
    let _turn = files::lock(&home.turn(), || say(Progress::Waiting))?;
    if let Some(running) = home.running()? {
        answers(&running, None, &home).await?;
        return Ok(running);
    }
    let python = install::python(say)?;
    let last = home.known()?.map(|emulator| emulator.port);
    let mut failure = None;
    for _ in 0..3 {
        let port = free_port(last)?;
        match start(&home, &python, port, say).await {
            Ok(emulator) => return Ok(emulator),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| Failure::world("the emulator does not start")))
}

/// The port that was used before, so that printed commands stay true; else any that is free.
fn free_port(last: Option<u16>) -> Result<u16, Failure> {
    let bound = last
        .and_then(|port| TcpListener::bind(("127.0.0.1", port)).ok())
        .map_or_else(|| TcpListener::bind(("127.0.0.1", 0)), Ok);
    bound
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Failure::world(format!("there is no free port on 127.0.0.1: {error}")))
}

async fn start(
    home: &Home<'_>,
    python: &Path,
    port: u16,
    say: &(dyn Fn(Progress) + Sync),
) -> Result<Emulator, Failure> {
    let url = format!("http://127.0.0.1:{port}");
    say(Progress::Starting { url: url.clone() });
    for below in ["state", "s3", "tmp"] {
        files::create_dir_all(&home.dir.join(below))?;
    }
    let path = home.log();
    let log = File::create(&path).map_err(|error| FileError::new("write", &path, error))?;
    log.lock()
        .map_err(|error| FileError::new("lock", &path, error))?;
    let mut child = process::spawn(python, home.dir, port, log)?;
    let emulator = Emulator {
        url,
        port,
        version: VERSION.to_owned(),
        pid: child.id(),
        started: true,
    };
    let facts = serde_json::to_vec_pretty(&emulator).expect("an emulator's facts can be written");
    files::write_atomic(&home.facts(), home.dir, &facts, false)?;
    match answers(&emulator, Some(&mut child), home).await {
        Ok(()) => Ok(emulator),
        Err(failure) => {
            // It is ours, it was started just now, and nobody else knows of it.
            let _ = child.kill();
            let _ = child.wait();
            Err(failure)
        }
    }
}

/// Waits until the emulator answers; an early death shows the end of its log.
async fn answers(
    emulator: &Emulator,
    mut child: Option<&mut std::process::Child>,
    home: &Home<'_>,
) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if process::is_healthy(emulator.port).await {
            return Ok(());
        }
        if let Some(child) = child.as_mut()
            && let Ok(Some(status)) = child.try_wait()
        {
            return Err(Failure::world(format!(
                "the emulator ended as soon as it was started ({status})"
            ))
            .note(last_lines(&home.log())));
        }
        super::clock::sleep(Duration::from_millis(25)).await;
    }
    Err(
        Failure::world(format!("the emulator at {} does not answer", emulator.url))
            .note(last_lines(&home.log()))
            .help("`cargo agentcore local stop` ends it"),
    )
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let end = lines[lines.len().saturating_sub(10)..].join("\n");
    format!("the last lines of {}:\n{end}", log.display())
}

/// Ends the emulator so that it writes its state, and waits for that.
pub(crate) async fn stop(dir: &Path) -> Result<Stopped, Failure> {
    if !dir.exists() {
        return Ok(Stopped::NotRunning);
    }
    let home = Home { dir };
    let _turn = files::lock(&home.turn(), || {})?;
    let Some(running) = home.running()? else {
        return Ok(Stopped::NotRunning);
    };
    process::terminate(running.pid)?;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if home.running()?.is_none() {
            return Ok(Stopped::WasRunning(running));
        }
        super::clock::sleep(Duration::from_millis(20)).await;
    }
    Err(Failure::world(format!(
        "the emulator (process {}) does not end",
        running.pid
    ))
    .note(last_lines(&home.log())))
}
