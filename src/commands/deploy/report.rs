//! The final output of `deploy`, as text and as JSON.

use serde_json::{Value, json};

use super::{
    Work,
    agent::{Done, Foreseen},
};
use crate::{
    commands::{documents, endpoint::list, prepare::toolkit},
    effects::aws::store::How,
    engine::{callers, plan_output::Planned},
    options,
    package::limits::megabytes,
    resources::{
        bucket::worth_saying,
        callers::for_new_runtime,
        runtime::fields::{Artifact, FieldChange, Reveal, Secrecy},
    },
    ui::{Ui, Verbosity},
};

/// The version of the JSON documents.
const VERSION: u32 = 1;

/// Prints the ARNs on stdout, or one JSON document. `agents` is the number of agents in this run.
pub(crate) fn report(
    done: &[Done],
    output: options::Output,
    project: &options::Project,
    agents: usize,
    ui: &Ui,
) {
    if output == options::Output::Json {
        let agents: Vec<Value> = done.iter().map(document).collect();
        ui.document(json!({ "version": VERSION, "command": "deploy", "agents": agents }));
        return;
    }
    for one in done {
        ui.result(&one.outcome.state.arn);
    }
    if let [first, ..] = done {
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
        archive_id,
        callers,
        outcome,
        uploaded,
        pruned,
        started,
    } = done;
    let state = &outcome.state;
    let sent = uploaded.as_ref().map_or(0, |uploaded| uploaded.sent_bytes);
    let how = uploaded
        .as_ref()
        .map_or("not needed", |uploaded| match uploaded.how {
            How::Present => "present",
            How::Composed => "composed",
            How::Whole | How::WholeAfter(_) => "whole",
        });
    let mut runtime = documents::runtime(state);
    runtime["changes"] = changes(&outcome.changes).into();
    json!({
        "agent": agent,
        "stage": stage,
        "account": account,
        "region": region,
        "did": outcome.did.as_str(),
        "runtime": runtime,
        "endpoint": outcome.endpoint.as_ref().map(list::value),
        "role": { "arn": role_arn, "changes": toolkit::changes(role_steps) },
        "files": files,
        "artifact": artifact(&desired.fields.artifact, *size, Some(archive_id)),
        "upload": { "how": how, "bytes_sent": sent },
        "callers": callers::value(callers),
        "pruned": pruned,
        "seconds": (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
    })
}

fn artifact(artifact: &Artifact, size: u64, id: Option<&str>) -> Value {
    let Artifact::Code {
        object,
        runtime,
        entry_point,
    } = artifact
    else {
        return Value::Null;
    };
    json!({
        "bucket": object.as_ref().map(|object| &object.bucket),
        "key": object.as_ref().map(|object| &object.key),
        "runtime": runtime,
        "entry_point": entry_point,
        "bytes": size,
        "id": id,
    })
}

/// Returns the changes as JSON, without values that may be secret.
fn changes(changes: &[FieldChange]) -> Vec<Value> {
    changes
        .iter()
        .map(|change| match change.secrecy {
            Secrecy::Open => json!({
                "field": change.field,
                "before": change.before,
                "after": change.after,
            }),
            Secrecy::Sensitive => json!({ "field": change.field, "secret": true }),
        })
        .collect()
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
        bucket: (bucket, bucket_steps),
    } = foreseen;
    let agent = &work.placed.agent.name;
    let reveal = if verbosity >= Verbosity::Verbose {
        Reveal::Values
    } else {
        Reveal::Keys
    };
    for step in worth_saying(bucket_steps) {
        let (_, verb, object) = step.words(bucket);
        planned.status("Would", &format!("{verb} {object}"));
    }
    if let (
        Some(bytes),
        Artifact::Code {
            object: Some(object),
            ..
        },
    ) = (sending, &desired.fields.artifact)
    {
        let what = if *bytes == 0 {
            format!("use the existing `{object}`")
        } else {
            format!(
                "upload {} of {} to `{object}`",
                megabytes(*bytes),
                megabytes(*size)
            )
        };
        planned.status("Would", &what);
    }
    for step in steps {
        let (_, verb, object) = step.words();
        planned.status("Would", &format!("{verb} {object}"));
        for change in step.changes() {
            planned.plain(&format!("{:15}{}", "", change.words(reveal)));
        }
    }
    callers::show(&work.callers, planned);
    if work.seen.is_none()
        && let Some(change) = for_new_runtime(desired, &work.placed.agent.callers)
    {
        planned.plain(&format!("{:15}{}", "", change.words(reveal)));
    }
    let changed = !steps.is_empty()
        || !work.callers.steps.is_empty()
        || sending.is_some()
        || !work.role.steps().is_empty()
        || !work.role.foreign().is_empty()
        || work.own.has_edited_copies();
    if !changed {
        planned.status("Unchanged", &format!("agent `{agent}`"));
    }
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| {
            let (_, action, object) = step.words();
            json!({ "action": action, "object": object, "changes": changes(step.changes()) })
        })
        .collect();
    let bucket_steps: Vec<Value> = worth_saying(bucket_steps)
        .iter()
        .map(|step| {
            let (_, action, object) = step.words(bucket);
            json!({ "action": action, "object": object })
        })
        .collect();
    let document = documents::placed(
        work.placed,
        json!({
            "files": work.own.document(),
            "role": toolkit::planned_role(&work.role),
            "artifact": artifact(&desired.fields.artifact, *size, None),
            "upload": { "bytes": sending },
            "bucket": { "name": bucket, "steps": bucket_steps },
            "runtime": { "name": desired.name, "steps": steps },
            "callers": callers::value(&work.callers.steps),
        }),
    );
    (document, changed)
}

pub(crate) fn plan_document(agents: &[Value]) -> Value {
    json!({ "version": VERSION, "command": "deploy", "dry_run": true, "agents": agents })
}
