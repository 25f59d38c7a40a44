//! Writes entries into a zip: compressed on all cores, in a bounded amount of memory, always to the
//! same bytes.

use std::{
    fs::File,
    io::{self, Read as _, Seek, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use object::ReadCache;
use zip::{
    CompressionMethod, DateTime, ZipWriter,
    result::ZipResult,
    write::{PreparedZipFile, SimpleFileOptions, ZipFileBuilder},
};

use super::run::cores;
use crate::{
    effects::files::FileError,
    error::{Failure, Message},
    package::{elf, layer::Entry, script},
};

/// A file that becomes an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Input {
    /// The entry's name, with `/`.
    pub(super) path: String,
    pub(super) from: PathBuf,
    pub(super) size: u64,
    pub(super) executable: bool,
    /// What is written instead of the file's own content.
    pub(super) instead: Option<Vec<u8>>,
}

/// What was written, and what of it cannot run where it is going.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) entries: Vec<Entry>,
    pub(super) problems: Vec<Message>,
}

/// How many bytes are compressed before what came of them is written.
const BATCH: u64 = 12 * 1024 * 1024;

/// Appends the files in their order.
pub(super) fn append<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    to: &Path,
    inputs: &[Input],
) -> Result<Written, Failure> {
    let mut written = Written::default();
    let mut rest = inputs;
    while !rest.is_empty() {
        let (batch, next) = rest.split_at(batch_length(rest));
        rest = next;
        for (input, done) in batch.iter().zip(compress(batch)) {
            let Compressed { file, unfit } = done?;
            written.entries.push(Entry {
                path: input.path.clone(),
                zipped: file.compressed_size(),
                unzipped: file.uncompressed_size(),
            });
            written.problems.extend(unfit);
            zip.add_prepared_file(file)
                .map_err(|error| zip_error("write", to, error))?;
        }
    }
    Ok(written)
}

fn batch_length(inputs: &[Input]) -> usize {
    let mut bytes = 0;
    let fitting = inputs
        .iter()
        .take_while(|input| {
            bytes += input.size;
            bytes <= BATCH
        })
        .count();
    fitting.max(1)
}

struct Compressed {
    file: PreparedZipFile,
    unfit: Option<Message>,
}

fn compress(batch: &[Input]) -> Vec<Result<Compressed, Failure>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Result<Compressed, Failure>>>> =
        Mutex::new(batch.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..cores().min(batch.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(input) = batch.get(at) else {
                        return;
                    };
                    let result = compress_one(input);
                    done.lock().expect("no worker panics")[at] = Some(result);
                }
            });
        }
    });
    done.into_inner()
        .expect("no worker panics")
        .into_iter()
        .map(|result| result.expect("every file was taken"))
        .collect()
}

fn compress_one(input: &Input) -> Result<Compressed, Failure> {
    let failed = |error| FileError::new("read", &input.from, error);
    let options = SimpleFileOptions::DEFAULT
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(if input.executable { 0o755 } else { 0o644 });
    let mut builder = ZipFileBuilder::new(&input.path, options)
        .map_err(|error| zip_error("compress", &input.from, error))?;
    let mut unfit = None;
    if let Some(content) = &input.instead {
        builder.write_all(content).map_err(failed)?;
    } else {
        let mut file = open(&input.from)?;
        let mut head = Vec::new();
        io::Read::by_ref(&mut file)
            .take(4096)
            .read_to_end(&mut head)
            .map_err(failed)?;
        builder.write_all(&head).map_err(failed)?;
        io::copy(&mut file, &mut builder).map_err(failed)?;
        unfit = judge(input, &head)?;
    }
    let file = builder
        .finish()
        .map_err(|error| zip_error("compress", &input.from, error))?;
    Ok(Compressed { file, unfit })
}

/// What the service's machines would not run.
fn judge(input: &Input, head: &[u8]) -> Result<Option<Message>, Failure> {
    if head.starts_with(elf::MAGIC) {
        let cache = ReadCache::new(open(&input.from)?);
        return Ok(elf::unfit(&cache).map(|unfit| {
            Message::new(format!("`{}` {unfit}", input.path))
                .help("the service takes files for 64-bit ARM Linux with glibc 2.34 or older; require a version that has such a wheel, or leave the file out")
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

/// A directory of a zip.
pub(super) fn list(path: &Path) -> Result<Vec<Entry>, Failure> {
    let read = || -> ZipResult<Vec<Entry>> {
        let mut zip =
            zip::ZipArchive::new(io::BufReader::new(File::options().read(true).open(path)?))?;
        (0..zip.len())
            .map(|at| {
                let file = zip.by_index_raw(at)?;
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
