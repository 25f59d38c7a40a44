//! The runtime of one agent: writes it and waits for it.

use std::{cell::Cell, collections::BTreeSet};

use super::own::{Seen, judge, look};
use crate::{
    config::{Platform, RoleSettings},
    effects::{
        aws::{
            AwsError,
            iam::Iam,
            runtime::{Presence, Runtimes},
            runtime_write::{Token, Written},
        },
        clock,
    },
    engine::{
        plan_output::announce,
        waiting::{Patience, State, wait},
    },
    error::{Exit, Failure, Message},
    plan::retry,
    project::sessions::Placed,
    resources::{
        change::{FieldChange, Step as _},
        runtime::{
            self, DesiredRuntime, RuntimeStep, Settling,
            managed_settings::{elsewhere, managed},
            observed::{DEFAULT_ENDPOINT, EndpointState, READY, RuntimeState, reaches},
            refusal::{self, Refusal},
        },
    },
    ui::Ui,
};

/// How often to look for the `DEFAULT` endpoint, because some emulators create none.
const ENDPOINT_LOOKS: u32 = 4;

/// Makes one runtime match its desired state.
pub(crate) struct Rollout<'a> {
    pub(crate) placed: &'a Placed<'a>,
    pub(crate) desired: &'a DesiredRuntime,
    /// True if this run changed the role.
    pub(crate) role_was_written: bool,
    pub(crate) ui: &'a Ui,
}

/// The result of a rollout.
pub(crate) struct Outcome {
    pub(crate) state: RuntimeState,
    pub(crate) endpoint: Option<EndpointState>,
    pub(crate) did: Did,
    pub(crate) changes: Vec<FieldChange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Did {
    Nothing,
    Created,
    Updated,
    /// Only its tags.
    Tagged,
}

impl Did {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "unchanged",
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Tagged => "tagged",
        }
    }
}

/// The result of a step.
enum Progress {
    Made(Box<RuntimeState>, Did),
    /// Someone else was faster; with the service's error.
    Again(AwsError),
}

