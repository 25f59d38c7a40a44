//! Shows long texts in a pager on a terminal.

use std::{io::Write as _, process::Stdio};

use super::{
    env,
    programs::{Checkout, Programs},
};

/// Shows the text in `PAGER` or less, and waits for its end. Returns `false` if there is no pager
/// or it cannot be started.
pub(crate) fn show(text: &str) -> bool {
    let chosen = env::var("PAGER").unwrap_or_else(|| "less".to_owned());
    let Some((name, options)) = shlex::split(&chosen)
        .as_deref()
        .and_then(<[String]>::split_first)
        .map(|(name, options)| (name.clone(), options.to_vec()))
    else {
        return false;
    };
    // A checkout must not supply the pager.
    let here = env::current_dir().unwrap_or_default();
    let programs = Programs::outside(Checkout::around(&here));
    let program = match std::path::Path::new(&name) {
        path if path.is_absolute() && programs.may_run(path) => Some(path.to_owned()),
        _ => programs.find(&name),
    };
    let Some(program) = program.filter(|_| name != "cat") else {
        return false;
    };
    let mut command = programs.command(program);
    command.args(options).stdin(Stdio::piped());
    if env::var("LESS").is_none() {
        // Exit if the text fits on the screen, show styles, and keep the text on exit.
        command.env("LESS", "FRX");
    }
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    if let Some(mut stdin) = child.stdin.take() {
        // The user may close the pager early.
        let _ = stdin.write_all(text.as_bytes());
    }
    child.wait().is_ok()
}
