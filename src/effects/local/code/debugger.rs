//! debugpy, in its own folder in the user's cache, so that agents cannot import it by accident.

use std::path::PathBuf;

use super::{dependencies::install_wheels, failed_to, in_cache, is_complete, python};
use crate::{
    effects::{files, programs::Programs},
    error::Failure,
};

pub(crate) const VERSION: &str = "1.8.22";

/// Returns the program to start an agent with. Installs it for the Python that agents with this
/// runtime use here.
pub(crate) fn ensure(runtime: &str, programs: &Programs) -> Result<PathBuf, Failure> {
    let python = python::find(runtime, programs)?;
    let about = format!("{VERSION}\n{} {}", python.minor, python.platform);
    let name = format!("debugpy-{VERSION}-{}", &files::hash(about.as_bytes())[..16]);
    let wanted = [format!("debugpy=={VERSION}")];
    let failed = |said: &str| {
        failed_to("install debugpy", said)
            .help("`--debug` needs uv or pip, and a package index that has debugpy")
    };
    let home = in_cache(&name, is_complete, |home| {
        match install_wheels(&wanted, home, &python, programs)? {
            Some(answer) if answer.succeeded => Ok(()),
            Some(answer) => Err(failed(&answer.said)),
            None => Err(failed("neither uv nor pip was found")),
        }
    })?;
    Ok(home.join("debugpy"))
}
