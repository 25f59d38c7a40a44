//! The processes of an agent: one for all sessions, or one for each, as in AgentCore.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};

use tokio::sync::OnceCell;

use super::{
    Birth, Event, Events, NotStarted, SharedLog, Start,
    conduct::Conduct,
    preloading::Preloading,
    process::{InFlight, Process},
    retire, run_folder,
};
use crate::{
    effects::{clock, folder::Folder},
    protocol::{Refusal, SessionKey, limits},
};

/// Starts processes of an agent, each in its own folder.
pub(super) struct Starter {
    pub(super) agent: String,
    pub(super) folder: Folder,
    pub(super) starts: AtomicU32,
    pub(super) log: SharedLog,
    pub(super) preloading: Preloading,
    pub(super) conduct: Arc<Conduct>,
    pub(super) events: Events,
    /// True if each session gets its own process.
    pub(super) one_each: bool,
}

/// A serving agent, with one state of its sources.
pub(super) struct Serving {
    starter: Arc<Starter>,
    start: Start,
    /// The process that proved that the agent can start. It serves all sessions, or the first one.
    first: Arc<Process>,
    sessions: Mutex<Sessions>,
}

struct Sessions {
    all: BTreeMap<SessionKey, Session>,
    /// True if no session has been given the first process yet.
    first_is_free: bool,
    /// True if newer sources have replaced these.
    is_over: bool,
}

struct Session {
    process: Arc<OnceCell<Arc<Process>>>,
    last_used: Instant,
}

/// Why a request gets no process.
pub(super) enum Unserved {
    NotStarted(String),
    Refused(Refusal),
    /// Newer sources have replaced these.
    Replaced,
}

impl Starter {
    async fn start(&self, start: Start) -> Result<(Arc<Process>, Birth), NotStarted> {
        let number = self.starts.fetch_add(1, Ordering::SeqCst) + 1;
        let folder = self
            .folder
            .join(run_folder(number, start.program.debug().is_some()));
        let home = self.folder.join("home");
        let kept = (&self.preloading, &self.log);
        let started = Process::start(&self.agent, start, (&folder, &home), kept, &self.events);
        let (process, birth) = Box::pin(started).await?;
        Ok((Arc::new(process), birth))
    }
}

impl Serving {
    pub(super) async fn begin(
        starter: &Arc<Starter>,
        start: Start,
    ) -> Result<(Arc<Self>, Birth), NotStarted> {
        starter
            .conduct
            .starts(&start.environment, start.contract.port);
        let (first, birth) = starter.start(start.clone()).await?;
        let serving = Arc::new(Self {
            starter: Arc::clone(starter),
            start,
            first,
            sessions: Mutex::new(Sessions {
                all: BTreeMap::new(),
                first_is_free: true,
                is_over: false,
            }),
        });
        let (conduct, followed) = (Arc::clone(&starter.conduct), Arc::clone(&serving.first));
        tokio::spawn(async move { conduct.follow(&followed).await });
        Ok((serving, birth))
    }

    pub(super) fn first(&self) -> &Process {
        &self.first
    }

    pub(super) fn has_one_each(&self) -> bool {
        self.starter.one_each
    }

    /// Returns the process of a session, starting it if necessary.
    pub(super) async fn enter(self: &Arc<Self>, key: &SessionKey) -> Result<InFlight, Unserved> {
        if !self.has_one_each() {
            return Ok(InFlight::of(&self.first));
        }
        let cell = self.find_or_add(key)?;
        let found = cell.get_or_try_init(|| self.start_for(key)).await;
        match found {
            Ok(process) => {
                let in_flight = InFlight::of(process);
                if !self.sessions().is_over {
                    return Ok(in_flight);
                }
                tokio::spawn(end(Arc::clone(process)));
                Err(Unserved::Replaced)
            }
            Err(NotStarted { what, lines }) => {
                self.sessions().all.remove(key);
                let text = [vec![what], lines].concat().join("\n");
                Err(Unserved::NotStarted(text))
            }
        }
    }

    async fn start_for(self: &Arc<Self>, key: &SessionKey) -> Result<Arc<Process>, NotStarted> {
        let begin = clock::now();
        let (process, birth) = self.starter.start(self.start.clone()).await?;
        self.starter.events.tell(Event::SessionStarted {
            agent: self.starter.agent.clone(),
            session: key.to_string(),
            took: begin.elapsed(),
            birth,
        });
        let (serving, watched) = (Arc::clone(self), Arc::clone(&process));
        tokio::spawn(async move {
            watched.agent.ended().await;
            serving.session_ended(&watched);
        });
        Ok(process)
    }

