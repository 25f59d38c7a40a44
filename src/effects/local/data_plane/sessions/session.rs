//! One session: a process of the agent with folders of its own, from its start to its end.
//!
//! A task of its own carries it. Requests wait for the phase that they need, and a caller that gives up
//! waiting changes nothing: the start goes on, and the next request finds it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::Key;
use crate::{
    effects::{
        clock, files,
        local::{
            agent::{Agent, State},
            data_plane::{event::Why, versions::Version},
        },
        runtime,
    },
    protocol::{Refusal, session::Activity},
};

/// How long an agent's processes are waited for at their end. The process around them kills them sooner.
const END: Duration = Duration::from_secs(10);

/// How long an agent that broke off an answer is given to end before it gets another request.
const SUSPICION: Duration = Duration::from_millis(500);

/// A session. It stays with the version that it began with.
pub(super) struct Session {
    pub(super) key: Key,
    pub(super) version: Arc<Version>,
    pub(super) home: PathBuf,
    phase: watch::Sender<Phase>,
    /// Why it is to end, once somebody has asked for it.
    asked: watch::Sender<Option<Why>>,
    uses: Mutex<Uses>,
    /// Times are those since then.
    origin: Instant,
    started: Duration,
}

/// How far a session has come.
#[derive(Clone)]
pub(super) enum Phase {
    Starting,
    Serving(Arc<Serving>),
    Ending,
    /// Nothing of it is left; with the refusal for those who waited for its start.
    Ended(Option<Refusal>),
}

/// An agent that serves.
pub(super) struct Serving {
    pub(super) agent: Agent,
    pub(super) port: u16,
    /// What differs from the cloud, for the caller to know.
    pub(super) warning: Option<String>,
}

/// What goes on in a session.
#[derive(Debug, Clone, Copy)]
struct Uses {
    requests: usize,
    web_sockets: usize,
    /// The last /ping said so.
    busy: bool,
    /// An answer broke off: the agent may be about to end.
    is_suspect: bool,
    last: Duration,
}

/// What a session is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::effects::local::data_plane) enum Purpose {
    /// While it goes on, the session is not idle.
    Request,
    /// Only its frames keep the session from being idle.
    WebSocket,
}

impl Session {
    pub(super) fn new(key: Key, version: Arc<Version>, home: PathBuf, origin: Instant) -> Self {
        let now = origin.elapsed();
        Self {
            key,
            version,
            home,
            phase: watch::Sender::new(Phase::Starting),
            asked: watch::Sender::new(None),
            uses: Mutex::new(Uses {
                requests: 0,
                web_sockets: 0,
                busy: false,
                is_suspect: false,
                last: now,
            }),
            origin,
            started: now,
        }
    }

    /// Asks it to end. The first reason stands.
    pub(super) fn ask_to_end(&self, why: Why) {
        self.asked.send_if_modified(|asked| {
            let is_first = asked.is_none();
            asked.get_or_insert(why);
            is_first
        });
    }

    /// Waits until somebody asks it to end.
    pub(super) async fn asked_to_end(&self) -> Why {
        let mut asked = self.asked.subscribe();
        let why = asked.wait_for(Option::is_some).await.map(|why| *why);
        // The sender lives in `self`.
        why.ok().flatten().unwrap_or(Why::Stopped)
    }

