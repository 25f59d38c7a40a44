//! `--env`: variables for one deploy.

use crate::{
    config::variable::{ROLE_INSTEAD, SECRET_INSTEAD, replaces_role, secret_in},
    effects::env,
    error::{Failure, Message},
    ui::Ui,
};

/// Parses `--env`. No message contains a value.
pub(super) fn variables(given: &[String]) -> Result<Vec<(String, String)>, Failure> {
    given.iter().map(|text| variable(text)).collect()
}

fn variable(text: &str) -> Result<(String, String), Failure> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    if name.is_empty() {
        return Err(Failure::usage("`--env` needs the name of a variable")
            .help("write `--env NAME=VALUE`, or `--env NAME` for the value in the environment"));
    }
    if replaces_role(name) {
        return Err(Failure::usage(format!(
            "`--env {name}` would replace the credentials of the agent's role"
        ))
        .help(ROLE_INSTEAD));
    }
    let value = match value {
        Some(value) => value,
        None => env::text(name)?,
    };
    Ok((name.to_owned(), value))
}

/// A value on the command line is visible in the process list.
pub(super) fn warn_of_secrets(given: &[String], ui: &Ui) {
    for (name, value) in given.iter().filter_map(|text| text.split_once('=')) {
        if let Some(secret) = secret_in(name, value) {
            ui.warning(
                &Message::new(format!("the value of `--env {name}` looks like {secret}"))
                    .note("others on this machine can see it in the list of processes, and anyone who can read the runtime can read it there")
                    .help(format!("set `{name}` in the environment and pass `--env {name}`"))
                    .help(SECRET_INSTEAD),
            );
        }
    }
}
