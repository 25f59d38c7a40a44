//! The sessions: a process of the agent for each, with a folder of its own.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http_body_util::BodyExt as _;
use hyper::{Method, Request, StatusCode, header};
use tokio::sync::OnceCell;

use super::{
    http::{HttpClient, client, full},
    logs::{Logs, Stream},
    versions::{Version, Versions, internal},
};
use crate::{
    effects::{
        clock, files,
        local::{
            agent::{Agent, Launch, NotReady, State, environment},
            code,
        },
        runtime,
    },
    names::EndpointName,
    protocol::{
        Refusal, SessionKey, contract,
        contract::Contract,
        limits, logs,
        refusal::Kind,
        session::{Activity, Fate, evicted, fate},
    },
};

/// How often an idle agent is asked whether it is busy.
const LOOK: Duration = Duration::from_secs(1);
const PING: Duration = Duration::from_secs(5);
/// The longest answer of /ping that is read.
const LONGEST_PING: usize = 64 * 1024;

/// Which session: the runtime, the endpoint, and the session's ID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) runtime: String,
    pub(super) endpoint: EndpointName,
    pub(super) session: SessionKey,
}

/// A session. It stays with the version that it began with.
pub(super) struct Session {
    pub(super) version: Arc<Version>,
    warning: Mutex<Option<String>>,
    /// Times are those since the start of this process.
    started: Duration,
    last_active: Mutex<Duration>,
    in_flight: AtomicUsize,
    /// What the last /ping said.
    busy: AtomicBool,
    origin: Instant,
    running: OnceCell<Result<Running, Refusal>>,
    home: PathBuf,
}

/// An agent that serves.
struct Running {
    agent: Agent,
    port: u16,
}

/// A use of a session; while one lives, the session is not idle.
pub(super) struct Use {
    session: Arc<Session>,
}

