//! Assembles the archive: the cached dependencies' bytes, the agent's own files, and a directory of
//! both.
#![expect(clippy::disallowed_methods, reason = "the archive is written here")]

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::Path,
    time::UNIX_EPOCH,
};

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zip::ZipWriter;

use super::{
    Built, Event, Origin, Request, Reuse, Say, Search, Shape,
    bytecode::{Python, Unread},
    dependencies::{self, Key, Ready, has_extension, misfits, sha256_of},
    findings::{self, Judge},
    hashing_writer::{Extent, Sink},
    layer_copy::{self, Base, Taken},
    requirements::Wanted,
    resolution,
    writer::{self, Input, Whose, Written, zip_error},
};
use crate::{
    config::Bytecode,
    effects::{
        files::{self, FileError, TEMPORARY},
        folder::Folder,
        path::real_path,
        staging::private,
    },
    error::{Exit, Failure, Message},
    package::{
        archive::{Archive, Compiled, Dependencies},
        distributions::LeftOut,
        installer::minor_version,
        layer::{self, Entry, Layer, Weights, compiled_of},
        limits,
        newest::Behind,
        sbom, tracing,
    },
    python::Reached,
    text::hex,
};

pub(super) const ARCHIVE: &str = "deployment.zip";
const REMEMBERED: &str = "build.json";

/// The inputs of an archive.
pub(super) struct Parts<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) key: &'a Key,
    pub(super) python: Option<&'a Python>,
    pub(super) search: &'a Search,
}

/// What is saved next to an archive, to find out whether a new one would be the same.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Remembered {
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
    compiled_by: Option<String>,
    /// A digest of its content that is the same on every machine.
    pub(super) source: String,
    weights: Weights,
    /// The agent's own files that Python could not parse.
    unread: Vec<Unread>,
    #[serde(default)]
    left_out: Vec<LeftOut>,
    /// Packages that are older than necessary.
    behind: Vec<Behind>,
    /// The version of the OpenTelemetry distribution, if it sends no traces.
    no_traces: Option<String>,
    reached: Reached,
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

pub(super) fn assemble(
    request: &Request,
    parts: &Parts<'_>,
    say: Say<'_>,
) -> Result<Built, Failure> {
    let output = request.output.ready()?;
    let before = remembered(&request.output)?;
    let sources = Sources::of(request, parts.wanted);
    let problems = own_problems(request);
    let fingerprint = fingerprint(request, parts, &sources);
    if request.reuse == Reuse::Cache
        && problems.is_empty()
        && let Some(before) = &before
        && before.fingerprint == fingerprint
        && before.is_whole(&output)?
    {
        before.tell_age(request, parts, say);
        let wrong = judged(request, parts, &before.unread, &before.reached, say)?;
        if !wrong.is_empty() {
            return Err(Failure {
                exit: Exit::Config,
                messages: wrong,
            });
        }
        return Ok(before.built(&output));
    }
    let before = before.filter(|_| request.reuse == Reuse::Cache);
    let goes_on = Cell::new(false);
    let begins = |layer: &Layer| {
        let before = before.as_ref();
        goes_on.set(before.is_some_and(|before| before.begins_with(layer, &output)));
        goes_on.get()
    };
    let ready = dependencies::ensure(request, parts, begins, say);
    let ready = ready.map_err(|mut failure| {
        // Also report problems of the agent's own files.
        failure.messages.extend(problems.clone());
        failure
    })?;
    sweep(&request.output)?;
    let work = private(tempfile::Builder::new().prefix(TEMPORARY))
        .tempdir_in(&output)
        .map_err(|error| FileError::new("write in", &output, error))?;
    let (mut remembered, taken) = compose(
        request,
        parts,
        ready.as_ref(),
        (before.as_ref(), goes_on.get()),
        problems,
        work.path(),
        say,
    )?;
    unchanged_meanwhile(request)?;
    remembered.fingerprint = fingerprint;
    remembered.source = source(&sources, ready.as_ref());
    remembered.sources = sources;
    remembered.tell_age(request, parts, say);
    finish(&work.path().join(ARCHIVE), &request.output, &mut remembered)?;
    if let Some(taken) = taken {
        taken.replace();
    }
    let mut built = remembered.built(&output);
    built.dependencies = match &ready {
        None => Origin::None,
        Some(ready) if ready.cached => Origin::Cache,
        Some(_) => Origin::Installed,
    };
    Ok(built)
}

/// Returns why no archive can be made from the agent's own files, whatever the dependencies are.
fn own_problems(request: &Request) -> Vec<Message> {
    let mut problems = request.problems.clone();
    if let Some(entry) = request.own.files.get(&request.entrypoint) {
        problems.extend(findings::idle_entry(request, &entry.from));
    }
    problems
}

/// Fails if a file changed after it was hashed, because the archive must contain exactly the hashed
/// files.
fn unchanged_meanwhile(request: &Request) -> Result<(), Failure> {
    let mut origins = request.own.files.values();
    match origins.find(|origin| files::modified(&origin.from) != origin.modified) {
        None => Ok(()),
        Some(origin) => Err(Failure::world(format!(
            "`{}` changed while it was packaged",
            origin.from.display()
        ))
        .help("run this again")),
    }
}

