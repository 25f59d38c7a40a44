//! debugpy, in a folder of its own in the user's cache: no agent can import it.

use std::path::PathBuf;

use super::{COMPLETE, dependencies::install_wheels, failed_to, python};
use crate::{
    effects::{cache, files, programs::Programs},
    error::Failure,
};

pub(crate) const VERSION: &str = "1.8.22";

/// The program to start an agent with, for the Python that agents of this runtime get here.
pub(crate) fn ensure(runtime: &str, programs: &Programs) -> Result<PathBuf, Failure> {
    let python = python::find(runtime, programs)?;
    let about = format!("{VERSION}\n{} {}", python.minor, python.platform);
    let name = format!("debugpy-{VERSION}-{}", &files::hash(about.as_bytes())[..16]);
    let cache = cache::folder()?;
    let home = cache.path().join(&name);
    let program = home.join("debugpy");
    if files::exists(&home.join(COMPLETE)) {
        return Ok(program);
    }
    cache.create()?;
    let _lock = cache.lock(&format!("{name}.lock"), || {})?;
    if files::exists(&home.join(COMPLETE)) {
        return Ok(program);
    }
    files::remove_tree(&home)?;
    let wanted = [format!("debugpy=={VERSION}")];
    let failed = |said: &str| {
        failed_to("install debugpy", said)
            .help("`--debug` needs uv or pip, and a package index that has debugpy")
    };
    match install_wheels(&wanted, &home, &python, programs)? {
        Some(answer) if answer.succeeded => {}
        Some(answer) => {
            files::remove_tree(&home)?;
            return Err(failed(&answer.said));
        }
        None => return Err(failed("neither uv nor pip is there")),
    }
    cache.join(&name).write(COMPLETE, b"")?;
    Ok(program)
}
