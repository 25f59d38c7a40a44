//! The archive itself: the cached dependencies' bytes as they are, the agent's own files behind them,
//! one directory of both.
#![expect(clippy::disallowed_methods, reason = "the archive is written here")]

use std::{
    fs::{self, File},
    path::Path,
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zip::{ZipWriter, result::ZipError};

use super::{
    Built, Event, Origin, Request, Reuse, Say,
    bytecode::{Python, Unread},
    dependencies::{self, Key, Ready, archive_of, has_extension, hash_range, hexadecimal},
    findings,
    requirements::Wanted,
    shipped::Shipped,
    writer::{self, Input, Written, zip_error},
};
use crate::{
    config::Runtime,
    effects::files::{self, FileError, TEMPORARY},
    error::{Exit, Failure, Message},
    package::{
        archive::{Archive, Dependencies},
        layer::{self, Entry, Weights, replaced_by},
        limits,
    },
};

const ARCHIVE: &str = "deployment.zip";
const REMEMBERED: &str = "build.json";

/// What an archive is made of.
pub(super) struct Parts<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) key: &'a Key,
    pub(super) own: &'a Shipped,
    pub(super) python: Option<&'a Python>,
}

/// What is remembered of an archive beside it: enough to know that a new one would be the same.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    fingerprint: String,
    /// Of the file, in nanoseconds: whoever writes it anew changes this.
    modified: u64,
    size: u64,
    id: String,
    rest_md5: [u8; 16],
    head: u64,
    head_sha256: String,
    head_md5: [u8; 16],
    dependency_files: usize,
    own_files: usize,
    unzipped: u64,
    compiled_by: Option<String>,
    weights: Weights,
    /// Own files that the Python did not understand.
    unread: Vec<Unread>,
}

pub(super) fn assemble(
    request: &Request,
    parts: &Parts<'_>,
    say: Say<'_>,
) -> Result<Built, Failure> {
    files::create_dir_all(&request.output)?;
    let before = remembered(&request.output)?;
    let fingerprint = fingerprint(request, parts)?;
    if request.reuse == Reuse::Cache
        && parts.own.problems.is_empty()
        && let Some(before) = &before
        && before.fingerprint == fingerprint
        && modified(&request.output.join(ARCHIVE)) == Some((before.size, before.modified))
    {
        before.tell_findings(request, say)?;
        return Ok(before.built(&request.output));
    }
    let ready = dependencies::ensure(request, parts.wanted, parts.key, parts.python, say);
    let mut problems = parts.own.problems.clone();
    let ready = match ready {
        Ok(ready) => ready,
        // What is wrong with the agent's own files is told with it.
        Err(mut failure) => {
            failure.messages.extend(problems);
            return Err(failure);
        }
    };
    let work = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempdir_in(&request.output)
        .map_err(|error| FileError::new("write in", &request.output, error))?;
    let (own, unread) = own_files(request, parts, work.path(), &mut problems)?;
    let temporary = work.path().join(ARCHIVE);
    let written = write(&temporary, ready.as_ref(), &own, request.runtime)?;
    problems.extend(written.problems);
    let mut weights = ready
        .as_ref()
        .map(|ready| ready.layer.weights.clone())
        .unwrap_or_default();
    merge(&mut weights, &written.entries);
    let size = size_of(&temporary)?;
    problems.extend(limits::exceeded(
        size,
        &weights,
        before.as_ref().map(|before| &before.weights),
        parts.python.is_some(),
    ));
    if !problems.is_empty() {
        return Err(Failure {
            exit: Exit::World,
            messages: problems,
        });
    }
    let mut remembered = describe(
        &temporary,
        (
            fingerprint,
            parts.python.map(|python| python.version.clone()),
        ),
        ready.as_ref(),
        parts.own.files.len(),
        weights,
    )?;
    remembered.unread = unread;
    remembered.tell_findings(request, say)?;
    finish(&temporary, &request.output, &mut remembered)?;
    let mut built = remembered.built(&request.output);
    built.dependencies = match &ready {
        None => Origin::None,
        Some(ready) if ready.cached => Origin::Cache,
        Some(_) => Origin::Installed,
    };
    Ok(built)
}

/// Another fingerprint, another archive.
fn fingerprint(request: &Request, parts: &Parts<'_>) -> Result<String, Failure> {
    let mut text = format!("layout {}\n{}\n", layer::LAYOUT, parts.key.text);
    if let Some(python) = parts.python {
        text.extend([&python.version, " ", &python.magic, "\n"]);
    }
    for file in &parts.own.files {
        let (hash, _) = hash_range(&file.from, 0, file.size, Sha256::new())?;
        let mode = if file.executable { "755" } else { "644" };
        text.extend([&hash, " ", mode, " ", &file.path, "\n"]);
    }
    text.extend([request.runtime.as_str(), " ", &request.entrypoint]);
    Ok(files::hash(text.as_bytes()))
}

