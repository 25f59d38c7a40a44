//! The AWS emulator on this machine: one ministack per project, only on the loopback interface.
//!
//! It writes only into the given directory and runs from the user's cache. It is never identified
//! by a process ID: the emulator holds a lock on `running.lock` while it runs, and answers with the
//! nonce in `emulator.json` at its port. A file with this nonce stops it (see `launch.py`), so that
//! no signal can reach another process that reused the number.

pub(crate) mod agent;
pub(crate) mod code;
pub(crate) mod data_plane;
pub(in crate::effects) mod http;
mod install;
pub(crate) mod models;
mod pace;
pub(crate) mod preparing;
mod process;
mod registry;

pub(in crate::effects) use self::process::detach;
pub(crate) use self::registry::elsewhere;
use std::{path::Path, time::Duration};

use serde::Serialize;
use tempfile::TempDir;

use self::{
    models::Models,
    process::{Life, Record, Sight, Start},
};
use crate::{
    effects::{
        cache::running,
        clock,
        files::{FileError, Lock},
        folder::Folder,
        staging,
    },
    error::Failure,
};

/// The version that is installed and run.
pub(crate) const VERSION: &str = "1.5.33";

/// The version of this program, which serves the data plane.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// The hidden subcommands: the local AgentCore in the background, and the process around each
/// agent.
pub(crate) const DATA_PLANE: &str = "local-agentcore";
pub(crate) const SHIM: &str = "local-agent";
/// The hidden subcommand that becomes the agent, bound to the life of the process around it.
pub(crate) const BOUND: &str = "local-bound";

/// The exit code of a local AgentCore if another one uses its directory.
pub(crate) const BUSY: u8 = 75;

/// The emulator's folder, in the project's folder.
pub(crate) const FOLDER: &str = "local";

/// A running emulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Emulator {
    pub(crate) url: String,
    pub(crate) port: u16,
    pub(crate) version: String,
    pub(crate) pid: u32,
    /// What answers for Bedrock's models.
    pub(crate) models: String,
    /// The access key ID of agents.
    #[serde(skip)]
    pub(crate) key: Option<String>,
    /// True if this call started it.
    #[serde(skip)]
    pub(crate) started: bool,
}

impl Emulator {
    fn of(record: Record, started: bool) -> Self {
        Self {
            url: format!("http://127.0.0.1:{}", record.port),
            models: record.models(),
            key: record.key,
            port: record.port,
            version: record.version,
            pid: record.pid,
            started,
        }
    }
}

/// A step that takes time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Another run is starting, stopping or installing it.
    Waiting,
    /// Once per machine and version.
    Installing {
        with: String,
    },
    /// An emulator of another version is stopped.
    Replacing {
        version: String,
    },
    /// Bedrock's models are answered differently, or called with other credentials.
    Changing {
        from: String,
        to: String,
    },
    Starting,
}

/// The result of stopping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stopped {
    WasRunning(Emulator),
    NotRunning,
}

/// Locked while an emulator is started or stopped.
const START_LOCK: &str = "start.lock";
const PAUSE: Duration = Duration::from_millis(50);
/// A cold start on a slow disk compiles several hundred Python files.
const START_POLLS: u32 = 1_200;
/// Open connections get three seconds; the state is written after that.
const STOP_POLLS: u32 = 600;
/// How often a start is retried after another run was faster.
const TRIES: u32 = 4;

/// Returns this directory's emulator: the running one, or a new one with its state. If `models` is
/// set, the emulator uses them.
pub(crate) async fn ensure(
    dir: &Folder,
    workspace: &Path,
    models: Option<&Models>,
    say: &(dyn Fn(Progress) + Sync),
) -> Result<Emulator, Failure> {
    let emulator = ensure_locked(dir, workspace, models, say).await?;
    running::note(running::Kind::LocalAgentcore, dir, workspace, None);
    Ok(emulator)
}

