//! One session: an agent process with its own folders, from its start to its end.
//!
//! Each session has its own task. Requests wait for the phase that they need. A caller that gives
//! up does not affect the start, and the next request finds the session.

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

/// How long to wait for the end of an agent's processes. The process around them kills them sooner.
const END: Duration = Duration::from_secs(10);

/// How long an agent that cut off an answer may take to end before it gets another request.
const SUSPICION: Duration = Duration::from_millis(500);

/// A session. It keeps the version that it started with.
pub(super) struct Session {
    pub(super) key: Key,
    pub(super) version: Arc<Version>,
    pub(super) home: PathBuf,
    phase: watch::Sender<Phase>,
    /// Why it should end, once it was asked to.
    asked: watch::Sender<Option<Why>>,
    uses: Mutex<Uses>,
    /// The origin of all times.
    origin: Instant,
    started: Duration,
}

/// The phase of a session.
#[derive(Clone)]
pub(super) enum Phase {
    Starting,
    Serving(Arc<Serving>),
    Ending,
    /// It is gone, with the refusal for requests that waited for its start.
    Ended(Option<Refusal>),
}

/// An agent that serves.
pub(super) struct Serving {
    pub(super) agent: Agent,
    pub(super) port: u16,
    /// A difference from AWS that the caller should know.
    pub(super) warning: Option<String>,
}

/// The current uses of a session.
#[derive(Debug, Clone, Copy)]
struct Uses {
    requests: usize,
    web_sockets: usize,
    /// True if the last /ping said so.
    busy: bool,
    /// True after an answer was cut off: the agent may be ending.
    is_suspect: bool,
    last: Duration,
}

/// What a session is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::effects::local::data_plane) enum Purpose {
    /// The session is not idle during a request.
    Request,
    /// The session is idle between frames.
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

    /// Asks it to end. The first reason is kept.
    pub(super) fn ask_to_end(&self, why: Why) {
        self.asked.send_if_modified(|asked| {
            let is_first = asked.is_none();
            asked.get_or_insert(why);
            is_first
        });
    }

    /// Waits until it is asked to end.
    pub(super) async fn asked_to_end(&self) -> Why {
        let mut asked = self.asked.subscribe();
        let why = asked.wait_for(Option::is_some).await.map(|why| *why);
        // `self` owns the sender.
        why.ok().flatten().unwrap_or(Why::Stopped)
    }

    pub(super) fn turn(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Returns true if no request can enter it anymore.
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
            // `self` owns the sender.
            Ok(Phase::Starting | Phase::Ending) | Err(_) => Err(None),
        }
    }

    /// Waits until it is gone.
    pub(super) async fn ended(&self) {
        let mut phase = self.phase.subscribe();
        let ended = phase.wait_for(|phase| matches!(phase, Phase::Ended(_)));
        // `self` owns the sender.
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
        // Files that cannot be removed now are removed at the next start of the local AgentCore.
        let _ = runtime::aside(removal, |()| {}).await;
    }

    /// Returns its activity for the idle timeout.
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

    /// Returns its activity for choosing a session to end: one with a WebSocket counts as busy.
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

    /// Records activity.
    pub(super) fn touch(&self) {
        let now = self.now();
        self.uses().last = now;
    }

    /// Records what the last /ping said.
    pub(super) fn is_busy(&self, busy: bool) {
        self.uses().busy = busy;
        if busy {
            self.touch();
        }
    }

    /// Returns true if an answer was cut off since the last call.
    fn take_suspicion(&self) -> bool {
        std::mem::take(&mut self.uses().is_suspect)
    }

    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().expect("no thread panics with it")
    }
}

/// Counts as a use of a session until it is dropped.
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
    /// Returns `None` if the agent is ending.
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

    /// Records that the agent cut off an answer.
    pub(in crate::effects::local::data_plane) fn suspect(&self) {
        self.claim.session.uses().is_suspect = true;
    }

    /// Returns the agent's port.
    pub(in crate::effects::local::data_plane) fn port(&self) -> u16 {
        self.serving.port
    }

    /// Returns the session's ID.
    pub(in crate::effects::local::data_plane) fn session(&self) -> &str {
        self.claim.session.key.session.as_str()
    }

    /// Records activity in the session.
    pub(in crate::effects::local::data_plane) fn touch(&self) {
        self.claim.session.touch();
    }

    /// Returns how the agent ended, if it ends within this time.
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

    /// Returns the agent's last output.
    pub(in crate::effects::local::data_plane) fn last_lines(&self) -> Vec<String> {
        self.serving.agent.last_lines()
    }

    /// Returns a shell command in the agent's environment, in its own process group.
    pub(in crate::effects::local::data_plane) fn command(
        &self,
        text: &str,
    ) -> Option<tokio::process::Command> {
        self.serving.agent.beside(text)
    }

    /// Returns the note for the caller.
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
