//! `deploy --dry-run` and `--check`: shows the plan, from what a real run would decide and build.

use serde_json::{Value, json};

use super::{Args, report};
use crate::{
    commands::{documents, prepare::toolkit},
    engine::{
        agent::{AgentPlan, AgentWork, Agents},
        build_project::BuildWork,
        declared::DeclaredWork,
        plan_output::Planned,
        replacement, tracing,
    },
    error::{Exit, Failure},
    options,
    project::own_files::OwnFiles,
    resources::change::{Reveal, values},
    ui::{Ui, Verbosity},
};

/// Prints the plan, in words such as "Would create".
pub(super) async fn show<'a>(
    args: &Args,
    agents: &Agents<'a>,
    (work, resources): (Vec<AgentWork<'a>>, &DeclaredWork<'_>),
    mut failures: Vec<Failure>,
    ui: &Ui,
) -> Result<(), Failure> {
    let lines = Planned::alone(args.output, ui);
    resources.show(lines);
    let mut changes = false;
    if args.enable_tracing {
        let placed = work.iter().map(|work| work.compared.placed);
        changes |= tracing::show(placed, lines, ui).await;
    }
    changes |= resources.changes();
    let mut documents = Vec::new();
    for work in work {
        match Box::pin(agents.plan(work)).await {
            Ok(plan) => {
                lines_of(&plan, lines, ui);
                documents.push(document(&plan));
                changes |= plan.has_findings();
            }
            Err(failure) => failures.push(failure),
        }
    }
    if args.output == options::Output::Json {
        let resources = resources.values();
        ui.document(json!({ "dry_run": true, "agents": documents, "resources": resources }));
    }
    if let Some(failure) = Failure::all(failures) {
        return Err(failure);
    }
    if changes && args.applying.check {
        return Err(Failure::silent(Exit::Findings));
    }
    Ok(())
}

fn lines_of(plan: &AgentPlan<'_>, planned: Planned<'_>, ui: &Ui) {
    let reveal = if ui.verbosity() >= Verbosity::Verbose {
        Reveal::Values
    } else {
        Reveal::Keys
    };
    let agent = plan.compared.placed.agent;
    planned.changes(&plan.changes(), reveal);
    if let Some(seen) = plan.compared.replaces() {
        replacement::tell_losses(plan.compared.placed, seen, &plan.compared.replacement, ui);
    }
    if !plan.has_findings() {
        planned.status("Unchanged", &format!("agent `{}`", agent.name));
    }
}

fn document(plan: &AgentPlan<'_>) -> Value {
    let (compared, desired) = (&plan.compared, &plan.desired);
    let mut document = documents::placed(
        compared.placed,
        json!({
            "files": plan.own.as_ref().map_or(Value::Null, OwnFiles::document),
            "role": { "foreign": toolkit::foreign(&compared.role) },
            "artifact": report::artifact(&desired.fields.artifact, plan.shipment.size(), None),
            "upload": { "bytes": plan.sending.bytes },
            "runtime": { "name": desired.name },
            "build_project": compared.build.as_ref().map(BuildWork::name),
            "changes": values(&plan.changes()),
        }),
    );
    report::add_stores(&mut document, &plan.sending);
    document
}
