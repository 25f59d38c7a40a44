//! The output of `prepare`: the next command, as text and as JSON.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    commands::documents,
    effects::{self, env},
    engine::{handover::HandoverWork, role::RoleWork},
    error::{Failure, Message},
    names::EndpointUrl,
    options,
    plan::configure::{self, Circumstances, CommandLine, Endpoint},
    project::sessions::Placed,
    resources::change::values,
    ui::Ui,
};

/// The result for one agent.
pub(crate) struct Handover {
    line: CommandLine,
    warnings: Vec<Message>,
    document: Value,
}

/// Where the command will run.
pub(crate) struct CommandPlace<'a> {
    pub(crate) options: &'a options::Aws,
    pub(crate) emulator: Option<&'a effects::local::Emulator>,
    /// The user's current directory.
    pub(crate) current: &'a Path,
}

pub(crate) fn current() -> Result<PathBuf, Failure> {
    env::current_dir()
        .map_err(|error| Failure::world(format!("cannot determine the current directory: {error}")))
}

pub(crate) fn of(work: &HandoverWork<'_>, arn: &str, place: &CommandPlace<'_>) -> Handover {
    let files = &work.files;
    let Placed { agent, session } = work.placed;
    let here = agent.dir.as_path();
    let local = place.emulator.is_some();
    let url = place
        .emulator
        .map(|emulator| emulator.url.as_str())
        .or(place.options.endpoint_url.as_ref().map(EndpointUrl::as_str));
    let keys = env::var("AWS_ACCESS_KEY_ID").is_some();
    let circumstances = Circumstances {
        role_arn: arn,
        region: &session.region,
        profile: session.profile.as_deref(),
        hide_keys: keys && session.profile.is_some(),
        endpoint: url.map(|url| Endpoint {
            url,
            test_credentials: local.then_some((
                effects::aws::emulated::ACCESS_KEY_ID,
                effects::aws::emulated::SECRET_ACCESS_KEY,
            )),
            drop_profile: local && env::var("AWS_PROFILE").is_some(),
        }),
        entrypoint: &files.entrypoint,
        requirements: &files.requirements,
        // The toolkit writes its file to the current directory, and `clean` expects it next to the
        // manifest.
        directory: (place.current != here).then_some(here),
    };
    let (line, warnings) = configure::command(agent, &circumstances);
    let configure = json!({
        "environment": line.environment.iter().cloned().collect::<BTreeMap<_, _>>(),
        "arguments": line.arguments,
    });
    let document = document(
        work,
        json!({ "role": { "arn": arn }, "configure": configure }),
    );
    Handover {
        line,
        warnings,
        document,
    }
}

/// Prints lines on stdout, or one JSON document.
pub(crate) fn report(done: &[Handover], next: &str, output: options::Output, ui: &Ui) {
    for handover in done {
        for warning in &handover.warnings {
            ui.warning(warning);
        }
    }
    match output {
        options::Output::Json => {
            let agents: Vec<&Value> = done.iter().map(|handover| &handover.document).collect();
            ui.document(json!({ "agents": agents }));
        }
        options::Output::Text => {
            let shell = env::shell();
            if !done.is_empty() {
                let these = if done.len() == 1 {
                    "this command"
                } else {
                    "these commands, one for each agent"
                };
                ui.status("Next", next);
                ui.status(
                    "",
                    &format!("or, with the Python toolkit, run {these} and then `agentcore deploy`, prefixed the same way"),
                );
            }
            for handover in done {
                ui.result(&handover.line.quoted(shell));
            }
        }
    }
}

/// Returns the document of `--dry-run` and `--check`.
pub(crate) fn plan_document(work: &[HandoverWork<'_>]) -> Value {
    let agents: Vec<Value> = work
        .iter()
        .map(|work| document(work, json!({ "role": { "foreign": foreign(&work.role) } })))
        .collect();
    json!({ "dry_run": true, "agents": agents })
}

fn document(work: &HandoverWork<'_>, rest: Value) -> Value {
    let mut document = documents::placed(work.placed, rest);
    document["runtime"] = json!({ "name": work.placed.agent.runtime_name });
    document["files"] = work.files.document();
    document["changes"] = values(&work.changes()).into();
    document
}

/// Returns what others put on a role.
pub(crate) fn foreign(role: &RoleWork) -> Vec<&String> {
    role.foreign().iter().map(|found| &found.what).collect()
}
