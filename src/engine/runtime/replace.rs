//! Removes a runtime that is replaced, and gives the new one its endpoints.

use super::{own::Seen, write::Rollout};
use crate::{
    effects::aws::{Kind, iam::Iam, logs::Logs, runtime::Runtimes, runtime_read::EndpointWish},
    engine::{
        deletion,
        plan_output::announce,
        waiting::{Patience, State, wait},
    },
    error::Failure,
    plan::retry,
    resources::{
        change::Step as _,
        ownership::Identity,
        role::RoleStep,
        runtime::{
            RuntimeStep,
            observed::{READY, RuntimeState},
            refusal,
        },
    },
};

impl Rollout<'_> {
    /// Carries out the steps that remove the old runtime, after other changes of it have ended.
    pub(crate) async fn remove(
        &self,
        seen: Option<Seen>,
        steps: &[RuntimeStep],
    ) -> Result<(), Failure> {
        if self.settled(seen).await?.is_none() {
            return Ok(());
        }
        let runtimes = Runtimes::new(&self.placed.session);
        for step in steps {
            announce(&step.change(), self.ui);
            match step {
                RuntimeStep::Delete { id, why: _ } => {
                    deletion::delete_runtime(&runtimes, id, self.ui).await?;
                }
                other => self.carry_over(other).await?,
            }
        }
        Ok(())
    }

    /// Carries out a step that changes neither runtime.
    pub(super) async fn carry_over(&self, step: &RuntimeStep) -> Result<(), Failure> {
        let session = &self.placed.session;
        match step {
            RuntimeStep::TagLogGroup { name, arn, tags } => {
                Ok(Logs::new(session).tag(name, arn, tags).await?)
            }
            RuntimeStep::Record { role, tags } => {
                let mut tags = tags.clone();
                // The deployer may only tag what the request marks as the project's.
                tags.extend(self.desired.identity.tags());
                let role = role.clone();
                Ok(Iam::new(session)
                    .apply(&RoleStep::Tag { role, tags })
                    .await?)
            }
            RuntimeStep::Forget { role, keys } => {
                let (role, keys) = (role.clone(), keys.clone());
                Ok(Iam::new(session)
                    .apply(&RoleStep::Untag { role, keys })
                    .await?)
            }
            RuntimeStep::DeleteEndpoint { id, name } => {
                let runtimes = Runtimes::new(session);
                deletion::delete_endpoint(&runtimes, id, name, self.ui).await
            }
            RuntimeStep::Delete { .. }
            | RuntimeStep::Create { .. }
            | RuntimeStep::Update { .. }
            | RuntimeStep::CreateEndpoint { .. }
            | RuntimeStep::Tag { .. }
            | RuntimeStep::Untag { .. } => unreachable!("these change a runtime"),
        }
    }

    /// Creates an endpoint at the runtime's version, and waits until it answers. One that is there
    /// already stays.
    pub(super) async fn restore(
        &self,
        state: &RuntimeState,
        name: &str,
        description: Option<&str>,
    ) -> Result<(), Failure> {
        let runtimes = Runtimes::new(&self.placed.session);
        let mut tags = self.placed.agent.tags.clone();
        tags.extend(Identity::of(self.placed.agent).tags());
        let wish = || EndpointWish {
            name,
            version: state.version.parse().unwrap_or(1),
            description,
        };
        let mut patience = Patience::new(refusal::BUSY);
        loop {
            match runtimes
                .create_endpoint(&state.id, wish(), tags.clone())
                .await
            {
                Ok(()) => break,
                Err(error) if error.kind == Kind::Conflict && !patience.is_over() => {
                    if runtimes.read_endpoint(&state.id, name).await?.is_some() {
                        break;
                    }
                    patience.say("another change of the runtime", &error.message, self.ui);
                    patience.pause().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let look = async || -> Result<State<()>, Failure> {
            let there = runtimes.read_endpoint(&state.id, name).await?;
            Ok(match there {
                None => State::Going("not there yet".to_owned()),
                Some(endpoint) if endpoint.status.ends_with("_FAILED") => State::Failed {
                    status: endpoint.status,
                    reason: endpoint.failure,
                },
                Some(endpoint) if endpoint.status == READY => State::Done(()),
                Some(endpoint) => State::Going(endpoint.status),
            })
        };
        let what = format!("endpoint `{name}` to be READY");
        wait(&what, retry::READY, look, self.ui).await
    }
}