/// Writes the new archive in `work` and checks it against the service's limits.
fn compose(
    request: &Request,
    parts: &Parts<'_>,
    ready: Option<&Ready>,
    (before, goes_on): (Option<&Remembered>, bool),
    mut problems: Vec<Message>,
    work: &Path,
    say: Say<'_>,
) -> Result<(Remembered, Option<Taken>), Failure> {
    let (own, unread) = own_files(request, parts, work)?;
    let temporary = work.join(ARCHIVE);
    let brought = match ready {
        Some(ready) => writer::list(&ready.held.archive())?,
        None => Vec::new(),
    };
    let paths: Vec<&str> = brought.iter().map(|entry| entry.path.as_str()).collect();
    if let Some(ready) = ready {
        problems.extend(findings::shadowing(
            &ready.layer.modules,
            &parts.wanted.inputs,
        ));
        let collisions = findings::collisions(&own, &paths, &ready.layer.modules);
        if !collisions.is_empty() {
            // An archive cannot contain a path twice.
            problems.extend(collisions);
            return Err(misfits(problems));
        }
    }
    let last = goes_on.then(|| request.output.path().join(ARCHIVE));
    let Composed {
        written,
        rest,
        taken,
    } = write(
        &temporary,
        ready.map(|ready| (ready, last.as_deref())),
        &own,
    )?;
    problems.extend(written.problems);
    let mut weights = ready
        .map(|ready| ready.layer.weights.clone())
        .unwrap_or_default();
    merge(&mut weights, &written.entries);
    if request.shape == Shape::Archive {
        problems.extend(limits::exceeded(
            rest.length,
            &weights,
            before.map(|before| &before.weights),
            parts.python.is_some(),
        ));
    }
    let reached = findings::follow_imports(request, &paths);
    let wrong = judged(request, parts, &unread, &reached, say)?;
    let exit = if problems.is_empty() {
        Exit::Config
    } else {
        Exit::World
    };
    problems.extend(wrong);
    if !problems.is_empty() {
        return Err(Failure {
            exit,
            messages: problems,
        });
    }
    let mut remembered = describe(&rest, ready, request.own.files.len(), weights);
    remembered.compiled_by = parts.python.map(|python| python.version.clone());
    remembered.unread = unread;
    remembered.no_traces = tracing::outdated(&paths);
    remembered.reached = reached;
    Ok((remembered, taken))
}

/// Returns the problems in the agent's code that prevent shipping; reports the others.
fn judged(
    request: &Request,
    parts: &Parts<'_>,
    unread: &[Unread],
    reached: &Reached,
    say: Say<'_>,
) -> Result<Vec<Message>, FileError> {
    let code = findings::Code {
        judge: match parts.python {
            Some(_) => Judge::Python,
            None => Judge::Grammar,
        },
        unread,
        reached,
    };
    findings::judge(request, &code, say)
}

/// Removes the rest of a killed run; the project is locked.
pub(super) fn sweep(output: &Folder) -> Result<(), FileError> {
    for name in output.names()? {
        if name.starts_with(TEMPORARY) {
            // A leftover that cannot be removed is harmless.
            let _ = output.join(&name).remove_whole();
        }
    }
    Ok(())
}