/// Starts it with the lock held.
async fn ensure_locked(
    dir: &Folder,
    workspace: &Path,
    models: Option<&Models>,
    say: &(dyn Fn(Progress) + Sync),
) -> Result<Emulator, Failure> {
    dir.create_marked(process::is_ours)?;
    registry::remember(dir, workspace)?;
    let _lock = dir.lock(START_LOCK, || say(Progress::Waiting))?;
    if let Some(record) = usable(dir, say).await? {
        let Some(models) = models.filter(|models| !record.has(models)) else {
            return Ok(Emulator::of(record, false));
        };
        say(Progress::Changing {
            from: record.models(),
            to: models.name(),
        });
        end(dir, &record).await?;
    }
    let models = models.unwrap_or(&Models::Emulator);
    let (record, _) = start(dir, workspace, Life::Kept, models, say).await?;
    Ok(Emulator::of(record, true))
}

/// An emulator for reading: the running one, or a guest that ends with the visit.
pub(crate) struct Visit {
    pub(crate) emulator: Emulator,
    guest: Option<Guest>,
}

/// An emulator that runs for one command. Other commands wait for the lock.
struct Guest {
    record: Record,
    start: Start,
    home: Home,
    _lock: Lock,
}

/// The state that a guest works with.
enum Home {
    /// The state of the project's emulator.
    Kept(Folder),
    /// No state; nothing is left behind.
    Fresh(TempDir),
}

impl Home {
    fn folder(&self) -> Folder {
        match self {
            Self::Kept(folder) => folder.clone(),
            Self::Fresh(directory) => Folder::private(directory.path().to_owned()),
        }
    }
}

impl Visit {
    /// Returns true if the emulator ends with the visit.
    pub(crate) fn is_guest(&self) -> bool {
        self.guest.is_some()
    }

    /// Ends the guest. Otherwise, it ends with the process.
    pub(crate) async fn end(self) -> Result<(), Failure> {
        let Some(guest) = self.guest else {
            return Ok(());
        };
        end(&guest.home.folder(), &guest.record).await?;
        guest.start.reap()
    }
}

/// Returns true if the emulator of this directory has no state.
pub(crate) fn is_empty(dir: &Folder) -> Result<bool, Failure> {
    Ok(observe(dir)?.is_none() && !has_state(dir)?)
}

/// Returns true if no emulator runs in this directory but it has state.
pub(crate) fn is_asleep(dir: &Folder) -> Result<bool, Failure> {
    Ok(observe(dir)?.is_none() && has_state(dir)?)
}

