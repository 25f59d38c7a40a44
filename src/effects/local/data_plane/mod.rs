//! The local AgentCore, with one address for everything. It serves AgentCore's data plane itself by
//! running what is deployed, and forwards all other requests to ministack.
//!
//! It runs in the background, one process per project, as a hidden subcommand of this binary. While
//! it runs, it holds `running.lock`, and `emulator.json` contains its address.

pub(in crate::effects) mod accept;
mod address;
mod agents;
mod answering;
mod arriving;
mod changes;
mod commands;
mod emulator;
mod event;
mod invocation;
mod issuers;
mod logs;
mod ministack;
mod models;
mod remembered;
mod replies;
mod sessions;
mod unpacking;
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

/// The settings of a data plane.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) directory: PathBuf,
    /// The Python of ministack's installation.
    pub(crate) python: PathBuf,
    /// The workspace's root, from which no program is run.
    pub(crate) workspace: PathBuf,
    pub(crate) nonce: String,
    /// The previous port, so that addresses printed earlier still work.
    pub(crate) port: Option<u16>,
    /// True if it ends with the command that starts it.
    pub(crate) guest: bool,
    pub(crate) models: Models,
}

/// Why a data plane ends.
enum End {
    /// It was asked to stop.
    Asked,
    /// Its folder was removed, so that nothing can be written.
    Homeless,
    /// ministack ended.
    Broken,
}

/// How many descriptors it may use, if the system allows it.
#[cfg(unix)]
const DESCRIPTORS: u64 = 4096;
/// The pause between two checks of the folder.
const LOOK: Duration = Duration::from_millis(200);
/// The prefix for an invocation's path that only prepares the code.
pub(in crate::effects::local) const PREPARE: &str = "/_cargo-agentcore/prepare";
/// A process that checks the lock holds it for a moment, so locking is retried.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Serves until it is asked to stop. Returns `false` if another one uses the directory.
pub(crate) async fn run(setup: Setup, events: Events) -> Result<bool, Failure> {
    detach();
    let dir = Folder::private(setup.directory.clone());
    let Some(lock) = hold(&dir).await? else {
        events.tell(Event::DirectoryTaken);
        return Ok(false);
    };
    // If this fails, it still works unless the cache is pruned.
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

/// Leaves the terminal's session, so that Ctrl-C and hang-ups only reach the command that started
/// this.
#[cfg(unix)]
fn detach() {
    // Fails harmlessly if this process already leads a session.
    let _ = rustix::process::setsid();
    // Only the user may read its files.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    allow_descriptors();
}

/// Raises the limit for descriptors: each connection uses two, and some systems allow 256.
#[cfg(unix)]
fn allow_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS));
    if current.is_some_and(|current| current < wanted) {
        // If this is refused, fewer connections are served.
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

/// The signals that ask it to stop.
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

/// Waits until the command that started a guest ends, which closes the pipe at stdin.
async fn host_ends(guest: bool) {
    if !guest {
        return std::future::pending().await;
    }
    shim::pipe_closes().await;
}

/// Waits for the file that asks it to stop, or for the removal of the folder.
async fn watch(dir: &Folder, lock: &Lock, nonce: &str) -> End {
    loop {
        clock::sleep(LOOK).await;
        match dir.lock_file(process::RUNNING_LOCK) {
            Ok(Some(file)) if !lock.is_of(&file) => return End::Homeless,
            Ok(None) => return End::Homeless,
            Ok(Some(_)) | Err(_) => {}
        }
        // An unreadable file is ignored.
        if matches!(dir.read_text(process::STOP), Ok(Some(text)) if text == nonce) {
            return End::Asked;
        }
    }
}