/// Returns true for the name of a file that a build creates in its folder.
pub(crate) fn is_built(name: &str) -> bool {
    [ARCHIVE, REMEMBERED, sbom::FILE].contains(&name) || name.starts_with(TEMPORARY)
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

/// Returns a fingerprint that differs for different archives.
fn fingerprint(request: &Request, parts: &Parts<'_>, sources: &Sources) -> String {
    let mut text = format!("layout {}\n{}\n", layer::LAYOUT, parts.key.text);
    if let Some(python) = parts.python {
        text.extend([&python.version, " ", &python.magic, "\n"]);
    }
    for (path, content) in &sources.files {
        text.extend([content, " ", path, "\n"]);
    }
    // Includes whether compiled files are wanted, even if there are none.
    text.push_str(if sources.bytecode { "auto " } else { "never " });
    text.extend([request.runtime.as_str(), " ", &request.entrypoint]);
    // An archive that only goes into an image may be too large for the service.
    if request.shape == Shape::Image {
        text.push_str(" image");
    }
    files::hash(text.as_bytes())
}

/// Returns the agent's files with their compiled files, and the files that could not be compiled.
/// The compiler works on a copy, so that the user's folder does not change.
fn own_files(
    request: &Request,
    parts: &Parts<'_>,
    work: &Path,
) -> Result<(Vec<Input>, Vec<Unread>), Failure> {
    let mut own: Vec<Input> = request
        .own
        .files
        .iter()
        .map(|(path, origin)| Input {
            path: path.clone(),
            from: origin.from.clone(),
            size: origin.size,
            instead: origin.instead.clone(),
        })
        .collect();
    let Some(python) = parts.python else {
        let unread = findings::unlike_python(&request.program);
        return Ok((own, unread));
    };
    let root = real_path(work)
        .map_err(|error| FileError::new("read", work, error))?
        .join("own");
    let mut sources = Vec::new();
    for file in own.iter().filter(|file| has_extension(&file.path, "py")) {
        let copy = root.join(&file.path);
        files::create_dir_all(copy.parent().unwrap_or(&root))?;
        fs::copy(&file.from, &copy).map_err(|error| FileError::new("copy", &file.from, error))?;
        sources.push(file.path.clone());
    }
    let unread = python.compile(&root, &sources, work, &parts.search.programs)?;
    for source in &sources {
        let compiled = compiled_of(source, request.runtime);
        let from = root.join(&compiled);
        if let Ok(found) = fs::metadata(&from) {
            own.push(Input {
                path: compiled,
                from,
                size: found.len(),
                instead: None,
            });
        }
    }
    own.sort();
    Ok((own, unread))
}

pub(super) struct Composed {
    pub(super) written: Written,
    /// The part after the dependencies.
    pub(super) rest: Extent,
    taken: Option<Taken>,
}

/// Writes the archive; it starts with the bytes of the cached layer.
pub(super) fn write(
    path: &Path,
    base: Option<(&Ready, Option<&Path>)>,
    own: &[Input],
) -> Result<Composed, Failure> {
    let failed = |error| FileError::new("write", path, error);
    let zip_failed = |error| zip_error("write", path, error);
    let (mut zip, taken) = match base {
        None => {
            let file = File::create(path).map_err(failed)?;
            (ZipWriter::new(Sink::new(file)), None)
        }
        Some((ready, last)) => {
            let Base { sink, taken } = layer_copy::lay(ready, last, path)?;
            (ZipWriter::new_append(sink).map_err(zip_failed)?, taken)
        }
    };
    let written = writer::append(&mut zip, path, own, Whose::Agents)?;
    let sink = zip.finish().map_err(zip_failed)?;
    let rest = sink.so_far();
    sink.finish().map_err(failed)?;
    Ok(Composed {
        written,
        rest,
        taken,
    })
}

pub(super) fn merge(weights: &mut Weights, own: &[Entry]) {
    for (name, weight) in layer::weigh(own) {
        let sum = weights.entry(name).or_default();
        sum.zipped += weight.zipped;
        sum.unzipped += weight.unzipped;
    }
}

/// Returns names and hashes of a finished archive.
pub(super) fn describe(
    rest: &Extent,
    ready: Option<&Ready>,
    own_files: usize,
    weights: Weights,
) -> Remembered {
    let (head, head_sha256, head_md5) = match ready {
        Some(Ready { layer, .. }) => (layer.head, layer.sha256.clone(), layer.md5),
        None => (0, hex(&Sha256::digest([])), Md5::digest([]).into()),
    };
    let id = Sha256::digest(format!("{head_sha256} {head} {}", rest.sha256));
    Remembered {
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

/// Moves the archive first: without the saved description, it is only rebuilt.
pub(super) fn finish(
    temporary: &Path,
    output: &Folder,
    remembered: &mut Remembered,
) -> Result<(), Failure> {
    let place = output.path().join(ARCHIVE);
    files::close_to_others(temporary)?;
    fs::rename(temporary, &place).map_err(|error| FileError::new("write", &place, error))?;
    remembered.modified = modified(&place).map_or(0, |(_, modified)| modified);
    let text = serde_json::to_string(remembered).expect("it is plain data");
    Ok(output.write(REMEMBERED, text.as_bytes())?)
}

/// Returns the last archive and its inputs.
pub(super) fn last(output: &Folder) -> Result<Option<(Archive, Sources)>, Failure> {
    let path = output.path();
    Ok(remembered(output)?.map(|last| (last.built(&path).archive, last.sources)))
}

pub(super) fn remembered(output: &Folder) -> Result<Option<Remembered>, Failure> {
    let text = output.read_text(REMEMBERED)?;
    // A file from another version counts as missing.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn modified(path: &Path) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok()?;
    let since = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((found.len(), u64::try_from(since.as_nanos()).ok()?))
}

impl Remembered {
    /// Returns true if the archive is unchanged.
    fn is_whole(&self, output: &Path) -> Result<bool, Failure> {
        let archive = output.join(ARCHIVE);
        Ok(modified(&archive) == Some((self.size, self.modified))
            && sha256_of(&archive, 0, self.head)? == self.head_sha256
            && sha256_of(&archive, self.head, self.size)? == self.rest_sha256)
    }

    /// Returns true if the archive is unchanged and starts with this layer.
    fn begins_with(&self, layer: &Layer, output: &Path) -> bool {
        let archive = output.join(ARCHIVE);
        (self.head, &self.head_sha256) == (layer.head, &layer.sha256)
            && modified(&archive) == Some((self.size, self.modified))
            && sha256_of(&archive, 0, self.head).is_ok_and(|found| found == self.head_sha256)
    }

    /// Warns about packages that are older than necessary.
    fn tell_age(&self, request: &Request, parts: &Parts<'_>, say: Say<'_>) {
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

/// Lists the content of an archive in order.
pub(crate) fn entries(archive: &Path) -> Result<Vec<Entry>, Failure> {
    writer::list(archive)
}
