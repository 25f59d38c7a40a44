//! Everything that a run does for an agent: a dry run shows it, and a real run carries it out.

use super::{AgentWork, Agents};
use crate::{
    effects::{folder::Folder, staging},
    engine::{
        artifact::{Chosen, Sending, Shipment, Then},
        build_project::BuildWork,
        runtime::own::{Seen, own_bucket},
    },
    error::Failure,
    project::{own_files::OwnFiles, packaging, sessions::Placed},
    resources::{
        callers::CallersStep,
        ownership::Identity,
        role::RoleStep,
        runtime::{
            self, DesiredRuntime, RuntimeStep,
            fields::{Artifact, Circumstances, RuntimeFields},
            observed::role_arn,
            replacement::Replacement,
        },
    },
};

/// The plan for one agent.
pub(crate) struct AgentPlan<'a> {
    pub(crate) work: AgentWork<'a>,
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
    pub(crate) async fn plan(&self, mut work: AgentWork<'a>) -> Result<AgentPlan<'a>, Failure> {
        let (run, placed) = (&self.run, work.placed);
        // What a real run would build, outside of the project.
        let directory = run.changes_nothing().then(staging::empty).transpose()?;
        let shipment = match work.built.take() {
            Some(built) => built,
            None => {
                let output = match &directory {
                    Some(directory) => Folder::private(directory.path().to_owned()).join("built"),
                    None => packaging::directory(placed.agent, run.project)?,
                };
                let how = (self.building, run);
                Shipment::build(placed, work.own.as_ref(), output, how).await?
            }
        };
        let Chosen { artifact, kept } = shipment.choose(placed, work.seen.as_ref()).await?;
        let keeps = kept.is_some();
        let desired = desired(placed, artifact, work.replacement.clone());
        let steps = runtime::plan(&desired, work.seen.as_ref().map(|seen| &seen.observed))?;
        let bucket = &self.buckets[&own_bucket(placed)];
        let looking = shipment.foresee(placed, (writes(&steps), keeps), bucket, run.ui);
        let sending = Box::pin(looking).await?;
        let mut plan = AgentPlan {
            work,
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
                let then = Then::after(plan.work.seen.as_ref(), &plan.steps);
                Box::pin(plan.shipment.old(plan.work.placed, then, self.run.ui)).await
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

    /// Returns the runtime that is replaced.
    pub(crate) fn replaces(&self) -> Option<&Seen> {
        let of = self.work.replacement.of.as_ref();
        self.work.seen.as_ref().filter(|_| of.is_some())
    }

    pub(crate) fn role_steps(&self) -> &[RoleStep] {
        self.work.role.steps()
    }

    pub(crate) fn callers_steps(&self) -> &[CallersStep] {
        &self.work.callers.steps
    }

    /// Takes over the artifact, which may only be known now.
    pub(super) async fn learn(&mut self) -> Result<(), Failure> {
        let (placed, seen) = (self.work.placed, self.work.seen.as_ref());
        if let Shipment::Ordered(_) = &self.shipment {
            let Chosen { artifact, kept: _ } = self.shipment.choose(placed, seen).await?;
            self.desired.fields.artifact = artifact;
            self.steps = runtime::plan(&self.desired, seen.map(|seen| &seen.observed))?;
        }
        Ok(())
    }

    /// Returns true if a run would change something, or finds something that others changed.
    pub(crate) fn has_findings(&self) -> bool {
        !self.steps.is_empty()
            || !self.callers_steps().is_empty()
            || self.sending.bytes.is_some()
            || !self.role_steps().is_empty()
            || self.work.build.as_ref().is_some_and(BuildWork::changes)
            || !self.work.role.foreign().is_empty()
            || self
                .work
                .own
                .as_ref()
                .is_some_and(OwnFiles::has_edited_copies)
    }
}

fn desired(placed: &Placed<'_>, artifact: Artifact, replacement: Replacement) -> DesiredRuntime {
    let Placed { agent, session } = placed;
    let mut fields = RuntimeFields::wanted(
        agent,
        Circumstances {
            role_arn: role_arn(&agent.role, session.partition, &session.account),
            artifact,
            env: runtime::own_variables(&session.region),
        },
    );
    let capabilities = session.capabilities();
    fields.settings.retain(|place| capabilities.keeps(place));
    DesiredRuntime {
        name: agent.runtime_name.clone(),
        identity: Identity::of(agent),
        tags: agent.tags.clone(),
        fields,
        has_callers: capabilities.resource_policies && !agent.callers.is_empty(),
        replacement,
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
