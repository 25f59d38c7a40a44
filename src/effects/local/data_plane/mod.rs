//! The local AgentCore: one address for everything. It serves AgentCore's data plane itself, by running what is
//! deployed, and passes all other requests on to ministack.
//!
//! It runs in the background, one for each project, as a hidden subcommand of this binary. While it lives it
//! holds `running.lock`, and `emulator.json` tells where it listens.

mod call;
mod commands;
mod emulator;
pub(in crate::effects) mod http;
mod invoke;
mod issuers;
mod logs;
mod ministack;
mod remembered;
mod sessions;
mod versions;

use std::{convert::Infallible, net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Request, Response, StatusCode, body::Incoming, header, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use self::{
    emulator::Emulator,
    http::{Body, collected, full, streamed, text},
    invoke::{Agents, Change},
    logs::Logs,
    ministack::Ministack,
    remembered::Remembered,
    sessions::Sessions,
    versions::Versions,
};
use super::{VERSION, agent::shim, process};
use crate::{
    config::Protocol,
    effects::{
        clock,
        files::{FileError, Lock},
        folder::Folder,
    },
    error::Failure,
    protocol::{self, Refusal, origin, refusal::Kind},
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
    /// An OpenAI-compatible server that answers for the models of Bedrock.
    pub(crate) models: Option<String>,
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

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Somebody who looks whether the lock is held holds it for a moment.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// A client has this long for the head of a request.
const HEAD: Duration = Duration::from_secs(30);
/// How many connections are served at once.
const CONNECTIONS: usize = 1_000;
/// The longest description of a runtime that is read on its way.
const LONGEST_DESCRIPTION: usize = 1 << 20;

/// Serves until it is told to end. `false`: another one works in the directory.
pub(crate) async fn run(setup: Setup) -> Result<bool, Failure> {
    detach();
    let dir = Folder::private(setup.directory.clone());
    let Some(lock) = hold(&dir).await? else {
        tell("another local AgentCore works in this directory");
        return Ok(false);
    };
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
    local.remove_whole()?;
    let logs = Logs::start(emulator.clone());
    let address = format!("http://127.0.0.1:{port}");
    let sessions = Sessions::new(logs, local.path().join("running"), address.clone());
    let remembered = Arc::new(Remembered::load(dir.file(process::RUNTIMES)));
    let versions = Versions::new(
        emulator.clone(),
        Arc::clone(&remembered),
        local.path().join("versions"),
        setup.workspace.clone(),
    );
    let plane = Arc::new(Plane {
        port,
        emulator,
        remembered,
        agents: Agents::new(versions, Arc::clone(&sessions), address),
    });
    write_record(&setup, &dir, port)?;
    let end = tokio::select! {
        () = accept(listener, plane) => End::Broken,
        () = ministack.ends() => End::Broken,
        () = signals.end() => End::Asked,
        () = host_ends(setup.guest) => End::Asked,
        end = watch(&dir, &lock, &setup.nonce) => end,
    };
    sessions.end_all().await;
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

/// What happens in the background is told in the log.
#[expect(clippy::print_stderr, reason = "stderr is the log of this process")]
fn tell(what: &str) {
    eprintln!("{what}");
}

/// A terminal's Ctrl-C and hang-up are for the command that starts this.
#[cfg(unix)]
fn detach() {
    // It fails where this process leads a session already, and then all is well.
    let _ = rustix::process::setsid();
    // What it keeps is for the user alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
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

fn write_record(setup: &Setup, dir: &Folder, port: u16) -> Result<(), FileError> {
    let record = json!({
        "version": VERSION,
        "program": super::PROGRAM,
        "port": port,
        "pid": std::process::id(),
        "nonce": setup.nonce,
        "guest": setup.guest,
        "models": setup.models,
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

/// One address for everything.
struct Plane {
    port: u16,
    emulator: Emulator,
    remembered: Arc<Remembered>,
    agents: Agents,
}

async fn accept(listener: TcpListener, plane: Arc<Plane>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // No descriptor is free: one will be.
            clock::sleep(LOCK_PAUSE).await;
            continue;
        };
        let plane = Arc::clone(&plane);
        tokio::spawn(async move {
            serve(stream, plane).await;
            drop(permit);
        });
    }
}

async fn serve(stream: TcpStream, plane: Arc<Plane>) {
    // Without it small answers wait for each other; where it cannot be set, they do.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let plane = Arc::clone(&plane);
        async move { Ok::<_, Infallible>(plane.answer(request).await) }
    });
    // A client that goes away in the middle is no business of ours.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

fn check_origin(headers: &HeaderMap, port: u16) -> Result<(), Refusal> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let hosts = headers.get_all(header::HOST).iter().count();
    let host = header("host").filter(|_| hosts == 1);
    origin::check(host, header)?;
    let suffix = format!(":{port}");
    if host.is_some_and(|host| !host.ends_with(&suffix)) {
        return Err(Refusal::new(
            Kind::AccessDenied,
            format!(
                "the request is addressed to another server than this one, whose port is {port}"
            ),
        ));
    }
    Ok(())
}

impl Plane {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if let Err(refusal) = check_origin(request.headers(), self.port) {
            return invoke::answer(&refusal, Protocol::Http, None);
        }
        let target = request.uri().path_and_query();
        let target = target.map_or("/", hyper::http::uri::PathAndQuery::as_str);
        if let Some(asked) = protocol::Request::parse(request.method().as_str(), target) {
            return self.agents.serve(asked, request).await;
        }
        match Change::of(request.method(), request.uri().path()) {
            Some(change) => self.change(&change, request).await,
            None => self.emulator.forward(request.map(streamed)).await,
        }
    }

    /// Passes a change of what is deployed on to ministack, and learns from it.
    async fn change(&self, change: &Change, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let Some(body) = collected(body, LONGEST_DESCRIPTION).await else {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "the request is too long\n");
        };
        let request = Request::from_parts(parts, full(body.clone()));
        let (parts, answer) = self.emulator.forward(request).await.into_parts();
        let Some(answer) = collected(answer, LONGEST_DESCRIPTION).await else {
            return text(StatusCode::BAD_GATEWAY, "ministack broke off its answer\n");
        };
        if parts.status.is_success() {
            self.remembered.learn(&body, &answer);
        }
        self.agents.follow(change, parts.status).await;
        Response::from_parts(parts, full(answer))
    }
}
