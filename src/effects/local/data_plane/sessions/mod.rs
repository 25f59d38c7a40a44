//! The sessions: one agent process with its own folder for each. Only a few run at once.

mod life;
mod session;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use self::session::{Claim, Session};
pub(super) use self::session::{Purpose, Use};
use super::{
    event::{Events, Why},
    logs::Logs,
    versions::{Version, Versions},
};
use crate::{
    effects::{
        clock,
        local::http::{HttpClient, client},
    },
    names::EndpointName,
    protocol::{
        Refusal, SessionKey, limits,
        session::{Activity, evicted},
    },
};

/// How often a request looks for a session that is not ending.
const TRIES: u32 = 3;
/// The time limit for ending all sessions.
const END: Duration = Duration::from_secs(15);

/// Identifies a session: the runtime, the endpoint, and the session's ID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) runtime: String,
    pub(super) endpoint: EndpointName,
    pub(super) session: SessionKey,
}

/// All sessions of the project. Starts and ends their processes.
pub(super) struct Sessions {
    list: Mutex<BTreeMap<Key, Arc<Session>>>,
    versions: Arc<Versions>,
    logs: Logs,
    events: Events,
    client: HttpClient,
    home: PathBuf,
    /// The sessions of MCP clients, by the IDs that agents have chosen.
    chosen: Mutex<BTreeMap<Key, SessionKey>>,
    origin: Instant,
    /// The address that replaces AWS for agents.
    address: String,
    /// The access key ID of agents.
    key: String,
}

/// The result of looking up a key.
enum Found {
    Session(Claim),
    /// It must end before another session can take its place.
    Ending(Arc<Session>),
}

impl Sessions {
    pub(super) fn new(
        versions: Arc<Versions>,
        logs: Logs,
        events: Events,
        home: PathBuf,
        address: String,
        key: String,
    ) -> Arc<Self> {
        Arc::new(Self {
            list: Mutex::default(),
            versions,
            logs,
            events,
            client: client(),
            home,
            chosen: Mutex::default(),
            origin: clock::now(),
            address,
            key,
        })
    }

    /// Returns the session. Starts it if necessary.
    pub(super) async fn enter(
        self: &Arc<Self>,
        key: &Key,
        version: &Arc<Version>,
        purpose: Purpose,
    ) -> Result<Use, Refusal> {
        for _ in 0..TRIES {
            let claim = match self.find_or_add(key, version, purpose)? {
                Found::Session(claim) => claim,
                Found::Ending(session) => {
                    session.ended().await;
                    continue;
                }
            };
            match claim.session.settled().await {
                Ok(serving) => {
                    if let Some(used) = Use::new(claim, serving).await {
                        return Ok(used);
                    }
                }
                Err(Some(refusal)) => return Err(refusal),
                Err(None) => {}
            }
        }
        Err(Refusal::session_busy())
    }

    fn find_or_add(
        self: &Arc<Self>,
        key: &Key,
        version: &Arc<Version>,
        purpose: Purpose,
    ) -> Result<Found, Refusal> {
        let mut list = self.list();
        if let Some(session) = list.get(key) {
            return Ok(if session.is_ending() {
                Found::Ending(Arc::clone(session))
            } else {
                Found::Session(Claim::new(session, purpose))
            });
        }
        make_room(&list)?;
        let home = self.home.join(clock::unique_id());
        let session = Session::new(key.clone(), Arc::clone(version), home, self.origin);
        let session = Arc::new(session);
        let claim = Claim::new(&session, purpose);
        list.insert(key.clone(), Arc::clone(&session));
        tokio::spawn(life::live(Arc::clone(self), session));
        Ok(Found::Session(claim))
    }

    /// Returns the session that an MCP client means.
    pub(super) fn meant(&self, key: Key) -> Key {
        match self.chosen().get(&key) {
            Some(session) => Key {
                session: session.clone(),
                ..key
            },
            None => key,
        }
    }

    /// Records the ID that an MCP server has chosen for a session.
    pub(super) fn choose(&self, key: &Key, id: SessionKey) {
        if id == key.session {
            return;
        }
        let other = Key {
            session: id,
            ..key.clone()
        };
        self.chosen().insert(other, key.session.clone());
    }

    /// Ends a session; returns false if it does not exist.
    pub(super) async fn end(&self, key: &Key) -> bool {
        let session = self.list().get(key).cloned();
        let Some(session) = session else {
            return false;
        };
        session.ask_to_end(Why::Stopped);
        session.ended().await;
        true
    }

    /// Ends the sessions of a runtime, or of one of its endpoints.
    pub(super) async fn end_those_of(&self, runtime: &str, endpoint: Option<&str>) {
        let is_meant = |key: &Key| {
            let is_of_endpoint = endpoint.is_none_or(|name| key.endpoint.as_str() == name);
            key.runtime == runtime && is_of_endpoint
        };
        self.end_where(is_meant).await;
    }

    /// Ends all sessions.
    pub(super) async fn end_all(&self) {
        clock::within(END, self.end_where(|_| true)).await;
    }

    async fn end_where(&self, is_meant: impl Fn(&Key) -> bool) {
        let list: Vec<Arc<Session>> = self
            .list()
            .iter()
            .filter(|(key, _)| is_meant(key))
            .map(|(_, session)| Arc::clone(session))
            .collect();
        for session in &list {
            session.ask_to_end(Why::Stopped);
        }
        for session in &list {
            session.ended().await;
        }
    }

    /// Removes an ended session from the list.
    fn forget(&self, session: &Arc<Session>) {
        let mut list = self.list();
        let found = list.get(&session.key);
        if found.is_some_and(|found| Arc::ptr_eq(found, session)) {
            list.remove(&session.key);
        }
        drop(list);
        let Key {
            runtime,
            endpoint,
            session,
        } = &session.key;
        self.chosen().retain(|key, meant| {
            (&key.runtime, &key.endpoint, &*meant) != (runtime, endpoint, session)
        });
    }

    fn list(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<Session>>> {
        self.list.lock().expect("no thread panics with it")
    }

    fn chosen(&self) -> MutexGuard<'_, BTreeMap<Key, SessionKey>> {
        self.chosen.lock().expect("no thread panics with it")
    }
}

/// Asks sessions to end until another one can start.
fn make_room(list: &BTreeMap<Key, Arc<Session>>) -> Result<(), Refusal> {
    loop {
        let running: Vec<(Key, Activity)> = list
            .iter()
            .filter(|(_, session)| !session.is_ending())
            .map(|(key, session)| (key.clone(), session.standing()))
            .collect();
        if running.len() < limits::LOCAL_SESSIONS {
            return Ok(());
        }
        let session = evicted(&running).and_then(|key| list.get(&key));
        let session = session.ok_or_else(Refusal::too_many_sessions)?;
        session.ask_to_end(Why::Evicted);
    }
}