impl Use {
    fn of(session: &Arc<Session>) -> Self {
        session.in_flight.fetch_add(1, Ordering::SeqCst);
        Self {
            session: Arc::clone(session),
        }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// The port of the agent.
    pub(super) fn port(&self) -> Option<u16> {
        let running = self.session.running.get()?.as_ref().ok()?;
        Some(running.port)
    }

    /// How the agent ends, if it does within this time.
    pub(super) async fn ends(&self, limit: Duration) -> Option<String> {
        let running = self.session.running.get()?.as_ref().ok()?;
        clock::within(limit, running.agent.ended()).await?;
        match running.agent.state() {
            State::Ended(code) => Some(format!("it ended with the exit code {code}")),
            State::Running => None,
        }
    }

    /// What the agent printed last.
    pub(super) fn last_lines(&self) -> Vec<String> {
        let running = self.session.running.get();
        running
            .and_then(|running| running.as_ref().ok())
            .map(|running| running.agent.last_lines())
            .unwrap_or_default()
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.session.touch();
        self.session.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

/// All sessions of the project.
pub(super) struct Sessions {
    list: Mutex<BTreeMap<Key, Arc<Session>>>,
    logs: Logs,
    client: HttpClient,
    home: PathBuf,
    /// The sessions that MCP clients mean by an ID that the agent has chosen.
    chosen: Mutex<BTreeMap<Key, SessionKey>>,
    origin: Instant,
    /// The address that agents reach AWS at.
    address: String,
}

impl Sessions {
    pub(super) fn new(logs: Logs, home: PathBuf, address: String) -> Arc<Self> {
        let sessions = Arc::new(Self {
            list: Mutex::default(),
            logs,
            client: client(),
            home,
            chosen: Mutex::default(),
            origin: clock::now(),
            address,
        });
        tokio::spawn(end_idle(Arc::downgrade(&sessions)));
        sessions
    }

    /// The session, started where it does not run.
    pub(super) async fn enter(
        &self,
        key: &Key,
        version: &Arc<Version>,
        versions: &Versions,
    ) -> Result<Use, Refusal> {
        let used = self.find_or_add(key, version)?;
        let session = &used.session;
        let running = session
            .running
            .get_or_init(|| self.start(key, session, versions))
            .await;
        match running {
            Ok(_) => Ok(used),
            Err(refusal) => {
                self.remove(key, session);
                Err(refusal.clone())
            }
        }
    }

    fn find_or_add(&self, key: &Key, version: &Arc<Version>) -> Result<Use, Refusal> {
        let mut list = self.list.lock().expect("no thread panics with it");
        if let Some(session) = list.get(key)
            && !session.has_ended()
        {
            return Ok(Use::of(session));
        }
        while list.len() >= limits::LOCAL_SESSIONS {
            let all: Vec<(Key, Activity)> = list
                .iter()
                .map(|(key, session)| (key.clone(), session.activity()))
                .collect();
            let Some(key) = evicted(&all) else {
                return Err(Refusal::too_many_sessions());
            };
            super::tell(&format!(
                "session `{}` ends: {} run at once on this machine",
                key.session,
                limits::LOCAL_SESSIONS
            ));
            if let Some(session) = list.remove(&key) {
                tokio::spawn(async move { session.end().await });
            }
        }
        let now = self.origin.elapsed();
        let session = Arc::new(Session {
            version: Arc::clone(version),
            warning: Mutex::default(),
            started: now,
            last_active: Mutex::new(now),
            in_flight: AtomicUsize::new(0),
            busy: AtomicBool::new(false),
            origin: self.origin,
            running: OnceCell::new(),
            home: self.home.join(clock::unique_id()),
        });
        let used = Use::of(&session);
        list.insert(key.clone(), session);
        Ok(used)
    }

    /// The session that an MCP client means.
    pub(super) fn meant(&self, key: Key) -> Key {
        let chosen = self.chosen.lock().expect("no thread panics with it");
        match chosen.get(&key) {
            Some(session) => Key {
                session: session.clone(),
                ..key
            },
            None => key,
        }
    }

    /// Remembers the ID that an MCP server has chosen for a session.
    pub(super) fn choose(&self, key: &Key, id: SessionKey) {
        if id == key.session {
            return;
        }
        let other = Key {
            session: id,
            ..key.clone()
        };
        let mut chosen = self.chosen.lock().expect("no thread panics with it");
        chosen.insert(other, key.session.clone());
    }

    fn remove(&self, key: &Key, session: &Arc<Session>) {
        let mut list = self.list.lock().expect("no thread panics with it");
        if list
            .get(key)
            .is_some_and(|found| Arc::ptr_eq(found, session))
        {
            list.remove(key);
        }
        drop(list);
        let session = Arc::clone(session);
        tokio::spawn(async move { session.end().await });
    }

    async fn start(
        &self,
        key: &Key,
        session: &Arc<Session>,
        versions: &Versions,
    ) -> Result<Running, Refusal> {
        let version = &session.version;
        let code = versions.code(version).await?;
        session
            .warning
            .lock()
            .expect("no thread panics with it")
            .clone_from(&code.warning);
        let work = session.home.join("code");
        let home = session.home.join("home");
        let copied = {
            let (own, work, home) = (code.own.clone(), work.clone(), home.clone());
            runtime::aside(
                move |_: &(dyn Fn(()) + Sync)| {
                    files::create_dir_all(&home)?;
                    code::copy(&own, &work)
                },
                |()| {},
            )
            .await
        };
        copied.map_err(|error| internal(&error.to_string()))?;
        let listening = session.home.join("listening");
        let stream = Stream {
            region: version.arn.region.to_string(),
            runtime: version.arn.id.clone(),
            endpoint: key.endpoint.to_string(),
            name: logs::stream(clock::seconds().unsigned_abs(), &clock::unique_id()),
        };
        let script = version.entrypoint.last().cloned().unwrap_or_default();
        let launch = Launch {
            program: code.python.clone(),
            args: vec![OsString::from("-u"), work.join(script).into_os_string()],
            directory: work,
            environment: environment(version, key, &code, &home, &listening, &self.address),
            listening,
            port: version.contract.port,
        };
        let agent = Agent::start(launch, &self.logs.of(stream))
            .map_err(|why| not_ready(&why, &version.contract, &[]))?;
        let start = clock::now();
        match self.serves(&agent, &version.contract, start).await {
            Ok(port) => Ok(Running { agent, port }),
            Err(why) => {
                // What it prints last may still be in the pipe.
                clock::sleep(Duration::from_millis(20)).await;
                let lines = agent.last_lines();
                agent.stop();
                Err(not_ready(&why, &version.contract, &lines))
            }
        }
    }

    /// Waits until the agent listens and, where the protocol has it, /ping answers.
    async fn serves(
        &self,
        agent: &Agent,
        contract: &Contract,
        start: Instant,
    ) -> Result<u16, NotReady> {
        let port = agent.listens(limits::INITIALIZATION).await?;
        if contract.ping().is_none() {
            return Ok(port);
        }
        loop {
            if self.ping(port).await.is_some() {
                return Ok(port);
            }
            if let State::Ended(code) = agent.state() {
                return Err(NotReady::Ended(code));
            }
            if start.elapsed() > limits::INITIALIZATION {
                return Err(NotReady::Deaf);
            }
            clock::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What /ping says.
    async fn ping(&self, port: u16) -> Option<String> {
        let request = Request::builder()
            .method(Method::GET)
            .uri(format!("http://127.0.0.1:{port}/ping"))
            .header(header::HOST, format!("127.0.0.1:{port}"))
            .body(full(""))
            .ok()?;
        let answer = clock::within(PING, self.client.request(request))
            .await?
            .ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        let body = http_body_util::Limited::new(answer.into_body(), LONGEST_PING);
        let body = clock::within(PING, body.collect()).await?.ok()?;
        Some(String::from_utf8_lossy(&body.to_bytes()).into_owned())
    }

    /// Ends a session; false where there is none.
    pub(super) async fn end(&self, key: &Key) -> bool {
        let session = self
            .list
            .lock()
            .expect("no thread panics with it")
            .remove(key);
        match session {
            Some(session) => {
                session.end().await;
                true
            }
            None => false,
        }
    }

    /// Ends those of a runtime, or of one of its endpoints.
    pub(super) async fn end_those_of(&self, runtime: &str, endpoint: Option<&str>) {
        let keys: Vec<Key> = self
            .list
            .lock()
            .expect("no thread panics with it")
            .keys()
            .filter(|key| key.runtime == runtime)
            .filter(|key| endpoint.is_none_or(|endpoint| key.endpoint.as_str() == endpoint))
            .cloned()
            .collect();
        for key in keys {
            self.end(&key).await;
        }
    }

    /// Ends all.
    pub(super) async fn end_all(&self) {
        let list = std::mem::take(&mut *self.list.lock().expect("no thread panics with it"));
        for session in list.values() {
            session.stop();
        }
        for session in list.values() {
            session.end().await;
        }
    }

    /// Ends what has been idle or alive for too long, and what has ended by itself.
    async fn end_overdue(&self) {
        let list: Vec<(Key, Arc<Session>)> = self
            .list
            .lock()
            .expect("no thread panics with it")
            .iter()
            .map(|(key, session)| (key.clone(), Arc::clone(session)))
            .collect();
        for (key, session) in list {
            if session.has_ended() {
                self.remove(&key, &session);
                continue;
            }
            let now = self.origin.elapsed();
            let lifetime = session.version.lifetime;
            match fate(session.activity(), lifetime, now) {
                Fate::Lives { .. } => {}
                Fate::TooOld => self.remove(&key, &session),
                Fate::Idle => {
                    let busy = self.is_busy(&session).await;
                    session.busy.store(busy, Ordering::SeqCst);
                    if busy {
                        session.touch();
                    } else if fate(session.activity(), lifetime, now) == Fate::Idle {
                        self.remove(&key, &session);
                    }
                }
            }
        }
    }

    /// Whether an agent that is not asked anything says that it works on something.
    async fn is_busy(&self, session: &Session) -> bool {
        let Some(Ok(running)) = session.running.get() else {
            // It is starting.
            return true;
        };
        let answer = self.ping(running.port).await.unwrap_or_default();
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
        answer["status"] == "HealthyBusy"
    }
}

async fn end_idle(sessions: std::sync::Weak<Sessions>) {
    loop {
        clock::sleep(LOOK).await;
        let Some(sessions) = sessions.upgrade() else {
            return;
        };
        sessions.end_overdue().await;
    }
}

impl Session {
    /// A shell command in the surroundings of the agent, in a process group of its own.
    pub(super) fn command(&self, text: &str) -> Option<tokio::process::Command> {
        let running = self.running.get()?.as_ref().ok()?;
        running.agent.beside(text)
    }

    /// What the caller of this session is to know.
    pub(super) fn note(&self, other: Option<&str>) -> Option<String> {
        let warning = self.warning.lock().expect("no thread panics with it");
        match (warning.as_deref(), other) {
            (Some(warning), Some(other)) => Some(format!("{warning}; {other}")),
            (one, other) => one.or(other).map(str::to_owned),
        }
    }

    fn activity(&self) -> Activity {
        Activity {
            started: self.started,
            last_active: *self.last_active.lock().expect("no thread panics with it"),
            in_flight: self.in_flight.load(Ordering::SeqCst),
            busy: self.busy.load(Ordering::SeqCst),
        }
    }

    fn touch(&self) {
        *self.last_active.lock().expect("no thread panics with it") = self.origin.elapsed();
    }

    fn has_ended(&self) -> bool {
        match self.running.get() {
            Some(Ok(running)) => running.agent.state() != State::Running,
            Some(Err(_)) => true,
            None => false,
        }
    }

    fn stop(&self) {
        if let Some(Ok(running)) = self.running.get() {
            running.agent.stop();
        }
    }

    async fn end(&self) {
        self.stop();
        if let Some(Ok(running)) = self.running.get() {
            running.agent.ended().await;
        }
        self.clear();
    }

    /// Removes the session's files.
    fn clear(&self) {
        // What cannot be removed now is removed at the next start of the emulator.
        let _ = files::remove_tree(&self.home);
    }
}

/// All that an agent sees of its surroundings.
fn environment(
    version: &Version,
    key: &Key,
    code: &code::Code,
    home: &std::path::Path,
    listening: &std::path::Path,
    address: &str,
) -> Vec<(OsString, OsString)> {
    let mut list = environment::base(home, code.dependencies.as_deref(), address);
    let mut set = |name: &str, value: OsString| list.push((name.into(), value));
    for (name, value) in contract::environment(&version.arn, &key.endpoint) {
        set(name, value.into());
    }
    for (name, value) in &version.environment {
        set(name, value.into());
    }
    set("CARGO_AGENTCORE_LISTENING", listening.into());
    set(
        "CARGO_AGENTCORE_PORT",
        version.contract.port.to_string().into(),
    );
    list
}

fn not_ready(why: &NotReady, contract: &Contract, lines: &[String]) -> Refusal {
    let refusal = Refusal::slow_start(lines);
    match why {
        NotReady::Ended(code) => Refusal::ended_at_start(&format!("exit status {code}"), lines),
        NotReady::Deaf => refusal,
        NotReady::WrongPort(other) => Refusal {
            message: format!(
                "The agent listens on port {other}, and AgentCore calls port {}. {}",
                contract.port, refusal.message
            ),
            ..refusal
        },
        NotReady::CannotStart(error) => Refusal::new(
            Kind::RuntimeClient,
            format!("the agent cannot be started: {error}"),
        ),
    }
}
