//! The final output of `deploy`, as text and as JSON.

use serde_json::{Value, json};

use super::{
    Work,
    agent::{Done, Foreseen},
};
use crate::{
    commands::{documents, endpoint::list, prepare::toolkit},
    engine::{artifact::Store, callers, plan_output::Planned},
    options,
    project::own_files::OwnFiles,
    resources::{
        callers::for_new_runtime,
        change::{Change, FieldChange, Reveal, Step as _, values},
        runtime::fields::Artifact,
    },
    text::byte_size,
    ui::{Ui, Verbosity},
};

/// Prints the ARNs on stdout, or one JSON document. `agents` is the number of agents in this run.
pub(crate) fn report(
    (done, resources): (&[Done], &[Value]),
    output: options::Output,
    project: &options::Project,
    agents: usize,
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
    let is_usable = |done: &&Done| !matches!(done.smoked, Some(Err(_)));
    if let Some(first) = done.iter().find(is_usable) {
        let named = agents > 1 || !project.agent.is_empty();
        let agent = if named {
            format!(" --agent {}", first.agent)
        } else {
            String::new()
        };
        ui.status(
            "Next",
            &ui.lead(&format!("`cargo agentcore invoke{agent} --prompt 'hello'`")),
        );
    }
}

fn document(done: &Done) -> Value {
    let Done {
        agent,
        stage,
        account,
        region,
        role_arn,
        role_steps,
        files,
        desired,
        size,
        artifact_id,
        callers,
        outcome,
        shipped,
        pruned,
        smoked,
        started,
    } = done;
    let state = &outcome.state;
    let sent = shipped.as_ref().map_or(0, |shipped| shipped.bytes);
    let how = shipped.as_ref().map_or("not needed", |shipped| shipped.how);
    let mut runtime = documents::runtime(state);
    runtime["changes"] = fields(&outcome.changes);
    json!({
        "agent": agent,
        "stage": stage,
        "account": account,
        "region": region,
        "did": outcome.did.as_str(),
        "runtime": runtime,
        "endpoint": outcome.endpoint.as_ref().map(list::value),
        "role": { "arn": role_arn, "changes": values(role_steps) },
        "files": files,
        "artifact": artifact(&desired.fields.artifact, *size, Some(artifact_id)),
        "upload": { "how": how, "bytes_sent": sent },
        "callers": values(callers),
        "pruned": pruned,
        "smoke": smoked.as_ref().map(|smoked| if smoked.is_ok() { "answered" } else { "failed" }),
        "seconds": (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
    })
}

fn fields(changes: &[FieldChange]) -> Value {
    let changes = changes.iter().map(|change| change.value(Reveal::Keys));
    changes.collect()
}

fn artifact(artifact: &Artifact, size: Option<u64>, id: Option<&str>) -> Value {
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

/// Prints what would change in the runtime. Returns the JSON document and whether there are
/// findings.
pub(crate) fn show(
    work: &Work<'_>,
    foreseen: &Foreseen,
    planned: Planned<'_>,
    verbosity: Verbosity,
) -> (Value, bool) {
    let Foreseen {
        desired,
        steps,
        size,
        sending,
        store,
        pruned,
    } = foreseen;
    let agent = &work.placed.agent.name;
    let reveal = if verbosity >= Verbosity::Verbose {
        Reveal::Values
    } else {
        Reveal::Keys
    };
    for change in store.iter().flat_map(|store| &store.changes) {
        planned.change(change, reveal);
    }
    let place = match &desired.fields.artifact {
        Artifact::Code { object, .. } => object.as_ref().map(ToString::to_string),
        Artifact::Container { uri } => Some(uri.clone()),
        Artifact::Unknown => None,
    };
    if let (Some(bytes), Some(object)) = (sending, place) {
        let what = match size {
            Some(size) if *bytes > 0 => format!(
                "upload {} of {} to `{object}`",
                byte_size(*bytes),
                byte_size(*size)
            ),
            _ => format!("use the existing `{object}`"),
        };
        planned.status("Would", &what);
    }
    for step in steps {
        planned.change(&step.change(), reveal);
    }
    callers::show(&work.callers, planned);
    if work.seen.is_none()
        && let Some(change) = for_new_runtime(desired, &work.placed.agent.callers)
    {
        planned.detail(&change.words(reveal));
    }
    if let Some(Store { kind, name, .. }) = store {
        for old in pruned {
            planned.status(
                "Would",
                &format!("delete unused `{old}` from {kind} `{name}`"),
            );
        }
    }
    let changed = !steps.is_empty()
        || !work.callers.steps.is_empty()
        || sending.is_some()
        || !work.role.steps().is_empty()
        || !work.role.foreign().is_empty()
        || work.own.as_ref().is_some_and(OwnFiles::has_edited_copies);
    if !changed {
        planned.status("Unchanged", &format!("agent `{agent}`"));
    }
    let mut document = documents::placed(
        work.placed,
        json!({
            "files": work.own.as_ref().map_or(Value::Null, OwnFiles::document),
            "role": toolkit::planned_role(&work.role),
            "artifact": artifact(&desired.fields.artifact, *size, None),
            "upload": { "bytes": sending },
            "runtime": { "name": desired.name, "steps": values(steps) },
            "callers": values(&work.callers.steps),
            "pruned": pruned,
        }),
    );
    if let Some(Store {
        kind,
        name,
        changes,
    }) = store
    {
        let steps: Vec<Value> = changes.iter().map(Change::value).collect();
        document[*kind] = json!({ "name": name, "steps": steps });
    }
    (document, changed)
}

pub(crate) fn plan_document(agents: &[Value], resources: &[Value]) -> Value {
    json!({ "dry_run": true, "agents": agents, "resources": resources })
}