/// The agent's files with what is compiled from them, and what of them could not be. The user's folder
/// stays as it is: the compiler works on a copy.
fn own_files(
    request: &Request,
    parts: &Parts<'_>,
    work: &Path,
    problems: &mut Vec<Message>,
) -> Result<(Vec<Input>, Vec<Unread>), Failure> {
    let mut own = parts.own.files.clone();
    let Some(python) = parts.python else {
        return Ok((own, Vec::new()));
    };
    let root = fs::canonicalize(work)
        .map_err(|error| FileError::new("read", work, error))?
        .join("own");
    let mut sources = Vec::new();
    for file in own.iter().filter(|file| has_extension(&file.path, "py")) {
        let copy = root.join(&file.path);
        files::create_dir_all(copy.parent().unwrap_or(&root))?;
        fs::copy(&file.from, &copy).map_err(|error| FileError::new("copy", &file.from, error))?;
        sources.push(file.path.clone());
    }
    let (entry, unread): (Vec<_>, Vec<_>) = python
        .compile(&root, &sources, work)?
        .into_iter()
        .partition(|unread| unread.path == request.entrypoint);
    for unread in &entry {
        problems.push(findings::unreadable_entry(request, unread)?);
    }
    for source in &sources {
        let compiled = &replaced_by(source, request.runtime)[1];
        let from = root.join(compiled);
        if let Ok(found) = fs::metadata(&from) {
            own.push(Input {
                path: compiled.clone(),
                from,
                size: found.len(),
                executable: false,
                instead: None,
            });
        }
    }
    own.sort();
    Ok((own, unread))
}

/// Writes the archive; its beginning is the cached layer's, byte for byte.
fn write(
    path: &Path,
    ready: Option<&Ready>,
    own: &[Input],
    runtime: Runtime,
) -> Result<Written, Failure> {
    let failed = |error| FileError::new("write", path, error);
    let zip_failed = |error| zip_error("write", path, error);
    let Some(ready) = ready else {
        let mut zip = ZipWriter::new(File::create(path).map_err(failed)?);
        let written = writer::append(&mut zip, path, own)?;
        zip.finish().map_err(zip_failed)?;
        return Ok(written);
    };
    // The file system copies without reading where it can.
    fs::copy(archive_of(ready), path).map_err(failed)?;
    let file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(failed)?;
    let mut zip = ZipWriter::new_append(file).map_err(zip_failed)?;
    for name in own.iter().flat_map(|file| replaced_by(&file.path, runtime)) {
        match zip.hide_file(&name) {
            Ok(()) | Err(ZipError::FileNotFound) => {}
            Err(error) => return Err(zip_failed(error)),
        }
    }
    let written = writer::append(&mut zip, path, own)?;
    zip.finish().map_err(zip_failed)?;
    Ok(written)
}

fn merge(weights: &mut Weights, own: &[Entry]) {
    for (name, weight) in layer::weigh(own) {
        let sum = weights.entry(name).or_default();
        sum.zipped += weight.zipped;
        sum.unzipped += weight.unzipped;
    }
}

/// Names and hashes of a finished archive. Of the dependencies only their known hash is taken.
fn describe(
    path: &Path,
    (fingerprint, compiled_by): (String, Option<String>),
    ready: Option<&Ready>,
    own_files: usize,
    weights: Weights,
) -> Result<Remembered, Failure> {
    let size = size_of(path)?;
    let (head, head_sha256, head_md5) = match ready {
        Some(ready) => (
            ready.layer.head,
            ready.layer.sha256.clone(),
            ready.layer.md5,
        ),
        None => {
            let (sha256, md5) = hash_range(path, 0, 0, Sha256::new())?;
            (0, sha256, md5)
        }
    };
    let (rest_sha256, rest_md5) = hash_range(path, head, size, Sha256::new())?;
    let id = Sha256::digest(format!("{head_sha256} {head} {rest_sha256}"));
    Ok(Remembered {
        fingerprint,
        modified: 0,
        size,
        id: hexadecimal(&id),
        rest_md5,
        head,
        head_sha256,
        head_md5,
        dependency_files: ready.map_or(0, |ready| ready.layer.files),
        own_files,
        unzipped: weights.values().map(|weight| weight.unzipped).sum(),
        compiled_by,
        weights,
        unread: Vec::new(),
    })
}

/// The archive first: without what is remembered of it, it is merely built again.
fn finish(temporary: &Path, output: &Path, remembered: &mut Remembered) -> Result<(), Failure> {
    let place = output.join(ARCHIVE);
    fs::rename(temporary, &place).map_err(|error| FileError::new("write", &place, error))?;
    remembered.modified = modified(&place).map_or(0, |(_, modified)| modified);
    let text = serde_json::to_string(remembered).expect("it is plain data");
    files::write_atomic(&output.join(REMEMBERED), output, text.as_bytes(), false)?;
    Ok(())
}

fn remembered(output: &Path) -> Result<Option<Remembered>, Failure> {
    let text = files::read_text(&output.join(REMEMBERED))?;
    // Another version's file is as good as none.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn size_of(path: &Path) -> Result<u64, FileError> {
    Ok(fs::metadata(path)
        .map_err(|error| FileError::new("read", path, error))?
        .len())
}

fn modified(path: &Path) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok()?;
    let since = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((found.len(), u64::try_from(since.as_nanos()).ok()?))
}

impl Remembered {
    fn tell_findings(&self, request: &Request, say: Say<'_>) -> Result<(), Failure> {
        let root = self.weights.keys().map(String::as_str);
        for warning in findings::warnings(request, &self.unread, root)? {
            say(Event::Warning(warning));
        }
        Ok(())
    }

    fn built(&self, output: &Path) -> Built {
        Built {
            archive: Archive {
                path: output.join(ARCHIVE),
                size: self.size,
                id: self.id.clone(),
                dependencies: Dependencies {
                    size: self.head,
                    sha256: self.head_sha256.clone(),
                    md5: self.head_md5,
                },
                rest_md5: self.rest_md5,
            },
            dependencies: Origin::Archive,
            dependency_files: self.dependency_files,
            own_files: self.own_files,
            unzipped: self.unzipped,
            compiled_by: self.compiled_by.clone(),
        }
    }
}

/// What an archive holds, in its own order.
pub(crate) fn entries(archive: &Path) -> Result<Vec<Entry>, Failure> {
    writer::list(archive)
}
