//! The output of `prepare`: the next command, as text and as JSON.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{
    effects::{self, env},
    engine::role::RoleWork,
    error::{Failure, Message},
    names::EndpointUrl,
    options,
    plan::configure::{self, Circumstances, CommandLine, Endpoint},
    project::{copies::FileWork, sessions::Placed},
    resources::{change::values, role::RoleStep},
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

pub(crate) fn of(
    placed: &Placed<'_>,
    files: &FileWork,
    steps: &[RoleStep],
    arn: &str,
    place: &CommandPlace<'_>,
) -> Handover {
    let Placed { agent, session } = placed;
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
    let document = json!({
        "agent": agent.name,
        "runtime": { "name": agent.runtime_name },
        "stage": agent.stage,
        "account": session.account,
        "region": session.region,
        "role": { "arn": arn, "changes": values(steps) },
        "files": files.document(),
        "configure": {
            "environment": line.environment.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "arguments": line.arguments,
        },
    });
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
pub(crate) fn plan_document<'a>(
    work: impl Iterator<Item = (&'a Placed<'a>, &'a FileWork, &'a RoleWork)>,
) -> Value {
    let agents: Vec<Value> = work
        .map(|(placed, files, role)| {
            json!({
                "agent": placed.agent.name,
                "runtime": { "name": placed.agent.runtime_name },
                "stage": placed.agent.stage,
                "account": placed.session.account,
                "region": placed.session.region,
                "role": planned_role(role),
                "files": files.document(),
            })
        })
        .collect();
    json!({ "dry_run": true, "agents": agents })
}

/// Returns the changes to a role, and what on it is foreign.
pub(crate) fn planned_role(role: &RoleWork) -> Value {
    let foreign: Vec<&String> = role.foreign().iter().map(|found| &found.what).collect();
    json!({ "changes": values(role.steps()), "foreign": foreign })
}
