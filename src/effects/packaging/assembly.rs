//! Assembles the archive: the cached dependencies' bytes, the agent's own files, and a directory of
//! both.
#![expect(clippy::disallowed_methods, reason = "the archive is written here")]

use std::{
    cell::Cell,
    fs::{self, File},
    path::Path,
};

use zip::ZipWriter;

use super::{
    Built, Origin, Request, Reuse, Say, Shape,
    build_record::{self, ARCHIVE, BuildRecord, Sources},
    bytecode::Unread,
    dependencies::{self, Parts, Ready, misfits},
    findings::{self, Judge},
    hashing_writer::{Extent, Sink},
    layer_copy::{self, Base, Taken},
    writer::{self, Input, Whose, Written, zip_error},
};
use crate::{
    effects::{
        files::{self, FileError, TEMPORARY},
        folder::Folder,
        path::real_path,
        staging::private,
    },
    error::{Exit, Failure, Message},
    package::{
        layer::{self, Entry, Layer, Weights, compiled_of},
        limits, tracing,
    },
    python::Reached,
    text::path::has_extension,
};

pub(super) fn assemble(
    request: &Request,
    parts: &Parts<'_>,
    say: Say<'_>,
) -> Result<Built, Failure> {
    let output = request.output.ready()?;
    let before = build_record::read(&request.output)?;
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
    let (mut record, taken) = compose(
        request,
        parts,
        ready.as_ref(),
        (before.as_ref(), goes_on.get()),
        problems,
        work.path(),
        say,
    )?;
    unchanged_meanwhile(request)?;
    record.fingerprint = fingerprint;
    record.source = build_record::source(&sources, ready.as_ref());
    record.sources = sources;
    record.tell_age(request, parts, say);
    build_record::finish(&work.path().join(ARCHIVE), &request.output, &mut record)?;
    if let Some(taken) = taken {
        taken.replace();
    }
    let mut built = record.built(&output);
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
    (before, goes_on): (Option<&BuildRecord>, bool),
    mut problems: Vec<Message>,
    work: &Path,
    say: Say<'_>,
) -> Result<(BuildRecord, Option<Taken>), Failure> {
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
    let mut record = BuildRecord::of(&rest, ready, request.own.files.len(), weights);
    record.compiled_by = parts.python.map(|python| python.version.clone());
    record.unread = unread;
    record.no_traces = tracing::outdated(&paths);
    record.reached = reached;
    Ok((record, taken))
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

/// Lists the content of an archive in order.
pub(crate) fn entries(archive: &Path) -> Result<Vec<Entry>, Failure> {
    writer::list(archive)
}
