//! Carries out the plan for an agent: writes its role, sends its artifact, writes its runtime and
//! deletes old artifacts.

use super::{AgentPlan, Agents};
use crate::{
    effects::folder::FolderFile,
    engine::{
        artifact::Shipped,
        callers, role,
        runtime::{
            own::own_bucket,
            write::{Did, Outcome, Rollout},
        },
    },
    error::Failure,
    project::{on_disk, sessions::Placed},
    resources::{callers::CallersStep, runtime::RuntimeStep},
    ui::Ui,
};

/// An agent that was deployed.
pub(crate) struct Done<'a> {
    pub(crate) plan: AgentPlan<'a>,
    pub(crate) callers: Vec<CallersStep>,
    pub(crate) outcome: Outcome,
    /// `None` if both the store and the runtime already have the artifact.
    pub(crate) shipped: Option<Shipped>,
    pub(crate) pruned: Vec<String>,
    /// The result of the smoke call, if one was made.
    pub(crate) smoked: Option<Result<(), Failure>>,
}

impl<'a> Agents<'a> {
    /// Carries out a plan. `call` calls the deployed agent, if the user asked for that.
    pub(super) async fn apply(
        &self,
        mut plan: AgentPlan<'a>,
        call: impl AsyncFn(&Placed<'_>, &Outcome) -> Option<Result<(), Failure>>,
    ) -> Result<Done<'a>, Failure> {
        let (run, ui) = (&self.run, self.run.ui);
        let work = &plan.compared;
        let placed = work.placed;
        // A runtime that is replaced needs what its role may do until it is gone.
        let is_late = plan.removals() > 0 && !placed.agent.has_image();
        if !is_late {
            role::apply(&work.role, &placed.session, run.adopt, ui).await?;
        }
        if let Some(build) = &work.build {
            build.apply(placed, run.adopt, ui).await?;
        }
        let memory = on_disk::memory(run.project, placed)?;
        if plan.keeps {
            ui.note(&format!(
                "the deployed archive of `{}` contains the same files and is kept; only the bytecode differs, because another Python compiled it",
                placed.agent.name
            ));
        }
        if work.seen.is_none() {
            notice_absence(placed, &memory, ui)?;
        }
        let shipped = if plan.sends() {
            let bucket = &self.buckets[&own_bucket(placed)];
            let place = (&plan.sending, bucket);
            let sending = plan.shipment.send(placed, place, work.build.as_ref(), ui);
            Box::pin(sending).await?
        } else {
            None
        };
        plan.learn().await?;
        let work = &plan.compared;
        let (removal, rest) = plan.steps.split_at(plan.removals());
        let rollout = Rollout {
            placed,
            desired: &plan.desired,
            role_was_written: !plan.role_steps().is_empty(),
            ui,
        };
        callers::withdraw(placed, &work.callers, ui).await?;
        let mut seen = work.seen.clone();
        if !removal.is_empty() {
            Box::pin(rollout.remove(seen.take(), removal)).await?;
        }
        if is_late {
            role::apply(&work.role, &placed.session, run.adopt, ui).await?;
        }
        let mut outcome = Box::pin(rollout.run(seen, rest)).await?;
        outcome.steps.splice(0..0, removal.iter().cloned());
        let granting = callers::grant(placed, &outcome.state, run.adopt, ui);
        let granted = Box::pin(granting).await?;
        plan.say(&outcome, shipped.as_ref(), ui);
        remember(&memory, &outcome)?;
        let smoked = call(placed, &outcome).await;
        let pruned = match &shipped {
            Some(_) => plan.shipment.prune(placed, &outcome, ui).await,
            None => Vec::new(),
        };
        Ok(Done {
            callers: work.callers.clone().carried_out(granted),
            outcome,
            shipped,
            pruned,
            smoked,
            plan,
        })
    }
}

impl AgentPlan<'_> {
    /// Returns how many steps remove a runtime that is replaced.
    fn removals(&self) -> usize {
        let is_creation = |step: &RuntimeStep| matches!(step, RuntimeStep::Create { .. });
        match self.compared.replaces() {
            Some(_) => self.steps.iter().position(is_creation).unwrap_or(0),
            None => 0,
        }
    }

    fn say(&self, outcome: &Outcome, shipped: Option<&Shipped>, ui: &Ui) {
        let state = &outcome.state;
        let (kind, store) = (self.shipment.kind(), self.shipment.store());
        let again = format!("its {kind} is in the {store} again");
        let (verb, more) = match (outcome.did, shipped) {
            (Did::Created, _) => ("Created", "READY".to_owned()),
            (Did::Updated, _) => ("Updated", "READY".to_owned()),
            (Did::Tagged, None) => (
                "Tagged",
                "nothing else differs; nothing was uploaded".to_owned(),
            ),
            (Did::Tagged, Some(_)) => ("Tagged", format!("and {again}")),
            (Did::Nothing, None) => ("Unchanged", "up to date".to_owned()),
            (Did::Nothing, Some(_)) => ("Restored", format!("{again}; nothing was updated")),
        };
        ui.status(
            verb,
            &format!(
                "agent `{}`: runtime `{}`, version {}, {more}",
                self.compared.placed.agent.name, state.id, state.version
            ),
        );
    }
}

/// Reports a runtime that this project deployed and that no longer exists.
fn notice_absence(placed: &Placed<'_>, memory: &FolderFile, ui: &Ui) -> Result<(), Failure> {
    if let Some(id) = memory.read_text()? {
        ui.note(&format!(
            "the runtime `{}` of agent `{}` no longer exists; it is created again",
            id.trim(),
            placed.agent.name
        ));
    }
    Ok(())
}

fn remember(memory: &FolderFile, outcome: &Outcome) -> Result<(), Failure> {
    let line = format!("{}\n", outcome.state.id);
    if memory.read_text()?.as_deref() == Some(&line) {
        return Ok(());
    }
    Ok(memory.write(line.as_bytes())?)
}
