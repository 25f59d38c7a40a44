//! The layers of a Python agent's image as an archive, which is how Python agents run on this
//! machine.
#![expect(clippy::disallowed_methods, reason = "layers are unpacked here")]

use std::{
    fs::File,
    io::{self, BufWriter, Read as _, Write as _},
    path::Path,
};

use flate2::read::GzDecoder;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{Code, prepare};
use crate::{
    effects::{files, files::FileError, programs::Programs},
    error::Failure,
    package::image::{python::ROOT, stored::Settings},
};

/// Prepares the code of an image that has the version of Python in its settings. `home` is a folder
/// for this version.
pub(crate) fn prepare_image(
    layers: &[Vec<u8>],
    settings: &Settings,
    home: &Path,
    python: &str,
    programs: &Programs,
) -> Result<Code, Failure> {
    let archive = home.with_extension("zip");
    let prepared = write(layers, &archive)
        .map_err(|error| FileError::new("write", &archive, error).into())
        .and_then(|()| prepare(&archive, home, python, programs));
    // The next version overwrites it.
    let _ = files::remove_file(&archive);
    Ok(Code {
        script: settings.command.last().cloned(),
        ..prepared?
    })
}

fn write(layers: &[Vec<u8>], to: &Path) -> io::Result<()> {
    let mut zip = ZipWriter::new(BufWriter::new(File::create(to)?));
    let root = format!("{}/", ROOT.trim_start_matches('/'));
    let mut content = Vec::new();
    for layer in layers {
        let mut archive = tar::Archive::new(GzDecoder::new(&layer[..]));
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            let Some(path) = path.strip_prefix(&root) else {
                continue;
            };
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Stored)
                .unix_permissions(entry.header().mode()?);
            content.clear();
            entry.read_to_end(&mut content)?;
            zip.start_file(path, options)?;
            zip.write_all(&content)?;
        }
    }
    zip.finish()?.flush()
}
