//! Everything that a run does for an agent: a dry run shows it, and a real run carries it out.

use std::time::Instant;

use super::{AgentWork, Agents, in_aws::Compared};
use crate::{
    effects::{folder::Folder, staging},
    engine::{
        artifact::{Chosen, Sending, Shipment, Then},
        runtime::own::own_bucket,
    },
    error::Failure,
    project::{own_files::OwnFiles, packaging},
    resources::{
        callers::CallersStep,
        role::RoleStep,
        runtime::{DesiredRuntime, RuntimeStep},
    },
};

/// The plan for one agent.
pub(crate) struct AgentPlan<'a> {
    pub(crate) compared: Compared<'a>,
    /// `None` for an image, which has no files of the project.
    pub(crate) own: Option<OwnFiles>,
    pub(crate) started: Instant,
    pub(crate) shipment: Shipment,
    /// True if the deployed archive stays because it is made from the same files.
    pub(super) keeps: bool,
    pub(crate) desired: DesiredRuntime,
    pub(crate) steps: Vec<RuntimeStep>,
    pub(crate) sending: Sending,
    /// The old artifacts that become unused. Only a plan that is shown has them: a run looks again
    /// when everything else is done, because deleting cannot be undone.
    pub(crate) unused: Vec<String>,
}

impl<'a> Agents<'a> {
    /// Plans from what was observed. Builds the artifact if it is not built yet.
    pub(crate) async fn plan(&self, work: AgentWork<'a>) -> Result<AgentPlan<'a>, Failure> {
        let AgentWork {
            compared,
            own,
            started,
            built,
        } = work;
        let (run, placed) = (&self.run, compared.placed);
        // What a real run would build, outside of the project.
        let directory = run.changes_nothing().then(staging::empty).transpose()?;
        let shipment = match built {
            Some(built) => built,
            None => {
                let output = match &directory {
                    Some(directory) => Folder::private(directory.path().to_owned()).join("built"),
                    None => packaging::directory(placed.agent, run.project)?,
                };
                let how = (self.building, run);
                Shipment::build(placed, own.as_ref(), output, how).await?
            }
        };
        let Chosen { artifact, kept } = shipment.choose(placed, compared.seen.as_ref()).await?;
        let keeps = kept.is_some();
        let (desired, steps) = compared.runtime(artifact)?;
        let bucket = &self.buckets[&own_bucket(placed)];
        let looking = shipment.foresee(placed, (writes(&steps), keeps), bucket, run.ui);
        let sending = Box::pin(looking).await?;
        let mut plan = AgentPlan {
            compared,
            own,
            started,
            shipment,
            keeps,
            desired,
            steps,
            sending,
            unused: Vec::new(),
        };
        if run.changes_nothing() {
            plan.unused = self.unused(&plan).await;
        }
        Ok(plan)
    }

    async fn unused(&self, plan: &AgentPlan<'_>) -> Vec<String> {
        match &plan.sending.store {
            Some(store) if plan.sends() && !store.is_new() => {
                let then = Then::after(plan.compared.seen.as_ref(), &plan.steps);
                Box::pin(plan.shipment.old(plan.compared.placed, then, self.run.ui)).await
            }
            _ => Vec::new(),
        }
    }
}

impl AgentPlan<'_> {
    /// Returns true if the artifact is sent.
    pub(super) fn sends(&self) -> bool {
        self.sending.bytes.is_some() && !self.keeps
    }

    pub(crate) fn role_steps(&self) -> &[RoleStep] {
        self.compared.role.steps()
    }

    pub(crate) fn callers_steps(&self) -> &[CallersStep] {
        &self.compared.callers.steps
    }

    /// Takes over the artifact, which may only be known now.
    pub(super) async fn learn(&mut self) -> Result<(), Failure> {
        let compared = &self.compared;
        if let Shipment::Ordered(_) = &self.shipment {
            let choosing = self
                .shipment
                .choose(compared.placed, compared.seen.as_ref());
            let Chosen { artifact, kept: _ } = choosing.await?;
            (self.desired, self.steps) = compared.runtime(artifact)?;
        }
        Ok(())
    }

    /// Returns true if a run would change something, or finds something that others changed.
    pub(crate) fn has_findings(&self) -> bool {
        !self.steps.is_empty()
            || !self.callers_steps().is_empty()
            || self.sending.bytes.is_some()
            || !self.role_steps().is_empty()
            || self
                .compared
                .build
                .as_ref()
                .is_some_and(|build| build.changes().next().is_some())
            || !self.compared.role.foreign().is_empty()
            || self.own.as_ref().is_some_and(OwnFiles::has_edited_copies)
    }
}

fn writes(steps: &[RuntimeStep]) -> bool {
    steps.iter().any(|step| {
        matches!(
            step,
            RuntimeStep::Create { .. } | RuntimeStep::Update { .. }
        )
    })
}
