//! The archive of a context that CodeBuild unpacks: a zip file, as it demands, with the context in a
//! tar file, which keeps links and rights.

use std::{
    fs::File,
    io::{self, Write},
};

use tar::{Builder, EntryType, Header};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{CONTEXT, Context, DOCKERFILE};
use crate::{
    effects::{files::FileError, folder::Folder},
    package::{
        build_context::{Entry, Kind},
        build_script::{SCRIPT, SOURCES},
    },
};

/// The time of all files, 1980-01-01: what zip files can express.
const TIME: u64 = 315_532_800;

/// Writes the archive of the context, the Dockerfile and the script that builds them. Equal content
/// gives equal bytes. Returns the size.
pub(crate) fn archive(
    context: &Context,
    script: &str,
    folder: &Folder,
    name: &str,
) -> Result<u64, FileError> {
    let path = folder.path().join(name);
    let failed = |error| FileError::new("write", &path, error);
    let mut zip = ZipWriter::new(folder.empty_file(name)?);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .unix_permissions(0o644)
        .large_file(true);
    let wrong = |error: zip::result::ZipError| failed(io::Error::other(error));
    zip.start_file(SCRIPT, options).map_err(wrong)?;
    zip.write_all(script.as_bytes()).map_err(failed)?;
    zip.start_file(SOURCES, options).map_err(wrong)?;
    let mut tar = Builder::new(&mut zip);
    sources(context, &mut tar).map_err(failed)?;
    tar.finish().map_err(failed)?;
    drop(tar);
    let file = zip.finish().map_err(wrong)?;
    Ok(file.metadata().map_err(failed)?.len())
}

fn sources(context: &Context, tar: &mut Builder<impl Write>) -> io::Result<()> {
    let mut header = plain(EntryType::Regular, 0o644);
    header.set_size(context.dockerfile.len() as u64);
    tar.append_data(&mut header, DOCKERFILE, &context.dockerfile[..])?;
    let mut header = plain(EntryType::Directory, 0o755);
    tar.append_data(&mut header, format!("{CONTEXT}/"), io::empty())?;
    for Entry { path, kind } in &context.entries {
        let place = format!("{CONTEXT}/{path}");
        match kind {
            Kind::Folder => {
                let mut header = plain(EntryType::Directory, 0o755);
                tar.append_data(&mut header, format!("{place}/"), io::empty())?;
            }
            Kind::Link(text) => {
                let mut header = plain(EntryType::Symlink, 0o777);
                tar.append_link(&mut header, place, text)?;
            }
            Kind::File { is_program, .. } => {
                let file = File::open(context.root.join(path))?;
                let mut header = plain(EntryType::Regular, if *is_program { 0o755 } else { 0o644 });
                header.set_size(file.metadata()?.len());
                tar.append_data(&mut header, place, file)?;
            }
        }
    }
    Ok(())
}

fn plain(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(TIME);
    header.set_size(0);
    header
}
