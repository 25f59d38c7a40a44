//! Writes entries into a zip file: compressed on all cores, with limited memory, and reproducibly.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard},
};

use object::ReadCache;
use zip::{
    CompressionMethod, DateTime, ZipWriter,
    result::ZipResult,
    write::{PreparedZipFile, SimpleFileOptions, ZipFileBuilder},
};

use crate::{
    effects::{files::FileError, programs::cores},
    error::{Failure, Message},
    package::{
        elf,
        layer::Entry,
        native::{self, Foreign},
        script,
    },
    text::path::has_extension,
};

/// A file to add.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Input {
    /// The entry's name, with `/`.
    pub(super) path: String,
    pub(super) from: PathBuf,
    pub(super) size: u64,
    /// Content that replaces the file's own.
    pub(super) instead: Option<Vec<u8>>,
}

/// The owner of the written files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The agent, whose files the user can exclude.
    Agents,
    /// A dependency, which may contain programs for other systems.
    Dependencies,
}

/// The written entries, and problems with files that the service's machines cannot run.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) entries: Vec<Entry>,
    pub(super) problems: Vec<Message>,
}

/// The compression level. Compared to zlib's default (6), the archive is 1.5% larger and takes two
/// thirds of the work.
const LEVEL: i64 = 4;
/// How many bytes may be in memory: being compressed, and not yet written.
const UNDERWAY: u64 = 12 * 1024 * 1024;

/// Appends the files in order.
pub(super) fn append<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    to: &Path,
    inputs: &[Input],
    whose: Whose,
) -> Result<Written, Failure> {
    let line = Line::new(inputs, whose);
    std::thread::scope(|scope| {
        for _ in 0..cores().min(inputs.len()) {
            scope.spawn(|| line.work());
        }
        let written = write_in_order(zip, to, inputs, &line);
        // The workers have finished, or writing has failed.
        line.close();
        written
    })
}

fn write_in_order<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    to: &Path,
    inputs: &[Input],
    line: &Line<'_>,
) -> Result<Written, Failure> {
    let mut written = Written::default();
    for (at, input) in inputs.iter().enumerate() {
        let Compressed { file, unfit } = line.wait_for(at)?;
        written.entries.push(Entry {
            path: input.path.clone(),
            zipped: file.compressed_size(),
            unzipped: file.uncompressed_size(),
        });
        written.problems.extend(unfit);
        zip.add_prepared_file(file)
            .map_err(|error| zip_error("write", to, error))?;
        line.is_written(at);
    }
    Ok(written)
}

struct Compressed {
    file: PreparedZipFile,
    unfit: Option<Message>,
}

/// The queue of files: started in order, finished in any order, written in order. No core waits for
/// a large file on another one, and memory stays limited.
struct Line<'a> {
    inputs: &'a [Input],
    whose: Whose,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The index of the next file to compress.
    next: usize,
    underway: u64,
    finished: BTreeMap<usize, Result<Compressed, Failure>>,
    closed: bool,
}

impl<'a> Line<'a> {
    fn new(inputs: &'a [Input], whose: Whose) -> Self {
        Self {
            inputs,
            whose,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no worker panics")
    }

    fn work(&self) {
        let _guard = ClosedOnPanic(self);
        while let Some((at, input)) = self.take() {
            let done = compress_one(input, self.whose);
            self.state().finished.insert(at, done);
            self.changed.notify_all();
        }
    }

    fn take(&self) -> Option<(usize, &'a Input)> {
        let mut state = self.state();
        loop {
            let input = self.inputs.get(state.next).filter(|_| !state.closed)?;
            // A file that exceeds the limit is compressed alone.
            if state.underway == 0 || state.underway + input.size <= UNDERWAY {
                let at = state.next;
                state.next += 1;
                state.underway += input.size;
                return Some((at, input));
            }
            state = self.changed.wait(state).expect("no worker panics");
        }
    }

    fn wait_for(&self, at: usize) -> Result<Compressed, Failure> {
        let mut state = self.state();
        loop {
            if let Some(done) = state.finished.remove(&at) {
                return done;
            }
            assert!(!state.closed, "a worker panicked");
            state = self.changed.wait(state).expect("no worker panics");
        }
    }

    fn is_written(&self, at: usize) {
        self.state().underway -= self.inputs[at].size;
        self.changed.notify_all();
    }

    fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }
}