    /// Returns the slot for the session's process. The very first session gets the first process.
    fn find_or_add(&self, key: &SessionKey) -> Result<Arc<OnceCell<Arc<Process>>>, Unserved> {
        let mut sessions = self.sessions();
        let last_used = clock::now();
        if let Some(session) = sessions.all.get_mut(key)
            && !session.has_ended()
        {
            session.last_used = last_used;
            return Ok(Arc::clone(&session.process));
        }
        if sessions.all.len() >= limits::LOCAL_SESSIONS {
            let evicted = sessions.take_oldest();
            let evicted = evicted.ok_or_else(Refusal::too_many_sessions);
            let evicted = evicted.map_err(Unserved::Refused)?;
            tokio::spawn(evicted.end());
        }
        let first = std::mem::take(&mut sessions.first_is_free).then(|| Arc::clone(&self.first));
        let process = Arc::new(OnceCell::new_with(first));
        let session = Session {
            process: Arc::clone(&process),
            last_used,
        };
        sessions.all.insert(key.clone(), session);
        Ok(process)
    }

    /// Ends the process of a session. Returns false if it has none.
    pub(super) async fn stop(&self, key: &SessionKey) -> bool {
        let removed = self.sessions().all.remove(key);
        match removed {
            Some(session) => {
                session.end().await;
                true
            }
            None => false,
        }
    }

    /// Handles the unexpected end of the first process. Returns whether nothing serves anymore.
    pub(super) fn first_ended(&self) -> bool {
        let is_free = self.sessions().first_is_free;
        if is_free || !self.has_one_each() {
            return true;
        }
        self.session_ended(&self.first);
        false
    }

    /// Reports the unexpected end of a session's process. The session's next request starts
    /// another.
    fn session_ended(&self, process: &Arc<Process>) {
        let mut sessions = self.sessions();
        let found = sessions.all.iter().find(|(_, session)| {
            let there = session.process.get();
            there.is_some_and(|there| Arc::ptr_eq(there, process))
        });
        let Some(key) = found.map(|(key, _)| key.clone()) else {
            return;
        };
        sessions.all.remove(&key);
        drop(sessions);
        self.starter.events.tell(Event::Ended {
            agent: self.starter.agent.clone(),
            code: process.code(),
            lines: process.last_lines(),
            session: Some(key.to_string()),
        });
    }

    /// Takes all processes away from their sessions, without duplicates.
    fn take_processes(&self) -> Vec<Arc<Process>> {
        let mut sessions = self.sessions();
        sessions.is_over = true;
        let all = std::mem::take(&mut sessions.all);
        drop(sessions);
        let others = all
            .values()
            .filter_map(|session| session.process.get().cloned())
            .filter(|process| !Arc::ptr_eq(process, &self.first));
        std::iter::once(Arc::clone(&self.first))
            .chain(others)
            .collect()
    }

    /// Ends all processes once their requests are done.
    pub(super) fn retire(&self) {
        for process in self.take_processes() {
            let (agent, events) = (self.starter.agent.clone(), self.starter.events.clone());
            tokio::spawn(retire(agent, process, events));
        }
    }

    /// Ends all processes.
    pub(super) async fn end_all(&self) {
        let processes = self.take_processes();
        for process in &processes {
            process.agent.stop();
        }
        for process in &processes {
            process.agent.ended().await;
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().expect("no thread panics with it")
    }
}

impl Sessions {
    /// Removes the session that has been idle the longest.
    fn take_oldest(&mut self) -> Option<Session> {
        let idle = self.all.iter().filter(|(_, session)| session.is_idle());
        let (key, _) = idle.min_by_key(|(_, session)| session.last_used)?;
        let key = key.clone();
        self.all.remove(&key)
    }
}

impl Session {
    fn is_idle(&self) -> bool {
        let process = self.process.get();
        process.is_some_and(|process| process.requests() == 0)
    }

    fn has_ended(&self) -> bool {
        let process = self.process.get();
        process.is_some_and(|process| process.has_ended())
    }

    async fn end(self) {
        if let Some(process) = self.process.get() {
            end(Arc::clone(process)).await;
        }
    }
}

async fn end(process: Arc<Process>) {
    process.agent.stop();
    process.agent.ended().await;
    // The next start removes what is left.
    let _ = process.folder.remove_whole();
}
