//! Writes the archive of an agent that is one program.

use std::path::PathBuf;

use super::{
    Built, Origin, assembly,
    build_record::{self, ARCHIVE, BuildRecord, Sources},
    writer::Input,
};
use crate::{
    effects::{
        files::{self, FileError, TEMPORARY},
        folder::Folder,
        staging::private,
    },
    error::{Exit, Failure},
    package::{
        layer::{self, Weights},
        limits,
        program::ProgramFile,
    },
};

/// Writes the archive into the folder `output`, and describes it there. The same files make the same
/// bytes.
pub(crate) fn write(output: &Folder, content: Vec<ProgramFile>) -> Result<Built, Failure> {
    let place = output.ready()?;
    assembly::sweep(output)?;
    let work = private(tempfile::Builder::new().prefix(TEMPORARY))
        .tempdir_in(&place)
        .map_err(|error| FileError::new("write in", &place, error))?;
    let mut sources = Sources::default();
    let mut inputs = Vec::new();
    for ProgramFile { path, content } in content {
        sources.files.insert(path.clone(), files::hash(&content));
        inputs.push(Input {
            from: PathBuf::from(&path),
            size: content.len() as u64,
            instead: Some(content),
            path,
        });
    }
    let temporary = work.path().join(ARCHIVE);
    let composed = assembly::write(&temporary, None, &inputs)?;
    let weights: Weights = layer::weigh(&composed.written.entries);
    let exceeded = limits::exceeded_by_program(composed.rest.length, &weights);
    if !exceeded.is_empty() {
        return Err(Failure {
            exit: Exit::Config,
            messages: exceeded,
        });
    }
    let mut record = BuildRecord::of(&composed.rest, None, inputs.len(), weights);
    record.source = build_record::source(&sources, None);
    record.sources = sources;
    build_record::finish(&temporary, output, &mut record)?;
    let mut built = record.built(&place);
    built.dependencies = Origin::None;
    Ok(built)
}
