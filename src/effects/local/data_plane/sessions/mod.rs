//! The sessions: a process of the agent for each, with a folder of its own. At most a few run at once.

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
    http::{HttpClient, client},
    logs::Logs,
    versions::{Version, Versions},
};
use crate::{
    effects::clock,
    names::EndpointName,
    protocol::{
        Refusal, SessionKey, limits,
        session::{Activity, evicted},
    },
};

/// How often a request looks for a session that does not end before it answers.
const TRIES: u32 = 3;
/// How long all sessions together may take to end.
const END: Duration = Duration::from_secs(15);

/// Which session: the runtime, the endpoint, and the session's ID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) runtime: String,
    pub(super) endpoint: EndpointName,
    pub(super) session: SessionKey,
}

/// All sessions of the project. It starts their processes and ends them.
pub(super) struct Sessions {
    list: Mutex<BTreeMap<Key, Arc<Session>>>,
    versions: Arc<Versions>,
    logs: Logs,
    events: Events,
    client: HttpClient,
    home: PathBuf,
    /// The sessions that MCP clients mean by an ID that the agent has chosen.
    chosen: Mutex<BTreeMap<Key, SessionKey>>,
    origin: Instant,
    /// The address that agents reach AWS at.
    address: String,
    /// The access key ID of agents.
    key: String,
}

/// What is found under a key.
enum Found {
    Session(Claim),
    /// It has to be gone before another one takes its place.
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

    /// The session, started where it does not run.
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

    /// The session that an MCP client means.
    pub(super) fn meant(&self, key: Key) -> Key {
        match self.chosen().get(&key) {
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
        self.chosen().insert(other, key.session.clone());
    }

    /// Ends a session; false where there is none.
    pub(super) async fn end(&self, key: &Key) -> bool {
        let session = self.list().get(key).cloned();
        let Some(session) = session else {
            return false;
        };
        session.ask_to_end(Why::Stopped);
        session.ended().await;
        true
    }

    /// Ends those of a runtime, or of one of its endpoints.
    pub(super) async fn end_those_of(&self, runtime: &str, endpoint: Option<&str>) {
        let is_meant = |key: &Key| {
            let is_of_endpoint = endpoint.is_none_or(|name| key.endpoint.as_str() == name);
            key.runtime == runtime && is_of_endpoint
        };
        self.end_where(is_meant).await;
    }

    /// Ends all.
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

    /// Nothing of the session is left.
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

/// Asks sessions to end until another one may start.
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
