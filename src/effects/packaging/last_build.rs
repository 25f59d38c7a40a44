//! Compares the last archive with the current files. Writes nothing, and runs nothing.

use std::collections::BTreeSet;

use super::{
    Request,
    build_record::{self, Sources},
    local_projects, requirements,
};
use crate::{
    effects::{folder::Folder, programs::Checkout},
    error::Failure,
    package::archive::Archive,
};

/// The last archive, and which inputs have changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) archive: Archive,
    /// Paths in the archive, or keys of the agent's table.
    pub(crate) changed: BTreeSet<String>,
}

/// Returns the last archive, without comparing anything.
pub(crate) fn last_archive(output: &Folder) -> Result<Option<Archive>, Failure> {
    Ok(build_record::last(output)?.map(|(archive, _)| archive))
}

/// Returns `None` if nothing was built in `output`; `here` is not called then.
pub(crate) fn last(
    output: &Folder,
    here: impl FnOnce() -> Result<Request, Failure>,
) -> Result<Option<Last>, Failure> {
    let Some((archive, before)) = build_record::last(output)? else {
        return Ok(None);
    };
    let mut request = here()?;
    let checkout = Checkout::around(&request.root);
    let wanted = requirements::observe(&request.requirements.file, &checkout)?;
    local_projects::add(&mut request, &wanted.beside)?;
    let Sources {
        files,
        requirements,
        bytecode,
        excluded,
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
    if excluded != before.excluded {
        changed.insert("exclude-packages".to_owned());
    }
    Ok(Some(Last { archive, changed }))
}
