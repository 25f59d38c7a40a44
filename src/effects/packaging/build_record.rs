//! The record of a build, which is saved next to the archive: what the archive was made from, to
//! find out whether a new one would be the same, and what is in it.
#![expect(
    clippy::disallowed_methods,
    reason = "the archive is moved to its place here"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::UNIX_EPOCH,
};

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    Built, Event, Origin, Request, Say,
    bytecode::Unread,
    dependencies::{Parts, Ready},
    hashing_writer::Extent,
    requirements::Wanted,
    resolution,
};
use crate::{
    config::Bytecode,
    effects::{
        files::{self, FileError, TEMPORARY},
        folder::Folder,
    },
    error::Failure,
    package::{
        archive::{Archive, Compiled, Dependencies},
        distributions::LeftOut,
        installer::minor_version,
        layer::{Layer, Weights},
        newest::Behind,
        sbom,
    },
    python::Reached,
    text::hex,
};

pub(super) const ARCHIVE: &str = "deployment.zip";
const RECORD: &str = "build.json";

/// What is saved next to an archive, to find out whether a new one would be the same.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BuildRecord {
    pub(super) fingerprint: String,
    pub(super) sources: Sources,
    /// The file's modification time in nanoseconds, which changes when it is rewritten.
    modified: u64,
    size: u64,
    id: String,
    rest_md5: [u8; 16],
    rest_sha256: String,
    head: u64,
    head_sha256: String,
    head_md5: [u8; 16],
    dependency_files: usize,
    own_files: usize,
    unzipped: u64,
    pub(super) compiled_by: Option<String>,
    /// A digest of its content that is the same on every machine.
    pub(super) source: String,
    pub(super) weights: Weights,
    /// The agent's own files that Python could not parse.
    pub(super) unread: Vec<Unread>,
    #[serde(default)]
    left_out: Vec<LeftOut>,
    /// Packages that are older than necessary.
    behind: Vec<Behind>,
    /// The version of the OpenTelemetry distribution, if it sends no traces.
    pub(super) no_traces: Option<String>,
    pub(super) reached: Reached,
}

/// The inputs from the project itself, to find out whether they changed since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sources {
    /// The hash and the mode of each file, by its path in the archive.
    pub(super) files: BTreeMap<String, String>,
    /// A hash of the requirements.
    pub(super) requirements: String,
    /// True if compiled files are added when possible.
    pub(super) bytecode: bool,
    /// The names of the excluded distributions.
    #[serde(default)]
    pub(super) excluded: BTreeSet<String>,
}

impl Sources {
    pub(super) fn of(request: &Request, wanted: &Wanted) -> Self {
        let files = request.own.files.iter().map(|(path, origin)| {
            let mode = if origin.executable { "755" } else { "644" };
            (path.clone(), format!("{} {mode}", origin.hash))
        });
        Self {
            files: files.collect(),
            requirements: wanted.digest.clone(),
            bytecode: request.bytecode == Bytecode::Auto,
            excluded: request
                .exclude_packages
                .iter()
                .map(|package| package.name.clone())
                .collect(),
        }
    }
}

/// Returns true for the name of a file that a build creates in its folder.
pub(crate) fn is_built(name: &str) -> bool {
    [ARCHIVE, RECORD, sbom::FILE].contains(&name) || name.starts_with(TEMPORARY)
}

/// Returns the last archive and its inputs.
pub(super) fn last(output: &Folder) -> Result<Option<(Archive, Sources)>, Failure> {
    let path = output.path();
    Ok(read(output)?.map(|last| (last.built(&path).archive, last.sources)))
}

