//! The final output of `deploy`, as text and as JSON.

use serde_json::{Value, json};

use crate::{
    commands::{documents, endpoint::list},
    engine::{agent::Done, artifact::Store, build_project::BuildWork},
    options,
    project::own_files::OwnFiles,
    resources::{
        change::{Change, FieldChange, Reveal, values},
        runtime::fields::Artifact,
    },
    ui::Ui,
};

/// Prints the ARNs on stdout, or one JSON document. `agents` is the number of agents in this run.
pub(crate) fn report(
    (done, resources): (&[Done<'_>], &[Value]),
    output: options::Output,
    (project, agents): (&options::Project, usize),
    ui: &Ui,
) {
    if output == options::Output::Json {
        let agents: Vec<Value> = done.iter().map(document).collect();
        ui.document(json!({ "agents": agents, "resources": resources }));
        return;
    }
    for one in done {
        ui.result(&one.outcome.state.arn);
    }
    let is_usable = |done: &&Done<'_>| !matches!(done.smoked, Some(Err(_)));
    if let Some(first) = done.iter().find(is_usable) {
        let named = agents > 1 || !project.agent.is_empty();
        let agent = if named {
            format!(" --agent {}", first.plan.compared.placed.agent.name)
        } else {
            String::new()
        };
        ui.status(
            "Next",
            &ui.lead(&format!("`cargo agentcore invoke{agent} --prompt 'hello'`")),
        );
    }
}

fn document(done: &Done<'_>) -> Value {
    let Done {
        plan,
        callers,
        outcome,
        shipped,
        pruned,
        smoked,
    } = done;
    let desired = &plan.desired.fields;
    let (size, id) = (plan.shipment.size(), plan.shipment.id());
    let sent = shipped.as_ref().map_or(0, |shipped| shipped.bytes);
    let how = shipped.as_ref().map_or("not needed", |shipped| shipped.how);
    let mut runtime = documents::runtime(&outcome.state);
    runtime["steps"] = values(&outcome.steps).into();
    runtime["changes"] = fields(&outcome.changes);
    let mut document = documents::placed(
        plan.compared.placed,
        json!({
            "did": outcome.did.as_str(),
            "runtime": runtime,
            "endpoint": outcome.endpoint.as_ref().map(list::value),
            "role": { "arn": desired.role_arn, "changes": values(plan.role_steps()) },
            "files": plan.own.as_ref().map_or(Value::Null, OwnFiles::document),
            "artifact": artifact(&desired.artifact, size, Some(id)),
            "upload": { "how": how, "bytes_sent": sent },
            "callers": values(callers),
            "pruned": pruned,
            "smoke": smoked.as_ref().map(|smoked| if smoked.is_ok() { "answered" } else { "failed" }),
            "seconds": (plan.started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        }),
    );
    for place in plan.sending.store.iter().chain(&plan.sending.sources) {
        document[place.kind()] = store(place);
    }
    if let Some(build) = &plan.compared.build {
        document["build_project"] = build_project(build);
    }
    document
}

fn fields(changes: &[FieldChange]) -> Value {
    let changes = changes.iter().map(|change| change.value(Reveal::Keys));
    changes.collect()
}

pub(super) fn artifact(artifact: &Artifact, size: Option<u64>, id: Option<&str>) -> Value {
    match artifact {
        Artifact::Code {
            object,
            runtime,
            entry_point,
        } => json!({
            "bucket": object.as_ref().map(|object| &object.bucket),
            "key": object.as_ref().map(|object| &object.key),
            "runtime": runtime,
            "entry_point": entry_point,
            "bytes": size,
            "id": id,
        }),
        Artifact::Container { uri } => json!({ "image": uri, "bytes": size, "id": id }),
        Artifact::Unknown => Value::Null,
    }
}

/// Returns the project that builds the image, with its changes.
pub(super) fn build_project(build: &BuildWork) -> Value {
    json!({
        "name": build.name(),
        "role_changes": values(build.role_steps()),
        "changes": values(&build.steps),
    })
}

/// Returns what is prepared where the artifact is stored.
pub(super) fn store(store: &Store) -> Value {
    let steps: Vec<Value> = store.changes().iter().map(Change::value).collect();
    json!({ "name": store.name, "steps": steps })
}
