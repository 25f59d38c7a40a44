//! Follows the events of a log group.

use super::form::{Form, millis};
use crate::{
    effects::{
        aws::{AwsError, Kind, log_events::Query, logs::Logs},
        clock,
    },
    error::{Failure, Message},
    names::SessionId,
    plan::{log_tail::Window, retry},
    ui::{Reader, Ui},
};

/// Reads a log group and prints new events.
pub(super) struct Tail<'a> {
    pub(super) logs: Logs,
    pub(super) query: Query,
    pub(super) window: Window,
    pub(super) form: Form,
    pub(super) session: Option<SessionId>,
    pub(super) shown: usize,
    pub(super) ui: &'a Ui,
}

/// The result of reading all pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Poll {
    Read,
    /// The service has not created the group yet.
    NoGroup,
    /// The reader of stdout is gone.
    NoReader,
}

impl Tail<'_> {
    /// Reads every page once and prints events that were not printed before.
    pub(super) async fn poll(&mut self) -> Result<Poll, AwsError> {
        self.query.start = self.window.begin();
        let mut token = None;
        loop {
            let Some(page) = self.logs.page(&self.query, token).await? else {
                return Ok(Poll::NoGroup);
            };
            for event in self.window.fresh(page.events) {
                let asked = self.session.as_ref();
                if asked.is_none_or(|session| event.is_about(session))
                    && let Some(line) = self.form.line(&event)
                {
                    self.shown += 1;
                    if self.form.offer(&line, self.ui) == Reader::Gone {
                        return Ok(Poll::NoReader);
                    }
                }
            }
            token = page.next;
            if token.is_none() {
                self.window.polled(millis(clock::wall()));
                return Ok(Poll::Read);
            }
        }
    }

    pub(super) async fn follow(&mut self) -> Result<(), Failure> {
        let mut waiting = false;
        let mut troubles = None;
        loop {
            let pause = match self.poll().await {
                Ok(Poll::NoReader) => return Ok(()),
                Ok(Poll::NoGroup) => {
                    if !waiting {
                        self.ui.note(&self.no_group());
                        waiting = true;
                    }
                    retry::FOLLOW
                }
                Ok(Poll::Read) => {
                    troubles = None;
                    retry::FOLLOW
                }
                // The next poll prints the lines that a failed poll missed.
                Err(error) if matches!(error.kind, Kind::Throttled | Kind::Connection) => {
                    let pauses = troubles.get_or_insert_with(|| {
                        self.ui.warning(
                            &Message::new("the log cannot be read at the moment; still trying")
                                .note(error.message),
                        );
                        clock::looks()
                    });
                    pauses.next().unwrap_or_default().max(retry::FOLLOW)
                }
                Err(error) => return Err(error.into()),
            };
            clock::sleep(pause).await;
        }
    }

    pub(super) fn no_group(&self) -> String {
        format!(
            "there are no logs yet: the service creates `{}` with the first session",
            self.query.group
        )
    }
}