pub(super) fn read(output: &Folder) -> Result<Option<BuildRecord>, Failure> {
    let text = output.read_text(RECORD)?;
    // A file from another version counts as missing.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

impl BuildRecord {
    /// Returns names and hashes of a finished archive.
    pub(super) fn of(
        rest: &Extent,
        ready: Option<&Ready>,
        own_files: usize,
        weights: Weights,
    ) -> Self {
        let (head, head_sha256, head_md5) = match ready {
            Some(Ready { layer, .. }) => (layer.head, layer.sha256.clone(), layer.md5),
            None => (0, hex(&Sha256::digest([])), Md5::digest([]).into()),
        };
        let id = Sha256::digest(format!("{head_sha256} {head} {}", rest.sha256));
        Self {
            fingerprint: String::new(),
            sources: Sources::default(),
            modified: 0,
            size: rest.length,
            id: hex(&id),
            rest_md5: rest.md5,
            rest_sha256: rest.sha256.clone(),
            head,
            head_sha256,
            head_md5,
            dependency_files: ready.map_or(0, |ready| ready.layer.files),
            own_files,
            unzipped: weights.values().map(|weight| weight.unzipped).sum(),
            compiled_by: None,
            source: String::new(),
            weights,
            unread: Vec::new(),
            left_out: ready.map_or_else(Vec::new, |ready| ready.layer.left_out.clone()),
            behind: ready.map_or_else(Vec::new, |ready| ready.layer.behind.clone()),
            no_traces: None,
            reached: Reached::default(),
        }
    }

    /// Returns true if the archive is unchanged.
    pub(super) fn is_whole(&self, output: &Path) -> Result<bool, Failure> {
        let archive = output.join(ARCHIVE);
        Ok(modified(&archive) == Some((self.size, self.modified))
            && files::hash_part(&archive, 0, self.head)? == self.head_sha256
            && files::hash_part(&archive, self.head, self.size)? == self.rest_sha256)
    }

    /// Returns true if the archive is unchanged and starts with this layer.
    pub(super) fn begins_with(&self, layer: &Layer, output: &Path) -> bool {
        let archive = output.join(ARCHIVE);
        (self.head, &self.head_sha256) == (layer.head, &layer.sha256)
            && modified(&archive) == Some((self.size, self.modified))
            && files::hash_part(&archive, 0, self.head).is_ok_and(|found| found == self.head_sha256)
    }

    /// Warns about packages that are older than necessary.
    pub(super) fn tell_age(&self, request: &Request, parts: &Parts<'_>, say: Say<'_>) {
        let python = minor_version(request.runtime);
        if let Some(warning) = resolution::warning(&self.behind, python) {
            say(Event::Warning(warning));
        }
        if let Some(version) = &self.no_traces {
            let inputs = &parts.wanted.inputs;
            let warning = resolution::no_traces(version, inputs, &request.requirements.key);
            say(Event::Warning(warning));
        }
    }

    pub(super) fn built(&self, output: &Path) -> Built {
        Built {
            archive: Archive {
                path: output.join(ARCHIVE),
                size: self.size,
                id: self.id.clone(),
                source: self.source.clone(),
                bytecode: match (&self.compiled_by, self.sources.bytecode) {
                    (Some(_), _) => Compiled::Yes,
                    (None, true) => Compiled::NoInterpreter,
                    (None, false) => Compiled::Unwanted,
                },
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
            left_out: self.left_out.clone(),
        }
    }
}

/// Moves the archive first: without the saved description, it is only rebuilt.
pub(super) fn finish(
    temporary: &Path,
    output: &Folder,
    record: &mut BuildRecord,
) -> Result<(), Failure> {
    let place = output.path().join(ARCHIVE);
    files::close_to_others(temporary)?;
    fs::rename(temporary, &place).map_err(|error| FileError::new("write", &place, error))?;
    record.modified = modified(&place).map_or(0, |(_, modified)| modified);
    let text = serde_json::to_string(record).expect("it is plain data");
    Ok(output.write(RECORD, text.as_bytes())?)
}

/// Returns a digest of the archive's content that does not depend on the machine.
pub(super) fn source(sources: &Sources, ready: Option<&Ready>) -> String {
    let mut text = String::new();
    for (path, content) in &sources.files {
        text.extend([content, " ", path, "\n"]);
    }
    text.push_str(ready.map_or("", |ready| &ready.layer.source));
    files::hash(text.as_bytes())
}

fn modified(path: &Path) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok()?;
    let since = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((found.len(), u64::try_from(since.as_nanos()).ok()?))
}
