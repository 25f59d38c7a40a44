//! Builds an image with a program on this machine. This runs commands of the checkout: those of its
//! Dockerfile.

use std::{path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use super::{interrupt, programs::Programs};
use crate::{
    error::Failure,
    package::image::builder::{Builder, Task},
};

/// Builds the image in `folder`, and writes the archive there. What the program prints to stdout is
/// given to `say`; it prints to stderr itself.
pub(crate) async fn build(
    builder: Builder,
    task: &Task<'_>,
    folder: &Path,
    programs: &Programs,
    say: impl Fn(&str),
) -> Result<(), Failure> {
    let name = builder.program();
    let Some(program) = programs.find(name) else {
        let missing = Failure::world(format!(
            "`{name}` is not installed, and `--builder {name}` needs it"
        ));
        let missing = match programs.passed_over(name) {
            Some(passed_over) => missing.note(format!(
                "`{}` is not used because it is in the checkout",
                passed_over.display()
            )),
            None => missing,
        };
        return Err(missing.help(format!(
            "install it ({}), or choose another builder with `--builder`",
            builder.installation()
        )));
    };
    if let Some((words, plugin, installation)) = builder.plugin() {
        let mut command = Command::from(programs.command(&program));
        let probe = command.args(words).output().await;
        if !probe.is_ok_and(|probe| probe.status.success()) {
            return Err(
                Failure::world(format!("`{name}` has no `{plugin}`, which builds images"))
                    .note(format!("`{name} {}` failed", words.join(" ")))
                    .help(format!(
                        "install it ({installation}), or choose another builder with `--builder`"
                    )),
            );
        }
    }
    for words in builder.runs(task) {
        let mut command = Command::from(programs.command(&program));
        command
            .args(&words)
            .current_dir(folder)
            .env("PWD", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let failed =
            |error: std::io::Error| Failure::world(format!("cannot run `{name}`: {error}"));
        let mut child = command.spawn().map_err(failed)?;
        if let Some(stdout) = child.stdout.take() {
            let mut lines = BufReader::new(stdout).split(b'\n');
            while let Some(line) = lines.next_segment().await.map_err(failed)? {
                say(String::from_utf8_lossy(&line).trim_end());
            }
        }
        let status = child.wait().await.map_err(failed)?;
        if !status.success() {
            interrupt::end_with_child(status);
            let action = words.first().map_or("", String::as_str);
            return Err(
                Failure::world(format!("`{name} {action}` failed ({status})"))
                    .note(format!("the messages of {name} are above")),
            );
        }
    }
    Ok(())
}
