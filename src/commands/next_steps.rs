//! The commands that follow `new` and `init`.

use std::path::Path;

use crate::{effects::env, ui::Ui};

/// Returns a shell command that runs in the project.
pub(super) fn in_project(path: &Path, command: &str, remark: &str) -> String {
    let shell = env::shell();
    let command = shell.remarked(command, remark);
    match &*path.to_string_lossy() {
        "" | "." => command,
        path => shell.in_directory(path, &command),
    }
}

/// Prints the next steps for a project in `path` as shell commands, after `first`.
pub(super) fn next(first: Option<String>, path: &Path, ui: &Ui) {
    let deploy = [
        in_project(path, "cargo agentcore deploy --local", "no AWS account"),
        in_project(path, "cargo agentcore deploy        ", "on AWS"),
    ];
    let mut verb = "Next";
    for line in first.into_iter().chain(deploy) {
        ui.status(verb, &line);
        verb = "";
    }
}
