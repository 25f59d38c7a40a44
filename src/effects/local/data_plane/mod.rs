//! The local AgentCore: one address for everything. It serves AgentCore's data plane itself, by running what is
//! deployed, and passes all other requests on to ministack.
//!
//! It runs in the background, one for each project, as a hidden subcommand of this binary. While it lives it
//! holds `running.lock`, and `emulator.json` tells where it listens.

pub(in crate::effects) mod accept;
mod address;
mod agents;
mod answering;
mod arriving;
mod changes;
mod commands;
mod emulator;
mod event;
pub(in crate::effects) mod http;
mod invocation;
mod issuers;
mod logs;
mod ministack;
mod models;
mod remembered;
mod replies;
mod sessions;
mod versions;
mod websocket;

use std::{net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};

use serde_json::json;
use tokio::net::TcpListener;

pub(crate) use self::event::{Event, Events, Why};
use self::{
    address::Address, agents::Agents, emulator::Emulator, logs::Logs, ministack::Ministack,
    models::OnAws, remembered::Remembered, sessions::Sessions, versions::Versions,
};
use super::{
    VERSION,
    agent::{left, shim},
    install,
    models::Models,
    process,
};
use crate::{
    effects::{
        clock,
        files::{FileError, Lock},
        folder::Folder,
    },
    error::Failure,
};

/// How a data plane is started.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) directory: PathBuf,
    /// Of ministack's installation.
    pub(crate) python: PathBuf,
    /// The root of the workspace, from which no program is run.
    pub(crate) workspace: PathBuf,
    pub(crate) nonce: String,
    /// The port of last time, so that what was printed then still works.
    pub(crate) port: Option<u16>,
    /// Whether it lives only as long as the command that starts it.
    pub(crate) guest: bool,
    pub(crate) models: Models,
}

/// Why a data plane comes to its end.
enum End {
    /// Somebody asked for it.
    Asked,
    /// Its folder was removed: there is nothing to write to any more.
    Homeless,
    /// ministack ended.
    Broken,
}

/// How many descriptors it may hold, where the system lets it.
#[cfg(unix)]
const DESCRIPTORS: u64 = 4096;
/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Before the path of an invocation, it makes the code ready and calls nobody.
pub(in crate::effects::local) const PREPARE: &str = "/_cargo-agentcore/prepare";
/// Somebody who looks whether the lock is held holds it for a moment.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Serves until it is told to end. `false`: another one works in the directory.
pub(crate) async fn run(setup: Setup, events: Events) -> Result<bool, Failure> {
    detach();
    let dir = Folder::private(setup.directory.clone());
    let Some(lock) = hold(&dir).await? else {
        events.tell(Event::DirectoryTaken);
        return Ok(false);
    };
    // Without this it still works, unless the cache is pruned.
    let _ = install::keep(&setup.python);
    let mut signals = Signals::listen()?;
    let listener = listen(setup.port).await?;
    let port = listener
        .local_addr()
        .map_err(|error| Failure::world(format!("cannot listen on 127.0.0.1: {error}")))?
        .port();
    let token = clock::unique_id();
    let mut ministack = Ministack::start(&setup, &token, &dir, port).await?;
    let emulator = Emulator::new(ministack.port, port, token);
    let local = dir.join(process::SESSIONS);
    left::end_all_below(&local.path());
    local.remove_whole()?;
    let logs = Logs::new(emulator.clone(), events.clone());
    let address = format!("http://127.0.0.1:{port}");
    let remembered = Remembered::load(dir.file(process::RUNTIMES), events.clone());
    let remembered = Arc::new(remembered);
    let versions = Arc::new(Versions::new(
        emulator.clone(),
        Arc::clone(&remembered),
        local.path().join("versions"),
        setup.workspace.clone(),
    ));
    let key = process::key(&dir)?.unwrap_or_else(models::new_key);
    let models = match &setup.models {
        Models::Aws(caller) => Some(OnAws::new(caller, key.clone())),
        Models::Emulator | Models::Server(_) => None,
    };
    let sessions = Sessions::new(
        Arc::clone(&versions),
        logs.clone(),
        events.clone(),
        local.path().join("running"),
        address.clone(),
        key.clone(),
    );
    let server = Arc::new(Address {
        port,
        emulator,
        remembered,
        models,
        agents: Agents::new(versions, Arc::clone(&sessions), events, address),
    });
    write_record(&setup, &dir, port, &key)?;
    let end = tokio::select! {
        () = accept::accept(listener, server) => End::Broken,
        () = ministack.ends() => End::Broken,
        () = signals.end() => End::Asked,
        () = host_ends(setup.guest) => End::Asked,
        end = watch(&dir, &lock, &setup.nonce) => end,
    };
    sessions.end_all().await;
    if !matches!(end, End::Broken) {
        logs.written().await;
    }
    match end {
        End::Asked | End::Broken => ministack.stop().await,
        End::Homeless => ministack.kill().await,
    }
    match end {
        End::Asked => local.remove_whole()?,
        End::Homeless => {}
        End::Broken => return Err(Failure::world("ministack ended by itself")),
    }
    Ok(true)
}