    pub(super) fn turn(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Whether no request gets into it any more.
    pub(super) fn is_ending(&self) -> bool {
        let is_over = match &*self.phase.borrow() {
            Phase::Starting => false,
            Phase::Serving(serving) => serving.agent.state() != State::Running,
            Phase::Ending | Phase::Ended(_) => true,
        };
        is_over || self.asked.borrow().is_some()
    }

    /// Waits until it serves or has ended.
    pub(super) async fn settled(&self) -> Result<Arc<Serving>, Option<Refusal>> {
        let mut phase = self.phase.subscribe();
        let settled = phase
            .wait_for(|phase| matches!(phase, Phase::Serving(_) | Phase::Ended(_)))
            .await;
        match settled.as_deref() {
            Ok(Phase::Serving(serving)) => Ok(Arc::clone(serving)),
            Ok(Phase::Ended(refusal)) => Err(refusal.clone()),
            // The sender lives in `self`.
            Ok(Phase::Starting | Phase::Ending) | Err(_) => Err(None),
        }
    }

    /// Waits until nothing of it is left.
    pub(super) async fn ended(&self) {
        let mut phase = self.phase.subscribe();
        let ended = phase.wait_for(|phase| matches!(phase, Phase::Ended(_)));
        // The sender lives in `self`.
        let _ = ended.await;
    }

    /// Ends the agent's processes and removes the session's files.
    pub(super) async fn clear(&self, serving: Option<&Serving>) {
        if let Some(serving) = serving {
            serving.agent.stop();
            clock::within(END, serving.agent.ended()).await;
        }
        let home = self.home.clone();
        let removal = move |_: &(dyn Fn(()) + Sync)| files::remove_tree(&home);
        // What cannot be removed now is removed at the next start of the local AgentCore.
        let _ = runtime::aside(removal, |()| {}).await;
    }

    /// How it stands to its idle timeout.
    pub(super) fn activity(&self) -> Activity {
        let Uses {
            requests,
            web_sockets: _,
            busy,
            is_suspect: _,
            last,
        } = *self.uses();
        Activity {
            started: self.started,
            last_active: last,
            in_flight: requests,
            busy,
        }
    }

    /// How it stands to others when one of them has to go: one with a connection stays.
    pub(super) fn standing(&self) -> Activity {
        let web_sockets = self.uses().web_sockets;
        let activity = self.activity();
        Activity {
            in_flight: activity.in_flight + web_sockets,
            ..activity
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Something went on in it.
    pub(super) fn touch(&self) {
        let now = self.now();
        self.uses().last = now;
    }

    /// What the last /ping said.
    pub(super) fn is_busy(&self, busy: bool) {
        self.uses().busy = busy;
        if busy {
            self.touch();
        }
    }

    /// Whether an answer broke off since this was asked last.
    fn take_suspicion(&self) -> bool {
        std::mem::take(&mut self.uses().is_suspect)
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().expect("no thread panics with it")
    }
}

/// Counts as a use of a session for as long as it lives.
pub(super) struct Claim {
    pub(super) session: Arc<Session>,
    purpose: Purpose,
}

impl Claim {
    pub(super) fn new(session: &Arc<Session>, purpose: Purpose) -> Self {
        let mut uses = session.uses();
        match purpose {
            Purpose::Request => uses.requests += 1,
            Purpose::WebSocket => uses.web_sockets += 1,
        }
        drop(uses);
        session.touch();
        Self {
            session: Arc::clone(session),
            purpose,
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.session.touch();
        let mut uses = self.session.uses();
        match self.purpose {
            Purpose::Request => uses.requests -= 1,
            Purpose::WebSocket => uses.web_sockets -= 1,
        }
    }
}

/// A use of a session whose agent serves.
pub(in crate::effects::local::data_plane) struct Use {
    claim: Claim,
    serving: Arc<Serving>,
}

impl Use {
    /// `None` where the agent ends instead.
    pub(super) async fn new(claim: Claim, serving: Arc<Serving>) -> Option<Self> {
        if claim.session.take_suspicion()
            && clock::within(SUSPICION, serving.agent.ended())
                .await
                .is_some()
        {
            claim.session.ended().await;
            return None;
        }
        Some(Self { claim, serving })
    }

    /// The agent broke off an answer.
    pub(in crate::effects::local::data_plane) fn suspect(&self) {
        self.claim.session.uses().is_suspect = true;
    }

    /// The port of the agent.
    pub(in crate::effects::local::data_plane) fn port(&self) -> u16 {
        self.serving.port
    }

    /// The session's ID.
    pub(in crate::effects::local::data_plane) fn session(&self) -> &str {
        self.claim.session.key.session.as_str()
    }

    /// Something went on in the session.
    pub(in crate::effects::local::data_plane) fn touch(&self) {
        self.claim.session.touch();
    }

    /// How the agent ends, if it does within this time.
    pub(in crate::effects::local::data_plane) async fn ends(
        &self,
        limit: Duration,
    ) -> Option<String> {
        clock::within(limit, self.serving.agent.ended()).await?;
        match self.serving.agent.state() {
            State::Ended(code) => Some(format!("it ended with the exit code {code}")),
            State::Running => None,
        }
    }

    /// Waits until the session is asked to end or its agent has ended.
    pub(in crate::effects::local::data_plane) async fn session_ends(&self) {
        tokio::select! {
            _ = self.claim.session.asked_to_end() => {}
            () = self.serving.agent.ended() => {}
        }
    }

    /// What the agent printed last.
    pub(in crate::effects::local::data_plane) fn last_lines(&self) -> Vec<String> {
        self.serving.agent.last_lines()
    }

    /// A shell command in the surroundings of the agent, in a process group of its own.
    pub(in crate::effects::local::data_plane) fn command(
        &self,
        text: &str,
    ) -> Option<tokio::process::Command> {
        self.serving.agent.beside(text)
    }

    /// What the caller is to know.
    pub(in crate::effects::local::data_plane) fn note(
        &self,
        other: Option<&str>,
    ) -> Option<String> {
        match (self.serving.warning.as_deref(), other) {
            (Some(warning), Some(other)) => Some(format!("{warning}; {other}")),
            (one, other) => one.or(other).map(str::to_owned),
        }
    }
}
