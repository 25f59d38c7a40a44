//! The runtime of one agent: writes it and waits for it.

use std::collections::BTreeSet;

use super::own::{Seen, judge, look};
use crate::{
    config::RoleSettings,
    effects::{
        aws::{AwsError, iam::Iam, idempotency::Token, runtime::Runtimes, runtime_write::Written},
        clock,
    },
    engine::{deletion, plan_output::announce, waiting::Patience},
    error::{Exit, Failure, Message},
    project::sessions::Placed,
    resources::{
        change::Step as _,
        runtime::{
            self, DesiredRuntime, RuntimeStep, Settling,
            managed_settings::{elsewhere, managed},
            observed::{EndpointState, RuntimeState},
            refusal::{self, Refusal},
        },
    },
    ui::Ui,
};

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
    pub(crate) steps: Vec<RuntimeStep>,
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
    /// Carries out the planned steps. Waits for changes by others, plans again after them, and
    /// repeats until the runtime matches and is READY.
    pub(crate) async fn run(
        &self,
        seen: Option<Seen>,
        planned: &[RuntimeStep],
    ) -> Result<Outcome, Failure> {
        let mut patience = Patience::new(refusal::BUSY);
        let (mut seen, mut planned) = (seen, Some(planned));
        loop {
            let moved = seen
                .as_ref()
                .is_some_and(|seen| runtime::settling(&seen.observed.state) != Settling::Settled);
            let settled = self.settled(seen).await?;
            let observed = settled.as_ref().map(|seen| &seen.observed);
            let steps = match planned.take() {
                Some(planned) if !moved => planned.to_vec(),
                Some(_) | None => runtime::plan(self.desired, observed)?,
            };
            match self.carry_out(&steps, settled.as_ref()).await? {
                Progress::Made(state, did) => {
                    let known = settled.and_then(Seen::default_endpoint);
                    let endpoint = match (did, &known) {
                        // An emulator that creates none, now or before.
                        (Did::Nothing | Did::Tagged, None) if !moved => None,
                        _ => self.endpoint(&state, known).await?,
                    };
                    return Ok(Outcome {
                        state: *state,
                        endpoint,
                        did,
                        steps,
                    });
                }
                Progress::Again(error) => {
                    if patience.is_over() {
                        return Err(refused(error));
                    }
                    let what = format!("another change of {}", error.resource);
                    patience.say(&what, &error.message, self.ui);
                    patience.pause().await;
                    seen = self.look_again().await?;
                }
            }
        }
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
                RuntimeStep::TagLogGroup { .. }
                | RuntimeStep::Record { .. }
                | RuntimeStep::DeleteEndpoint { .. }
                | RuntimeStep::Forget { .. } => self.carry_over(step).await?,
                RuntimeStep::CreateEndpoint { name, description } => {
                    let (state, _) = made.as_ref().expect("the runtime is there");
                    self.restore(state, name, description.as_deref()).await?;
                }
                RuntimeStep::Delete { id, why: _ } => {
                    self.warn_of_loss(seen);
                    runtimes.delete(id).await?;
                    let look = async || runtimes.presence(id).await;
                    deletion::gone(&format!("runtime `{id}`"), look, self.ui).await?;
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
        loop {
            let answer = match step {
                RuntimeStep::Update { id, withdrawn, .. } => {
                    runtimes.update(id, fields, withdrawn, &token).await
                }
                RuntimeStep::Create { name, tags, .. } => {
                    runtimes.create(name, fields, tags, &token).await
                }
                RuntimeStep::TagLogGroup { .. }
                | RuntimeStep::Record { .. }
                | RuntimeStep::DeleteEndpoint { .. }
                | RuntimeStep::Delete { .. }
                | RuntimeStep::CreateEndpoint { .. }
                | RuntimeStep::Forget { .. }
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
                why @ (Refusal::Role | Refusal::Image)
                    if !patience.is_over() && self.role_is_young().await? =>
                {
                    let role = &fields.role_arn;
                    let (what, now) = if why == Refusal::Role {
                        (
                            format!("AgentCore to recognize the role `{role}`"),
                            "not known yet",
                        )
                    } else {
                        let what = format!("AgentCore to read the image with the role `{role}`");
                        (what, "not allowed yet")
                    };
                    patience.say(&what, now, self.ui);
                    patience.pause().await;
                }
                _ => return Err(refused(error)),
            }
        }
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
}

pub(super) fn list(names: &[String]) -> String {
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
