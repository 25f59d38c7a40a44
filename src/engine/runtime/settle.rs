//! Waits for a runtime: for other changes to end, for a written version, for the endpoint, and for
//! a deletion.

use std::{cell::Cell, collections::BTreeSet};

use super::{
    own::Seen,
    read::Endpoints,
    startup_logs,
    write::{Rollout, list},
};
use crate::{
    config::Platform,
    effects::aws::{runtime::Runtimes, runtime_write::Written},
    engine::waiting::{State, wait},
    error::{Failure, Message},
    plan::retry,
    resources::runtime::{
        self, Settling,
        observed::{DEFAULT_ENDPOINT, EndpointState, READY, RuntimeState, reaches},
    },
    ui::Ui,
};

/// How often to look for the `DEFAULT` endpoint, because some emulators create none.
const ENDPOINT_LOOKS: u32 = 4;

impl Rollout<'_> {
    /// Waits for other changes of the runtime to end.
    pub(super) async fn settled(&self, seen: Option<Seen>) -> Result<Option<Seen>, Failure> {
        let Some(mut seen) = seen else {
            return Ok(None);
        };
        let runtimes = Runtimes::new(&self.placed.session);
        let id = seen.observed.state.id.clone();
        let going = match runtime::settling(&seen.observed.state) {
            Settling::Settled => return Ok(Some(seen)),
            Settling::Changing => "to be finished with another change",
            Settling::Going => "to be deleted",
        };
        let state = wait(
            &format!("runtime `{id}` {going}"),
            retry::DELETION,
            async || {
                Ok(match runtimes.read(&id, None).await? {
                    None => State::Done(None),
                    Some(state) if runtime::settling(&state) == Settling::Settled => {
                        State::Done(Some(state))
                    }
                    Some(state) => State::Going(state.status),
                })
            },
            self.ui,
        )
        .await?;
        Ok(state.map(|state| {
            seen.observed.state = state;
            seen.endpoints = Endpoints::Default(None);
            seen
        }))
    }

    /// Waits for the written version. Fails with the service's reason if it does not become ready.
    /// `before` is the runtime before the write.
    pub(super) async fn ready(
        &self,
        runtimes: &Runtimes,
        written: &Written,
        before: Option<&Seen>,
    ) -> Result<RuntimeState, Failure> {
        let Written {
            id,
            version,
            refused,
        } = written;
        if !refused.is_empty() {
            self.ui.warning(
                &Message::new(format!(
                    "the service rejected {} of the runtime `{id}`",
                    list(refused)
                ))
                .note(
                    "it returned this setting, which this version of cargo-agentcore does not know",
                )
                .help("look at the runtime in the console: it may have to be set again there"),
            );
        }
        let platform = self.platform(before);
        let patience = Snapshotting::new(self.ui);
        patience.notice(platform);
        let state = wait(
            &format!("runtime `{id}` to be READY"),
            retry::ready_on(platform),
            async || {
                let there = runtimes.read(id, None).await?;
                let observed = there.as_ref().and_then(platform_of);
                patience.notice(observed.filter(|_| {
                    let settling = there.as_ref().map(runtime::settling);
                    settling == Some(Settling::Changing)
                }));
                Ok(match there {
                    // A new runtime is not visible everywhere yet.
                    None => State::Going("not there yet".to_owned()),
                    // The answer may be older than the write.
                    Some(state) if before.is_some_and(|before| is_answer_of(&state, before)) => {
                        State::Going(format!("still {} from the previous update", state.status))
                    }
                    Some(state) if state.status == READY && !reaches(&state.version, version) => {
                        State::Going(format!("READY with version {}", state.version))
                    }
                    Some(state) if runtime::settling(&state) == Settling::Changing => {
                        State::Going(state.status)
                    }
                    Some(state) => State::Done(state),
                })
            },
            self.ui,
        )
        .await?;
        if state.status != READY {
            return Err(startup_logs::failed(self.placed, &state).await);
        }
        if state.version != *version {
            self.ui.warning(
                &Message::new(format!(
                    "the runtime `{id}` is already at version {}: someone else changed it after version {version} was created here",
                    state.version
                ))
                .note("`DEFAULT` answers with the newest version")
                .help("see `cargo agentcore versions`; deploy again to make what is here the newest"),
            );
        }
        Ok(state)
    }

    /// Returns the platform to wait for, if known.
    pub(super) fn platform(&self, before: Option<&Seen>) -> Option<Platform> {
        let has_platforms = self.placed.session.capabilities().platforms;
        let wanted = self.placed.agent.platform.filter(|_| has_platforms);
        wanted.or_else(|| platform_of(&before?.observed.state))
    }

    /// Warns if the service did not apply all settings.
    pub(super) fn compare(
        &self,
        state: &RuntimeState,
        written: &Written,
        withdrawn: &BTreeSet<String>,
    ) {
        if state.version != written.version {
            return;
        }
        let id = &state.id;
        let kept = self.desired.changes(state, withdrawn);
        if !kept.is_empty() {
            let names: Vec<String> = kept
                .iter()
                .map(|change| format!("`{}`", change.field))
                .collect();
            self.ui.warning(
                &Message::new(format!(
                    "the runtime `{id}` is READY, but the service did not apply {}",
                    names.join(", ")
                ))
                .note("the next deploy tries again"),
            );
        }
    }

    /// Waits until the `DEFAULT` endpoint uses the newest version. Returns `None` if an emulator
    /// creates none.
    pub(super) async fn endpoint(
        &self,
        state: &RuntimeState,
        known: Option<EndpointState>,
    ) -> Result<Option<EndpointState>, Failure> {
        let answers = |endpoint: &EndpointState| {
            endpoint.status == READY
                && endpoint
                    .live
                    .as_ref()
                    .is_none_or(|live| reaches(live, &state.version))
        };
        if let Some(endpoint) = known.filter(answers) {
            return Ok(Some(endpoint));
        }
        let runtimes = Runtimes::new(&self.placed.session);
        let looks = Cell::new(0);
        wait(
            &format!(
                "endpoint `{DEFAULT_ENDPOINT}` of runtime `{}` to be READY",
                state.id
            ),
            retry::READY,
            async || {
                looks.set(looks.get() + 1);
                let endpoint = runtimes.read_endpoint(&state.id, DEFAULT_ENDPOINT).await?;
                Ok(match endpoint {
                    None if looks.get() >= ENDPOINT_LOOKS => State::Done(None),
                    None => State::Going("not there yet".to_owned()),
                    Some(endpoint) if answers(&endpoint) => State::Done(Some(endpoint)),
                    Some(endpoint) if endpoint.status.ends_with("_FAILED") => State::Failed {
                        status: endpoint.status,
                        reason: endpoint.failure,
                    },
                    Some(endpoint) => State::Going(match endpoint.live {
                        Some(live) if endpoint.status == READY => {
                            format!("READY with version {live}")
                        }
                        _ => endpoint.status,
                    }),
                })
            },
            self.ui,
        )
        .await
    }
}

/// Says once that V2 takes longer, and why.
struct Snapshotting<'a> {
    ui: &'a Ui,
    is_said: Cell<bool>,
}

impl<'a> Snapshotting<'a> {
    fn new(ui: &'a Ui) -> Self {
        Self {
            ui,
            is_said: Cell::new(false),
        }
    }

    fn notice(&self, platform: Option<Platform>) {
        if platform == Some(Platform::V2) && !self.is_said.replace(true) {
            self.ui.note(
                "platform version V2 takes minutes for every version: the service starts the agent once and keeps a snapshot, from which every session begins",
            );
        }
    }
}

/// Returns whether the state is the failure that was there before this run wrote anything.
fn is_answer_of(state: &RuntimeState, before: &Seen) -> bool {
    let before = &before.observed.state;
    let what = |state: &RuntimeState| (state.status.clone(), state.version.clone(), state.updated);
    state.status.ends_with("_FAILED") && what(state) == what(before)
}

fn platform_of(state: &RuntimeState) -> Option<Platform> {
    Platform::of_service(state.platform.as_deref()?)
}