/// A terminal's Ctrl-C and hang-up are for the command that starts this.
#[cfg(unix)]
fn detach() {
    // It fails where this process leads a session already, and then all is well.
    let _ = rustix::process::setsid();
    // What it keeps is for the user alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    allow_descriptors();
}

/// Each connection takes two descriptors, and some systems allow 256.
#[cfg(unix)]
fn allow_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS));
    if current.is_some_and(|current| current < wanted) {
        // Fewer connections are served where this is refused.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(wanted),
                maximum,
            },
        );
    }
}

#[cfg(not(unix))]
fn detach() {}

async fn hold(dir: &Folder) -> Result<Option<Lock>, Failure> {
    for _ in 0..LOCK_TRIES {
        match dir.try_lock(process::RUNNING_LOCK)? {
            crate::effects::files::Attempt::Held(lock) => return Ok(Some(lock)),
            crate::effects::files::Attempt::Busy(_) => clock::sleep(LOCK_PAUSE).await,
        }
    }
    Ok(None)
}

async fn listen(last: Option<u16>) -> Result<TcpListener, Failure> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = match last {
        Some(port) => match bind(port).await {
            Ok(listener) => Ok(listener),
            Err(_) => bind(0).await,
        },
        None => bind(0).await,
    };
    listener.map_err(|error| Failure::world(format!("no port is free on 127.0.0.1: {error}")))
}

fn write_record(setup: &Setup, dir: &Folder, port: u16, key: &str) -> Result<(), FileError> {
    let record = json!({
        "version": VERSION,
        "program": super::PROGRAM,
        "port": port,
        "pid": std::process::id(),
        "nonce": setup.nonce,
        "guest": setup.guest,
        "models": setup.models.name(),
        "caller": setup.models.caller(),
        "key": key,
    });
    dir.write(process::RECORD, record.to_string().as_bytes())
}

/// The signals that ask for an end.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};

        signal(SignalKind::terminate())
            .map(|terminate| Self { terminate })
            .map_err(|error| Failure::world(format!("cannot listen for signals: {error}")))
    }

    #[cfg(unix)]
    async fn end(&mut self) {
        self.terminate.recv().await;
    }

    #[cfg(not(unix))]
    fn listen() -> Result<Self, Failure> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn end(&mut self) {
        std::future::pending().await
    }
}

/// A guest lives as long as the command that started it, whose pipe is its stdin.
async fn host_ends(guest: bool) {
    if !guest {
        return std::future::pending().await;
    }
    shim::pipe_closes().await;
}

/// Looks for the file that asks for an end, and whether the folder is still there.
async fn watch(dir: &Folder, lock: &Lock, nonce: &str) -> End {
    loop {
        clock::sleep(LOOK).await;
        match dir.lock_file(process::RUNNING_LOCK) {
            Ok(Some(file)) if !lock.is_of(&file) => return End::Homeless,
            Ok(None) => return End::Homeless,
            Ok(Some(_)) | Err(_) => {}
        }
        // What cannot be read asks for nothing.
        if matches!(dir.read_text(process::STOP), Ok(Some(text)) if text == nonce) {
            return End::Asked;
        }
    }
}
