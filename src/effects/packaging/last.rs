//! The archive that was built last, beside the files that are here now. Nothing is written, and nothing
//! is run.

use std::collections::BTreeSet;

use super::{
    Request,
    assembly::{self, Sources},
    beside, requirements, shipped,
};
use crate::{effects::programs::Checkout, error::Failure, package::archive::Archive};

/// What was built last, and what of its making has changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) archive: Archive,
    /// Paths in the deployment folder, or keys of the agent's table.
    pub(crate) changed: BTreeSet<String>,
}

/// `None` where nothing was built.
pub(crate) fn last(request: &Request) -> Result<Option<Last>, Failure> {
    let Some((archive, before)) = assembly::last(&request.output)? else {
        return Ok(None);
    };
    let file = request.deployment.join(&request.requirements);
    let wanted = requirements::observe(&file, &Checkout::around(&request.root))?;
    let mut own = shipped::observe(request)?;
    beside::add(request, &wanted.beside, &mut own)?;
    let Sources {
        files,
        requirements,
        bytecode,
    } = Sources::of(request, &wanted, &own)?;
    let mut changed: BTreeSet<String> = before
        .files
        .keys()
        .chain(files.keys())
        .filter(|path| before.files.get(*path) != files.get(*path))
        .cloned()
        .collect();
    if requirements != before.requirements {
        changed.insert(request.requirements.clone());
    }
    if bytecode != before.bytecode {
        changed.insert("bytecode".to_owned());
    }
    Ok(Some(Last { archive, changed }))
}
