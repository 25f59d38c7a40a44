//! `dev --debug`: tells an editor how to attach to the debugger that an agent waits for.

use std::path::Path;

use serde_json::json;

use crate::{config::Agent, error::Failure, ui::Ui};

/// The editors' default.
pub(crate) const PORT: u16 = 5678;

/// Refuses agents that debugpy cannot debug.
pub(crate) fn can_debug(agents: &[Agent]) -> Result<(), Failure> {
    if agents.len() > 1 {
        return Err(
            Failure::usage("`--debug` is for one agent, and the project has several")
                .help("choose one with `--agent NAME`"),
        );
    }
    match agents.iter().find(|agent| agent.rust().is_some()) {
        Some(agent) => Err(Failure::usage(format!(
            "`--debug` is for Python agents, and `{}` is written in Rust",
            agent.name
        ))
        .help(
            "run `cargo agentcore dev` without it, and attach a debugger to the agent's process",
        )),
        None => Ok(()),
    }
}

/// Prints the editor's configuration that makes breakpoints in the sources work. `code` is where
/// the agent runs.
pub(crate) fn introduce(agent: &Agent, port: u16, code: &Path, ui: &Ui) {
    ui.status(
        "Waiting",
        &format!(
            "for a debugger at 127.0.0.1:{port}; then agent `{}` starts",
            agent.name
        ),
    );
    let package = match agent.layout.import_name() {
        Some(name) => code.join(name.as_str()),
        None => code.to_owned(),
    };
    let source = agent.source_dir();
    let mut mappings = vec![json!({ "localRoot": source, "remoteRoot": package })];
    if let Some(deployment) = agent.deployment_dir() {
        mappings.push(json!({ "localRoot": deployment, "remoteRoot": code }));
    }
    let configuration = json!({
        "name": format!("Attach to {}", agent.name),
        "type": "debugpy",
        "request": "attach",
        "connect": { "host": "127.0.0.1", "port": port },
        "pathMappings": mappings,
    });
    ui.plain("             VS Code: add this to `configurations` in .vscode/launch.json");
    ui.plain(&format!("             {configuration}"));
    ui.plain(&format!(
        "             PyCharm: add the run configuration `Attach to DAP` with the remote address 127.0.0.1:{port}, the local path `{}` and the remote path `{}`",
        source.display(),
        package.display()
    ));
}