/// Closes the queue after a panic, so that no thread waits forever.
struct ClosedOnPanic<'l, 'a>(&'l Line<'a>);

impl Drop for ClosedOnPanic<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.close();
        }
    }
}

fn compress_one(input: &Input, whose: Whose) -> Result<Compressed, Failure> {
    let failed = |error| FileError::new("read", &input.from, error);
    let mut rest: Box<dyn Read> = match &input.instead {
        Some(content) => Box::new(content.as_slice()),
        None => Box::new(open(&input.from)?),
    };
    let mut head = Vec::new();
    Read::by_ref(&mut rest)
        .take(native::HEAD as u64)
        .read_to_end(&mut head)
        .map_err(failed)?;
    let options = SimpleFileOptions::DEFAULT
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(if native::is_program(&head) {
            0o755
        } else {
            0o644
        });
    let mut builder = ZipFileBuilder::new(&input.path, options)
        .map_err(|error| zip_error("compress", &input.from, error))?;
    builder.write_all(&head).map_err(failed)?;
    io::copy(&mut rest, &mut builder).map_err(failed)?;
    let unfit = match &input.instead {
        Some(_) => None,
        None => judge(input, &head, whose)?,
    };
    let file = builder
        .finish()
        .map_err(|error| zip_error("compress", &input.from, error))?;
    Ok(Compressed { file, unfit })
}

/// Returns a problem if the service's machines cannot run the file.
fn judge(input: &Input, head: &[u8], whose: Whose) -> Result<Option<Message>, Failure> {
    if let Some(system) = native::foreign(head) {
        return Ok(foreign(input, system, whose));
    }
    if head.starts_with(elf::MAGIC) {
        let cache = ReadCache::new(open(&input.from)?);
        return Ok(elf::unfit(&cache).map(|unfit| {
            Message::new(format!("`{}` {unfit}", input.path))
                .help("the service accepts files for 64-bit ARM Linux with glibc 2.34 or older; require a version that has such a wheel, or leave the file out")
        }));
    }
    Ok(script::foreign_interpreter(head)
        .filter(|_| input.path.starts_with("bin/"))
        .map(|program| {
            Message::new(format!(
                "`{}` is run by `{program}`, which is on this machine alone",
                input.path
            ))
            .help("begin it with `#!/usr/bin/env` and the program's name")
        }))
}

/// Returns a problem with a file for another system. Dependencies may contain launchers and
/// libraries for other systems that are never used, but a file that Python would load as a Linux
/// library must be one.
fn foreign(input: &Input, system: Foreign, whose: Whose) -> Option<Message> {
    let is_used = input.path.starts_with("bin/") || has_extension(&input.path, "so");
    let help = match whose {
        Whose::Agents => "leave it out with a line in `.agentcoreignore`",
        Whose::Dependencies if is_used => {
            "require a version that has a wheel for 64-bit ARM Linux, or remove the package"
        }
        Whose::Dependencies => return None,
    };
    let what = format!(
        "`{}` is made for {system}, not for 64-bit ARM Linux",
        input.path
    );
    Some(Message::new(what).help(help))
}

#[expect(clippy::disallowed_methods, reason = "what is shipped is read here")]
fn open(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(|error| FileError::new("read", path, error))
}

pub(super) fn zip_error(doing: &'static str, path: &Path, error: zip::result::ZipError) -> Failure {
    match error {
        zip::result::ZipError::Io(error) => FileError::new(doing, path, error).into(),
        other => Failure::world(format!("cannot {doing} `{}`: {other}", path.display())),
    }
}

/// Lists the content of a zip file.
pub(super) fn list(path: &Path) -> Result<Vec<Entry>, Failure> {
    let read = || -> ZipResult<Vec<Entry>> {
        let zip = zip::ZipArchive::new(io::BufReader::new(File::options().read(true).open(path)?))?;
        (0..zip.len())
            .map(|at| {
                let file = zip.by_index_data(at)?;
                Ok(Entry {
                    path: file.name()?.into_owned(),
                    zipped: file.compressed_size(),
                    unzipped: file.size(),
                })
            })
            .collect()
    };
    read().map_err(|error| zip_error("read", path, error))
}