impl Rollout<'_> {
    /// Repeats until the runtime matches and is READY. Waits for changes by others.
    pub(crate) async fn run(&self, seen: Option<Seen>) -> Result<Outcome, Failure> {
        let mut patience = Patience::new(refusal::BUSY);
        let mut seen = seen;
        for round in 1.. {
            let moved = seen
                .as_ref()
                .is_some_and(|seen| runtime::settling(&seen.observed.state) != Settling::Settled);
            let settled = self.settled(seen).await?;
            let observed = settled.as_ref().map(|seen| &seen.observed);
            let steps = runtime::plan(self.desired, observed)?;
            let written: Vec<FieldChange> = steps
                .iter()
                .flat_map(RuntimeStep::changes)
                .cloned()
                .collect();
            match self.carry_out(&steps, settled.as_ref()).await? {
                Progress::Made(state, did) => {
                    let known = settled.and_then(|seen| seen.endpoint);
                    let endpoint = match (did, &known) {
                        // An emulator that creates none, now or before.
                        (Did::Nothing | Did::Tagged, None) if !moved => None,
                        _ => self.endpoint(&state, known).await?,
                    };
                    return Ok(Outcome {
                        state: *state,
                        endpoint,
                        did,
                        changes: written,
                    });
                }
                Progress::Again(error) => {
                    if patience.is_over() {
                        return Err(refused(error));
                    }
                    let what = format!("another change of {}", error.resource);
                    patience.say(&what, &error.message, self.ui);
                    patience.pause(round).await;
                    seen = self.look_again().await?;
                }
            }
        }
        unreachable!("the loop ends by itself")
    }

    async fn look_again(&self) -> Result<Option<Seen>, Failure> {
        let list = Runtimes::new(&self.placed.session).list().await?;
        let looked = look(self.placed, &list).await?;
        let proof = match &self.placed.agent.role {
            RoleSettings::Given { .. } => None,
            RoleSettings::Managed { .. } => Some((
                self.desired.fields.role_arn.as_str(),
                self.desired.identity.tags(),
            )),
        };
        judge(self.placed, looked, &proof)
    }

    /// Waits for other changes of the runtime to end.
    async fn settled(&self, seen: Option<Seen>) -> Result<Option<Seen>, Failure> {
        let Some(mut seen) = seen else {
            return Ok(None);
        };
        let runtimes = Runtimes::new(&self.placed.session);
        let id = seen.observed.state.id.clone();
        let going = match runtime::settling(&seen.observed.state) {
            Settling::Settled => return Ok(Some(seen)),
            Settling::Changing => "to be finished with another change",
            Settling::Going => "to be gone",
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
            seen.endpoint = None;
            seen
        }))
    }

    async fn carry_out(
        &self,
        steps: &[RuntimeStep],
        seen: Option<&Seen>,
    ) -> Result<Progress, Failure> {
        let runtimes = Runtimes::new(&self.placed.session);
        let mut made = seen.map(|seen| (seen.observed.state.clone(), Did::Nothing));
        for step in steps {
            announce(&step.change(), self.ui);
            match step {
                RuntimeStep::Delete { id, why: _ } => {
                    self.warn_of_loss(seen);
                    runtimes.delete(id).await?;
                    self.gone(&runtimes, id).await?;
                }
                RuntimeStep::Create { .. } | RuntimeStep::Update { .. } => {
                    match self.write(&runtimes, step).await? {
                        Ok(written) => {
                            let before = seen.filter(|seen| seen.observed.state.id == written.id);
                            let state = self.ready(&runtimes, &written, before).await?;
                            let (did, withdrawn) = match step {
                                RuntimeStep::Update { withdrawn, .. } => (Did::Updated, withdrawn),
                                _ => (Did::Created, &BTreeSet::new()),
                            };
                            self.compare(&state, &written, withdrawn);
                            made = Some((state, did));
                        }
                        Err(error) => return Ok(Progress::Again(error)),
                    }
                }
                RuntimeStep::Tag { arn, tags } => {
                    runtimes.tag(&current(made.as_ref(), arn), tags).await?;
                    mark_tagged(&mut made);
                }
                RuntimeStep::Untag { arn, keys } => {
                    runtimes.untag(&current(made.as_ref(), arn), keys).await?;
                    mark_tagged(&mut made);
                }
            }
        }
        let (state, did) = made.expect("without a runtime there is a step that makes one");
        Ok(Progress::Made(Box::new(state), did))
    }

    /// Warns that a recreated runtime loses all settings outside the configuration.
    fn warn_of_loss(&self, seen: Option<&Seen>) {
        let Some(state) = seen.map(|seen| &seen.observed.state) else {
            return;
        };
        let managed = managed(&self.desired.fields.settings);
        let lost = elsewhere(&state.set_elsewhere, &state.fields.settings, &managed);
        if lost.is_empty() {
            return;
        }
        let names: Vec<String> = lost.into_keys().collect();
        self.ui.warning(
            &Message::new(format!(
                "the new runtime will not have {}, which was set elsewhere",
                list(&names)
            ))
            .help("set it again after the new runtime is READY"),
        );
    }

    /// Sends one write until the service accepts it. The inner `Err` means that someone else is
    /// changing the runtime.
    async fn write(
        &self,
        runtimes: &Runtimes,
        step: &RuntimeStep,
    ) -> Result<Result<Written, AwsError>, Failure> {
        let token = Token::new();
        let mut patience = Patience::new(refusal::PROPAGATION);
        let fields = &self.desired.fields;
        for attempt in 1.. {
            let answer = match step {
                RuntimeStep::Update { id, withdrawn, .. } => {
                    runtimes.update(id, fields, withdrawn, &token).await
                }
                RuntimeStep::Create { name, tags, .. } => {
                    runtimes.create(name, fields, tags, &token).await
                }
                RuntimeStep::Delete { .. }
                | RuntimeStep::Tag { .. }
                | RuntimeStep::Untag { .. } => {
                    unreachable!("only these two are written so")
                }
            };
            let error = match answer {
                Ok(written) => return Ok(Ok(written)),
                Err(error) => error,
            };
            match refusal::of(error.code.as_deref(), &error.message) {
                Refusal::Busy | Refusal::NameTaken => return Ok(Err(error)),
                // It existed a moment ago: someone else deleted it.
                _ if error.is_not_found() => return Ok(Err(error)),
                Refusal::Role if !patience.is_over() && self.role_is_young().await? => {
                    let what = format!("AgentCore to know the role `{}`", fields.role_arn);
                    patience.say(&what, "not known yet", self.ui);
                    patience.pause(attempt).await;
                }
                _ => return Err(refused(error)),
            }
        }
        unreachable!("the loop ends by itself")
    }

    /// Returns true if the role may not have propagated through AWS yet.
    async fn role_is_young(&self) -> Result<bool, Failure> {
        if self.role_was_written {
            return Ok(true);
        }
        let Placed { agent, session } = self.placed;
        let created = Iam::new(session).created(agent.role.name()).await?;
        let age = created.map(|created| clock::seconds() - created);
        let young = i64::try_from(refusal::PROPAGATION.as_secs()).unwrap_or(i64::MAX);
        Ok(age.is_some_and(|age| age < young))
    }

    /// Waits for the written version. Fails with the service's reason if it does not become ready.
    /// `before` is the runtime before the write.
    async fn ready(
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
                    "the service did not take back {} of the runtime `{id}`",
                    list(refused)
                ))
                .note("it returned this setting, which this version of cargo-agentcore does not know")
                .help("look at the runtime in the console: what was set there may have to be set again"),
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
                        State::Going(format!("still {} of the update before", state.status))
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
            return Err(super::startup_logs::failed(self.placed, &state).await);
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
    fn platform(&self, before: Option<&Seen>) -> Option<Platform> {
        let is_local = self.placed.session.is_local();
        let wanted = self.placed.agent.platform.filter(|_| !is_local);
        wanted.or_else(|| platform_of(&before?.observed.state))
    }

    /// Warns if the service did not apply all settings.
    fn compare(&self, state: &RuntimeState, written: &Written, withdrawn: &BTreeSet<String>) {
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

    async fn gone(&self, runtimes: &Runtimes, id: &str) -> Result<(), Failure> {
        wait(
            &format!("runtime `{id}` to be gone"),
            retry::DELETION,
            async || {
                Ok(match runtimes.presence(id).await? {
                    Presence::Gone => State::Done(()),
                    Presence::There { status, failure } if status == "DELETE_FAILED" => {
                        State::Failed {
                            status,
                            reason: failure,
                        }
                    }
                    Presence::There { status, .. } => State::Going(status),
                })
            },
            self.ui,
        )
        .await
    }

    /// Waits until the `DEFAULT` endpoint uses the newest version. Returns `None` if an emulator
    /// creates none.
    async fn endpoint(
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

fn list(names: &[String]) -> String {
    format!("`{}`", names.join("`, `"))
}

/// Returns the current ARN, because some emulators change it in an update.
fn current(made: Option<&(RuntimeState, Did)>, arn: &str) -> String {
    made.map_or_else(|| arn.to_owned(), |(state, _)| state.arn.clone())
}

fn mark_tagged(made: &mut Option<(RuntimeState, Did)>) {
    if let Some((_, did @ Did::Nothing)) = made {
        *did = Did::Tagged;
    }
}

/// Returns the failure for a refusal that waiting does not resolve.
fn refused(error: AwsError) -> Failure {
    let why = refusal::of(error.code.as_deref(), &error.message);
    let mut failure = Failure::from(error);
    // The service calls it invalid, but a permission is missing.
    if why == Refusal::ServiceLinkedRole {
        failure.exit = Exit::Access;
    }
    match why.help() {
        Some(help) => failure.help(help),
        None => failure,
    }
}
