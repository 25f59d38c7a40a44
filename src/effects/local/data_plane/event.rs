//! Events of the local AgentCore. The process that starts it decides how to print them.

use std::{sync::Arc, time::Duration};

/// An event in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Another local AgentCore uses the directory.
    DirectoryTaken,
    SessionStarted {
        session: String,
        version: String,
        took: Duration,
    },
    SessionNotStarted {
        session: String,
        why: String,
    },
    SessionEnded {
        session: String,
        why: Why,
    },
    /// An answer was cut off because it exceeded a limit of the service.
    AnswerCut {
        session: String,
        why: String,
    },
    /// Lines of an agent did not reach its log group.
    LinesLost {
        session: String,
        count: usize,
        why: String,
    },
    /// The settings that ministack drops could not be saved.
    SettingsNotKept(String),
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Stopped,
    Idle,
    TooOld,
    /// Another session needed its place.
    Evicted,
    /// The agent's process ended with this code.
    AgentEnded(i32),
}

/// The receiver of events.
#[derive(Clone)]
pub(crate) struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    pub(crate) fn new(hear: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    pub(super) fn tell(&self, event: Event) {
        (self.0)(event);
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Events")
    }
}
