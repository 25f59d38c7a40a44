//! Observes and writes the policies that allow callers from other accounts to call a runtime and
//! its endpoints.

use futures_util::future::try_join_all;

use crate::{
    effects::aws::{AwsError, runtime::Runtimes},
    engine::{
        agreement::{self, Question},
        plan_output::{Planned, announce},
        run::Run,
        runtime::own::Seen,
    },
    error::Failure,
    plan::document_diff,
    project::sessions::{self, Placed},
    resources::{
        callers::{self, CallersPlan, CallersStep, ObservedPolicy},
        change::Step as _,
        role::Adopt,
        runtime::{
            ObservedRuntime,
            observed::{EndpointState, RuntimeState},
        },
        tags::Tags,
    },
    ui::Ui,
};

/// Reads the policies of an existing runtime that may be this tool's: none in the local AgentCore,
/// which answers all callers on this machine.
pub(crate) async fn read(
    placed: &Placed<'_>,
    seen: &Seen,
) -> Result<Vec<ObservedPolicy>, AwsError> {
    let Seen {
        observed: ObservedRuntime { state, tags },
        endpoints: _,
    } = seen;
    if !concern(placed, tags) {
        return Ok(Vec::new());
    }
    let endpoints = seen.all_endpoints(&placed.session).await?;
    policies(placed, state, endpoints).await
}

fn concern(placed: &Placed<'_>, tags: &Tags) -> bool {
    placed.session.capabilities().resource_policies && callers::concern(placed.agent, tags)
}

async fn policies(
    placed: &Placed<'_>,
    state: &RuntimeState,
    endpoints: Vec<EndpointState>,
) -> Result<Vec<ObservedPolicy>, AwsError> {
    let runtimes = Runtimes::new(&placed.session);
    let things = endpoints
        .into_iter()
        .map(|endpoint| (endpoint.arn, format!("endpoint `{}`", endpoint.name)));
    let things = std::iter::once((state.arn.clone(), format!("runtime `{}`", state.id)))
        .chain(things)
        .map(async |(arn, name)| -> Result<ObservedPolicy, AwsError> {
            let document = runtimes.policy(&arn).await?;
            Ok(ObservedPolicy {
                arn,
                name,
                document,
            })
        });
    try_join_all(things).await
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
    if !concern(placed, &Tags::Unknown) {
        return Ok(Vec::new());
    }
    let runtimes = Runtimes::new(&placed.session);
    let endpoints = runtimes.read_endpoints(&state.id).await?;
    let observed = policies(placed, state, endpoints).await?;
    let plan = callers::plan(placed.agent, &observed, adopt)?;
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
    for (placed, plan) in plans {
        let adopted: Vec<&CallersStep> = plan.steps.iter().filter(|step| step.adopts).collect();
        if adopted.is_empty() {
            continue;
        }
        let planned = Planned::before_doing(run.yes, run.ui);
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
        let agent = &placed.agent.name;
        let place = sessions::places([(&placed.session, placed.agent.stage.as_ref())]);
        let question = Question {
            verb: "replace",
            what: format!("the resource policies of agent `{agent}`"),
            pronoun: "them",
            text: format!("Replace the resource policies of agent `{agent}` ({place})?"),
            refused: format!("the resource policies of agent `{agent}` were not replaced"),
            nothing: "nothing was written",
        };
        agreement::agree(&question, run)?;
    }
    Ok(())
}
