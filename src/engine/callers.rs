//! Observes and writes the policies that allow callers from other accounts to call a runtime and
//! its endpoints.

use futures_util::future::try_join_all;

use crate::{
    effects::aws::runtime::Runtimes,
    engine::{
        plan_output::{Planned, announce},
        run::Run,
    },
    error::{Exit, Failure},
    plan::document_diff,
    project::sessions::Placed,
    resources::{
        callers::{CallersPlan, CallersStep, ObservedPolicy, concern, plan},
        change::{Reveal, Step as _},
        role::Adopt,
        runtime::observed::RuntimeState,
        tags::Tags,
    },
    ui::Ui,
};

/// Decides what to do with the policies of an existing runtime: nothing in the local AgentCore,
/// which answers all callers on this machine.
pub(crate) async fn decide(
    placed: &Placed<'_>,
    state: &RuntimeState,
    tags: &Tags,
    adopt: Adopt,
) -> Result<CallersPlan, Failure> {
    let Placed { agent, session } = placed;
    if !session.capabilities().resource_policies || !concern(agent, tags) {
        return Ok(CallersPlan::default());
    }
    let runtimes = Runtimes::new(session);
    let endpoints = runtimes.read_endpoints(&state.id).await?;
    let things = endpoints
        .into_iter()
        .map(|endpoint| (endpoint.arn, format!("endpoint `{}`", endpoint.name)));
    let things = std::iter::once((state.arn.clone(), format!("runtime `{}`", state.id)))
        .chain(things)
        .map(async |(arn, name)| -> Result<ObservedPolicy, Failure> {
            let document = runtimes.policy(&arn).await?;
            Ok(ObservedPolicy {
                arn,
                name,
                document,
            })
        });
    plan(agent, &try_join_all(things).await?, adopt)
}

/// Deletes policies that are no longer declared. Runs before the runtime is written, because that
/// also removes their record.
pub(crate) async fn withdraw(
    placed: &Placed<'_>,
    plan: &CallersPlan,
    ui: &Ui,
) -> Result<(), Failure> {
    apply(
        placed,
        plan.steps.iter().filter(|step| step.document.is_none()),
        ui,
    )
    .await
}

/// Writes policies. Runs after the runtime was written with a record that it has callers. Returns
/// what was done.
pub(crate) async fn grant(
    placed: &Placed<'_>,
    state: &RuntimeState,
    adopt: Adopt,
    ui: &Ui,
) -> Result<Vec<CallersStep>, Failure> {
    if placed.agent.callers.is_empty() {
        return Ok(Vec::new());
    }
    let plan = decide(placed, state, &Tags::Unknown, adopt).await?;
    apply(placed, plan.steps.iter(), ui).await?;
    Ok(plan.steps)
}

async fn apply(
    placed: &Placed<'_>,
    steps: impl Iterator<Item = &CallersStep>,
    ui: &Ui,
) -> Result<(), Failure> {
    let runtimes = Runtimes::new(&placed.session);
    for step in steps {
        announce(&step.change(), ui);
        match &step.document {
            Some(document) => runtimes.put_policy(&step.on.arn, document).await?,
            None => runtimes.delete_policy(&step.on.arn).await?,
        }
    }
    Ok(())
}

/// Shows each policy of others that would be replaced, and asks for confirmation.
pub(crate) fn agree<'a>(
    plans: impl Iterator<Item = (&'a Placed<'a>, &'a CallersPlan)>,
    run: &Run<'_>,
) -> Result<(), Failure> {
    let (yes, ui) = (run.yes, run.ui);
    for (placed, plan) in plans {
        let adopted: Vec<&CallersStep> = plan.steps.iter().filter(|step| step.adopts).collect();
        if adopted.is_empty() {
            continue;
        }
        let planned = Planned::before_doing(yes, ui);
        for step in &adopted {
            planned.plain(&format!(
                "Replacing the resource policy of {} would:",
                step.on.name
            ));
            if let Some(document) = &step.document {
                for line in document_diff::lines(step.on.document.as_ref(), document) {
                    planned.detail(&line);
                }
            }
        }
        if yes {
            continue;
        }
        let agent = &placed.agent.name;
        if !ui.is_interactive() {
            return Err(Failure::usage(format!(
                "cannot ask for confirmation to replace the resource policies of agent `{agent}` without a terminal"
            ))
            .help("pass `--yes` to replace them as shown above; nothing was written"));
        }
        let place =
            crate::project::sessions::places([(&placed.session, placed.agent.stage.as_ref())]);
        let question = format!("Replace the resource policies of agent `{agent}` ({place})?");
        let exit = match ui.confirm(&question) {
            Ok(true) => continue,
            Ok(false) => Exit::World,
            Err(why) => why.exit(),
        };
        return Err(Failure::new(
            exit,
            format!("the resource policies of agent `{agent}` were not replaced"),
        )
        .note("nothing was written"));
    }
    Ok(())
}

/// Shows the plan in the conditional.
pub(crate) fn show(plan: &CallersPlan, planned: Planned<'_>) {
    for step in &plan.steps {
        planned.change(&step.change(), Reveal::Values);
    }
}
