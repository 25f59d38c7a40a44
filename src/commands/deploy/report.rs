//! The final output of `deploy`, as text and as JSON.

use serde_json::{Value, json};

use crate::{
    commands::{documents, endpoint::list},
    engine::{agent::Done, artifact::Sending, build_project::BuildWork},
    options,
    project::own_files::OwnFiles,
    resources::{change::values, runtime::fields::Artifact},
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
        callers: _,
        outcome,
        shipped,
        pruned: _,
        smoked,
    } = done;
    let desired = &plan.desired.fields;
    let (size, id) = (plan.shipment.size(), plan.shipment.id());
    let sent = shipped.as_ref().map_or(0, |shipped| shipped.bytes);
    let how = shipped
        .as_ref()
        .map_or("not needed", |shipped| shipped.how.as_str());
    let mut document = documents::placed(
        plan.compared.placed,
        json!({
            "did": outcome.did.as_str(),
            "runtime": documents::runtime(&outcome.state),
            "endpoint": outcome.endpoint.as_ref().map(list::value),
            "role": { "arn": desired.role_arn },
            "files": plan.own.as_ref().map_or(Value::Null, OwnFiles::document),
            "artifact": artifact(&desired.artifact, size, Some(id)),
            "upload": { "how": how, "bytes_sent": sent },
            "build_project": plan.compared.build.as_ref().map(BuildWork::name),
            "changes": values(&done.changes()),
            "smoke": smoked.as_ref().map(|smoked| if smoked.is_ok() { "answered" } else { "failed" }),
            "seconds": (plan.started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        }),
    );
    add_stores(&mut document, &plan.sending);
    document
}

/// Adds the names of the places where the artifact and the sources of its build are stored.
pub(super) fn add_stores(document: &mut Value, sending: &Sending) {
    for store in sending.store.iter().chain(&sending.sources) {
        document[store.kind()] = json!({ "name": store.name });
    }
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