fn has_state(dir: &Folder) -> Result<bool, FileError> {
    for kept in ["state", "s3"] {
        if !dir.join(kept).names()?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the emulator of this directory for a read-only command. It is stopped afterwards unless
/// it was running; a running one keeps its models.
pub(crate) async fn visit(
    dir: &Folder,
    workspace: &Path,
    models: &Models,
    say: &(dyn Fn(Progress) + Sync),
) -> Result<Visit, Failure> {
    let home = if is_empty(dir)? {
        Home::Fresh(staging::empty()?)
    } else {
        Home::Kept(dir.clone())
    };
    let at = home.folder();
    let lock = at.lock(START_LOCK, || say(Progress::Waiting))?;
    if let Some(record) = usable(&at, say).await? {
        return Ok(Visit {
            emulator: Emulator::of(record, false),
            guest: None,
        });
    }
    let (record, start) = start(&at, workspace, Life::Guest, models, say).await?;
    Ok(Visit {
        emulator: Emulator::of(record.clone(), false),
        guest: Some(Guest {
            record,
            start,
            home,
            _lock: lock,
        }),
    })
}

/// Returns the running emulator if it is usable; stops it otherwise. The caller holds the lock.
async fn usable(dir: &Folder, say: &(dyn Fn(Progress) + Sync)) -> Result<Option<Record>, Failure> {
    match process::settle(dir)? {
        // Its command was killed, so it is about to end.
        Sight::Running(record) if record.guest => end(dir, &record).await?,
        Sight::Running(record) if record.version == VERSION && record.program == PROGRAM => {
            process::has_answered(dir, &record)?;
            return Ok(Some(record));
        }
        Sight::Running(record) => {
            say(Progress::Replacing {
                version: record.version.clone(),
            });
            end(dir, &record).await?;
        }
        Sight::Silent(record) => return Err(process::silent(dir, record.as_ref())),
        Sight::Gone => {}
    }
    Ok(None)
}

async fn start(
    dir: &Folder,
    workspace: &Path,
    life: Life,
    models: &Models,
    say: &(dyn Fn(Progress) + Sync),
) -> Result<(Record, Start), Failure> {
    let python = install::ensure(workspace, say)?;
    say(Progress::Starting);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut start = process::spawn(&python, dir, workspace, life, models)?;
        for _ in 0..START_POLLS {
            clock::sleep(PAUSE).await;
            if let Sight::Running(record) = process::look(dir)? {
                start.give_way_to(&record)?;
                process::has_answered(dir, &record)?;
                return Ok((record, start));
            }
            if start.has_ended()? {
                break;
            }
        }
        if attempt == TRIES || !start.came_too_late() {
            return Err(start.failure(dir, &python)?);
        }
    }
}

/// Stops this directory's emulator and waits until its state is written.
pub(crate) async fn stop(dir: &Folder) -> Result<Stopped, Failure> {
    if !dir.exists()? {
        return Ok(Stopped::NotRunning);
    }
    let _lock = dir.lock(START_LOCK, || {})?;
    match process::settle(dir)? {
        Sight::Gone => {
            agent::left::end_all_below(&dir.join(process::SESSIONS).path());
            Ok(Stopped::NotRunning)
        }
        Sight::Silent(None) => Err(process::silent(dir, None)),
        Sight::Running(record) | Sight::Silent(Some(record)) => {
            end(dir, &record).await?;
            Ok(Stopped::WasRunning(Emulator::of(record, false)))
        }
    }
}

/// Returns this directory's emulator if it runs. Changes nothing.
pub(crate) fn observe(dir: &Folder) -> Result<Option<Emulator>, Failure> {
    match process::settle(dir)? {
        Sight::Gone => Ok(None),
        // A guest belongs to the command that started it.
        Sight::Running(record) if record.guest => Ok(None),
        Sight::Running(record) => Ok(Some(Emulator::of(record, false))),
        Sight::Silent(record) => Err(process::silent(dir, record.as_ref())),
    }
}

/// Returns the projects with emulator files in the folder.
pub(crate) fn homes(kept: &Folder) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for name in kept.names()? {
        let project = kept.join(&name);
        if project.is_directory()? && project.join(FOLDER).holds(process::RECORD)? {
            found.push(name);
        }
    }
    Ok(found)
}

/// Removes the emulator's folder. Files that this tool did not create are kept, together with the
/// folder.
pub(crate) fn remove(dir: &Folder) -> Result<(), Failure> {
    if dir.is_marked()? {
        return Ok(dir.remove_whole()?);
    }
    for name in dir.names()? {
        if !process::is_ours(&name) {
            continue;
        }
        let below = dir.join(&name);
        if below.is_directory()? {
            below.remove_whole()?;
        } else {
            dir.remove_file(&name)?;
        }
    }
    Ok(dir.remove_if_empty()?)
}

async fn end(dir: &Folder, record: &Record) -> Result<(), Failure> {
    process::ask_to_stop(dir, record)?;
    for _ in 0..STOP_POLLS {
        if !process::is_held(dir)? {
            process::forget_to_stop(dir)?;
            return Ok(());
        }
        clock::sleep(PAUSE).await;
    }
    Err(process::silent(dir, Some(record)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requirements_pin_the_version_that_the_source_names() {
        let line = format!("ministack=={VERSION} \\");
        assert!(install::REQUIREMENTS.lines().any(|found| found == line));
    }

    #[test]
    fn every_requirement_is_pinned_and_hashed() {
        let text = install::REQUIREMENTS.replace("\\\n", " ");
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
            .collect();
        assert!(lines.len() > 10, "{lines:?}");
        for line in lines {
            assert!(
                line.contains("==") && line.contains("--hash=sha256:"),
                "{line}"
            );
        }
    }
}
