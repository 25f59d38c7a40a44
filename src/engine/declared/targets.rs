//! The targets of gateways that lead to agents of the same project. They need the ARNs of the agents'
//! runtimes, so `deploy` writes them after the agents.

use super::{
    DeclaredWork,
    target_agents::{agents, runtimes},
    work::Work,
};
use crate::{
    config::{PartAgent, Resource},
    engine::{plan_output::announce, run::Run},
    error::{Failure, Message},
    resources::{
        change::Step as _,
        declared::{self, DeclaredStep},
    },
    ui::Ui,
};

/// Notes gateways that lead to an agent of this run and are not looked at, because no agent of the run
/// uses them.
pub(super) fn tell_others(run: &Run<'_>) {
    let is_used = |resource: &Resource| {
        let mut used = run.placed.iter().flat_map(|placed| &placed.agent.resources);
        used.any(|one| one.path() == resource.path())
    };
    let leads_here = |resource: &Resource, agent: &PartAgent| {
        run.placed.iter().any(|placed| {
            placed.session.capabilities().has(resource.kind)
                && placed.agent.runtime_name == agent.runtime
        })
    };
    let resources = run.declared.resources.iter();
    for resource in resources.filter(|resource| !is_used(resource)) {
        for (target, agent) in agents(resource) {
            if leads_here(resource, agent) {
                run.ui.note(&format!(
                    "the target `{target}` of {} leads to agent `{}`, and `cargo agentcore deploy --workspace` writes it",
                    declared::subject(resource),
                    agent.name
                ));
            }
        }
    }
}

impl DeclaredWork<'_> {
    /// Writes the targets that lead to agents, after these were deployed.
    pub(crate) async fn settle_targets(&mut self, run: &Run<'_>) -> Result<(), Failure> {
        for work in &mut self.all {
            if agents(&work.resource).next().is_some() {
                work.settle_targets(run).await?;
            }
        }
        Ok(())
    }

    /// Leaves the targets to `deploy` that lead to agents which are not deployed yet.
    pub(crate) fn leave_targets(&mut self, ui: &Ui) {
        for work in &mut self.all {
            for (target, agent) in work.take_waiting() {
                ui.note(&format!(
                    "the target `{target}` of {} is left for `cargo agentcore deploy`, which creates the runtime of agent `{agent}`",
                    declared::subject(&work.resource)
                ));
            }
        }
    }
}

impl Work<'_> {
    async fn settle_targets(&mut self, run: &Run<'_>) -> Result<(), Failure> {
        let runtimes = runtimes(&self.resource, self.session).await?;
        declared::lead_to(&mut self.resource, &runtimes);
        let leads: Vec<String> = agents(&self.resource)
            .map(|(target, _)| target.clone())
            .collect();
        let is_target = |step: &DeclaredStep| {
            let part = step.written_part();
            part.is_some_and(|part| leads.iter().any(|target| target == part))
        };
        let mut planned = self.plan_again(run.adopt).await?;
        planned.retain(is_target);
        self.steps.retain(|step| !step.awaits_a_runtime());
        for step in planned {
            if !step.awaits_a_runtime() {
                announce(&step.change(), run.ui);
                self.step(&step, run.ui).await?;
            }
            self.steps.push(step);
        }
        for (target, agent) in self.take_waiting() {
            let message = Message::new(format!(
                "the target `{target}` of {} was not written, because agent `{agent}` is not deployed",
                declared::subject(&self.resource)
            ));
            let help =
                "`cargo agentcore deploy --workspace` deploys all agents, and then writes it";
            run.ui.warning(&message.help(help));
        }
        Ok(())
    }

    /// Removes the steps that wait for a runtime. Returns the targets with their agents.
    fn take_waiting(&mut self) -> Vec<(String, String)> {
        let steps = self.steps.iter().filter(|step| step.awaits_a_runtime());
        let waiting: Vec<&str> = steps.filter_map(DeclaredStep::written_part).collect();
        let agents = agents(&self.resource)
            .filter(|(target, _)| waiting.contains(&target.as_str()))
            .map(|(target, agent)| (target.clone(), agent.name.to_string()))
            .collect();
        self.steps.retain(|step| !step.awaits_a_runtime());
        agents
    }
}
