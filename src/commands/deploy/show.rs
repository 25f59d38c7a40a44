//! `deploy --dry-run` and `--check`: shows the plan, from what a real run would decide and build.

use serde_json::{Value, json};

use super::{Args, report};
use crate::{
    commands::{documents, prepare::toolkit},
    engine::{
        agent::{AgentPlan, AgentWork, Agents},
        artifact::Shipment,
        declared::DeclaredWork,
        plan_output::Planned,
        replacement, tracing,
    },
    error::{Exit, Failure},
    options,
    project::own_files::OwnFiles,
    resources::{
        callers::for_new_runtime,
        change::{Reveal, values},
        runtime::fields::Artifact,
    },
    text::{byte_size, counted},
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
    let store = plan.sending.store.as_ref();
    planned.steps(plan.role_steps(), Reveal::Keys);
    if let Some(build) = &plan.compared.build {
        build.show(planned);
    }
    let sources = plan.sending.sources.as_ref();
    for change in sources.iter().flat_map(|store| store.changes()) {
        planned.change(&change, reveal);
    }
    for change in store.iter().flat_map(|store| store.changes()) {
        planned.change(&change, reveal);
    }
    let place = match &plan.desired.fields.artifact {
        Artifact::Code { object, .. } => object.as_ref().map(ToString::to_string),
        Artifact::Container { uri } => Some(uri.clone()),
        Artifact::Unknown => None,
    };
    if let Shipment::Ordered(ordered) = &plan.shipment
        && ordered.is_unbuilt()
    {
        let (files, bytes) = ordered.context();
        let files = counted(files, "file");
        let what = format!(
            "build the image with CodeBuild from {files} ({})",
            byte_size(bytes)
        );
        planned.status("Would", &what);
    } else if let (Some(bytes), Some(object)) = (plan.sending.bytes, place) {
        let what = match plan.shipment.size() {
            Some(size) if bytes > 0 => format!(
                "upload {} of {} to `{object}`",
                byte_size(bytes),
                byte_size(size)
            ),
            _ => format!("use the existing `{object}`"),
        };
        planned.status("Would", &what);
    }
    planned.steps(&plan.steps, reveal);
    if let Some(seen) = plan.compared.replaces() {
        replacement::tell_losses(plan.compared.placed, seen, &plan.compared.replacement, ui);
    }
    planned.steps(plan.callers_steps(), Reveal::Values);
    if (plan.compared.seen.is_none() || plan.compared.replaces().is_some())
        && let Some(change) = for_new_runtime(&plan.desired.callers)
    {
        planned.detail(&change.words(reveal));
    }
    if let Some(store) = store {
        let (kind, name) = (store.kind(), &store.name);
        for old in &plan.unused {
            let what = format!("delete unused `{old}` from {kind} `{name}`");
            planned.status("Would", &what);
        }
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
            "role": toolkit::planned_role(&compared.role),
            "artifact": report::artifact(&desired.fields.artifact, plan.shipment.size(), None),
            "upload": { "bytes": plan.sending.bytes },
            "runtime": { "name": desired.name, "steps": values(&plan.steps) },
            "callers": values(plan.callers_steps()),
            "pruned": plan.unused,
        }),
    );
    for store in plan.sending.store.iter().chain(&plan.sending.sources) {
        document[store.kind()] = report::store(store);
    }
    if let Some(build) = &plan.compared.build {
        document["build_project"] = report::build_project(build);
    }
    document
}
