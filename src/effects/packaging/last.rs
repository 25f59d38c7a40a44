//! The archive that was built last, beside the files that are here now. Nothing is written, and nothing
//! is run.

use std::collections::BTreeSet;

use super::{
    Request,
    assembly::{self, Sources},
    beside, requirements,
};
use crate::{
    effects::{folder::Folder, programs::Checkout},
    error::Failure,
    package::archive::Archive,
};

/// What was built last, and what of its making has changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) archive: Archive,
    /// Paths in the archive, or keys of the agent's table.
    pub(crate) changed: BTreeSet<String>,
}

/// `None` where nothing was built in `output`: then nobody needs to know what is here.
pub(crate) fn last(
    output: &Folder,
    here: impl FnOnce() -> Result<Request, Failure>,
) -> Result<Option<Last>, Failure> {
    let Some((archive, before)) = assembly::last(output)? else {
        return Ok(None);
    };
    let mut request = here()?;
    let checkout = Checkout::around(&request.root);
    let wanted = requirements::observe(&request.requirements.file, &checkout)?;
    beside::add(&mut request, &wanted.beside)?;
    let Sources {
        files,
        requirements,
        bytecode,
    } = Sources::of(&request, &wanted);
    let mut changed: BTreeSet<String> = before
        .files
        .keys()
        .chain(files.keys())
        .filter(|path| before.files.get(*path) != files.get(*path))
        .cloned()
        .collect();
    if requirements != before.requirements {
        changed.insert(request.requirements.key.clone());
    }
    if bytecode != before.bytecode {
        changed.insert("bytecode".to_owned());
    }
    Ok(Some(Last { archive, changed }))
}
