//! The layer with the dependencies: from the cache, or newly installed, compiled and compressed.
#![expect(clippy::disallowed_methods, reason = "what was installed is read here")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::Path,
};

use zip::ZipWriter;

use super::{
    Event, Request, Reuse, Say, Search,
    bytecode::Python,
    excluded,
    hashing_writer::Sink,
    installer::{self, Installer, Job},
    requirements::Wanted,
    store::{self, Held},
    writer::{self, Input, Whose, zip_error},
};
use crate::{
    config::{ExcludedPackage, Runtime},
    effects::{
        files::{self, FileError},
        path::real_path,
        programs::Programs,
        runtime,
    },
    error::{Exit, Failure, Message},
    package::{
        distributions::{self, Modules},
        layer::{self, Layer},
        script::{self, Changed},
    },
};

/// Larger files are not scripts written by an installer.
const LONGEST_SCRIPT: u64 = 1024 * 1024;

/// The key of a cache entry.
pub(super) struct Key {
    pub(super) text: String,
    installer: Option<Installer>,
}

/// Returns the key, which is the same for the same requirements on every machine.
pub(super) fn key(
    wanted: &Wanted,
    runtime: Runtime,
    excluded: &[ExcludedPackage],
    python: Option<&Python>,
    search: &Search,
) -> Result<Key, Failure> {
    let mut without = String::new();
    let names: BTreeSet<&str> = excluded.iter().map(|one| one.name.as_str()).collect();
    for name in names {
        without.extend(["\nwithout ", name]);
    }
    if !wanted.requires {
        return Ok(Key {
            text: format!("nothing{without}"),
            installer: None,
        });
    }
    let installer = installer::find(wanted, search)?;
    let compiler = python.map_or("none".to_owned(), |python| {
        format!("{} {}", python.version, python.magic)
    });
    let text = [
        &format!("layout {}", layer::LAYOUT),
        installer.tool.name(),
        runtime.as_str(),
        &compiler,
        &format!("{:?}", wanted.kind),
        &wanted.digest,
    ]
    .join("\n")
        + &without;
    Ok(Key {
        text: files::hash(text.as_bytes())[..32].to_owned(),
        installer: Some(installer),
    })
}

/// The inputs of an archive.
pub(super) struct Parts<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) key: &'a Key,
    pub(super) python: Option<&'a Python>,
    pub(super) search: &'a Search,
}

/// A layer that stays in the cache while this is held.
pub(super) struct Ready {
    pub(super) held: Held,
    pub(super) layer: Layer,
    pub(super) cached: bool,
}

/// Returns the layer; `None` without requirements. A layer that the last archive starts with is
/// read from there and not checked again.
pub(super) fn ensure(
    request: &Request,
    parts: &Parts<'_>,
    begins_the_last: impl FnOnce(&Layer) -> bool,
    say: Say<'_>,
) -> Result<Option<Ready>, Failure> {
    let Parts {
        wanted,
        key,
        python,
        search,
    } = *parts;
    let excludes = &request.exclude_packages;
    let Some(installer) = &key.installer else {
        excluded::unknown(excludes, std::iter::empty())?;
        return Ok(None);
    };
    let held = store::hold(&key.text, || say(Event::Waiting))?;
    if request.reuse == Reuse::Cache
        && let Some(layer) = held.read(begins_the_last)?
    {
        return Ok(Some(Ready {
            held,
            layer,
            cached: true,
        }));
    }
    let workshop = held.workshop()?;
    // Compilers write the given path into their output, so links are resolved.
    let work = real_path(workshop.path())
        .map_err(|error| FileError::new("read", workshop.path(), error))?;
    let target = work.join("target");
    files::create_dir_all(&target)?;
    let job = Job {
        programs: &search.programs,
        wanted,
        runtime: request.runtime,
        locked: request.limits.locked,
        target: &target,
        work: &work,
    };
    let behind = installer.install(&job, say)?;
    let left_out = excluded::take_out(&target, excludes)?;
    let inputs = prepare(
        &target,
        &work,
        python.map(|python| (python, &search.programs)),
        say,
    )?;
    say(Event::Compressing {
        files: inputs.len(),
    });
    let archive = work.join("dependencies.zip");
    let layer = Layer {
        left_out,
        behind,
        ..write(&archive, &inputs, python)?
    };
    held.publish(&archive, &layer)?;
    held.evict_others();
    // Thousands of files; they are deleted in the background.
    runtime::beside(move || drop(workshop));
    Ok(Some(Ready {
        held,
        layer,
        cached: false,
    }))
}

/// Compiles what was installed, and lists it, sorted.
fn prepare(
    target: &Path,
    work: &Path,
    python: Option<(&Python, &Programs)>,
    say: Say<'_>,
) -> Result<Vec<Input>, Failure> {
    let mut installed = Vec::new();
    walk(target, "", &mut installed)?;
    installed.sort();
    if let Some((python, programs)) = python {
        let sources: Vec<String> = installed
            .iter()
            .filter(|input| layer::is_worth_compiling(&input.path))
            .map(|input| input.path.clone())
            .collect();
        say(Event::Compiling {
            python: python.version.clone(),
            files: sources.len(),
        });
        python.compile(target, &sources, work, programs)?;
        installed.clear();
        walk_with_caches(target, "", &mut installed)?;
        installed.sort();
    }
    adapt(&mut installed)?;
    Ok(installed)
}

/// Removes the caches in wheels, which are for another Python or checked by time.
fn walk(directory: &Path, prefix: &str, found: &mut Vec<Input>) -> Result<(), Failure> {
    visit(directory, prefix, found, &|path| {
        files::remove_tree(path)?;
        Ok(false)
    })
}

fn walk_with_caches(directory: &Path, prefix: &str, found: &mut Vec<Input>) -> Result<(), Failure> {
    visit(directory, prefix, found, &|_| Ok(true))
}

fn visit(
    directory: &Path,
    prefix: &str,
    found: &mut Vec<Input>,
    enters_cache: &dyn Fn(&Path) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let failed = |error| FileError::new("read", directory, error);
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().into_string().map_err(|name| {
            Failure::world(format!(
                "the name of a dependency's file is not UTF-8: `{prefix}{}`",
                name.display()
            ))
        })?;
        let path = entry.path();
        let metadata = fs::metadata(&path).map_err(|error| FileError::new("read", &path, error))?;
        if metadata.is_dir() {
            if name != "__pycache__" || enters_cache(&path)? {
                visit(&path, &format!("{prefix}{name}/"), found, enters_cache)?;
            }
        } else if !(prefix.is_empty() && name == ".lock" || is_of_this_machine(prefix, &name)) {
            // `.lock` belongs to uv while it installs.
            found.push(Input {
                path: format!("{prefix}{name}"),
                size: metadata.len(),
                from: path,
                instead: None,
            });
        }
    }
    Ok(())
}

/// Returns true for files with a distribution's origin: a path on this machine, or an address with
/// credentials.
fn is_of_this_machine(folder: &str, name: &str) -> bool {
    folder.ends_with(".dist-info/")
        && ["direct_url.json", "uv_cache.json", "uv_build.json"].contains(&name)
}

/// Removes the path of this machine's Python and what is specific to its system from scripts, and
/// adapts the records that list them.
fn adapt(inputs: &mut Vec<Input>) -> Result<(), Failure> {
    let read = |input: &Input| {
        fs::read(&input.from).map_err(|error| FileError::new("read", &input.from, error))
    };
    let mut declared = BTreeMap::new();
    for input in inputs
        .iter()
        .filter(|input| input.path.ends_with(".dist-info/entry_points.txt"))
    {
        let text = read(input)?;
        declared.extend(script::declared(&String::from_utf8_lossy(&text)));
    }
    let mut changed = Vec::new();
    for input in inputs.iter_mut() {
        let Some(name) = script::started_by(&input.path) else {
            continue;
        };
        let written = declared.get(name).cloned();
        let content = match written {
            Some(content) => Some(content),
            None if input.size <= LONGEST_SCRIPT => script::portable(&read(input)?),
            None => None,
        };
        if let Some(content) = content {
            let shipped = if declared.contains_key(name) {
                format!("bin/{name}")
            } else {
                input.path.clone()
            };
            let installed = std::mem::replace(&mut input.path, shipped.clone());
            input.size = content.len() as u64;
            input.instead = Some(content.clone());
            changed.push(Changed {
                installed,
                shipped,
                content,
            });
        }
    }
    inputs.sort();
    // A launcher and the script next to it are the same command.
    inputs.dedup_by(|one, other| one.path == other.path);
    for input in inputs
        .iter_mut()
        .filter(|input| input.path.ends_with(".dist-info/RECORD"))
    {
        let content = read(input)?;
        if let Ok(text) = String::from_utf8(content) {
            let shipped: String = text
                .split_inclusive('\n')
                .filter(|line| {
                    let path = line.split(',').next().unwrap_or(line);
                    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
                    !is_of_this_machine(&format!("{folder}/"), name)
                })
                .collect();
            let new = script::record_of(&shipped, &changed);
            if new != text {
                input.instead = Some(new.into_bytes());
            }
        }
    }
    Ok(())
}

fn write(archive: &Path, inputs: &[Input], python: Option<&Python>) -> Result<Layer, Failure> {
    let failed = |error| FileError::new("write", archive, error);
    let file = File::create(archive).map_err(failed)?;
    let mut zip = ZipWriter::new(Sink::new(file));
    let written = writer::append(&mut zip, archive, inputs, Whose::Dependencies)?;
    if !written.problems.is_empty() {
        return Err(misfits(written.problems));
    }
    let head = zip.get_ref().map(Sink::so_far);
    let head = head.expect("the archive is not finished");
    let sink = zip
        .finish()
        .map_err(|error| zip_error("write", archive, error))?;
    let size = sink.so_far().length;
    sink.finish()
        .and_then(|file| file.sync_all())
        .map_err(failed)?;
    let directory_sha256 = files::hash_part(archive, head.length, size)?;
    Ok(Layer {
        head: head.length,
        size,
        sha256: head.sha256,
        md5: head.md5,
        directory_sha256,
        files: inputs.len(),
        source: source(inputs)?,
        weights: layer::weigh(&written.entries),
        modules: modules(inputs)?,
        left_out: Vec::new(),
        behind: Vec::new(),
        compiled_by: python.map(|python| python.version.clone()),
    })
}

/// Returns a digest that depends only on what was installed.
fn source(inputs: &[Input]) -> Result<String, Failure> {
    let mut records = Vec::new();
    for input in inputs {
        if distributions::of_record(&input.path).is_some() {
            let content = match &input.instead {
                Some(content) => content.clone(),
                None => files::read_bytes(&input.from)?,
            };
            records.push(String::from_utf8_lossy(&content).into_owned());
        }
    }
    let lines = distributions::installed(records.iter().map(String::as_str));
    let lines: Vec<String> = lines.into_iter().collect();
    Ok(files::hash(lines.join("\n").as_bytes()))
}

/// Returns the modules that can be imported, with their distributions.
fn modules(inputs: &[Input]) -> Result<Modules, Failure> {
    let mut modules = Modules::new();
    for input in inputs {
        if let Some((name, version)) = distributions::of_record(&input.path) {
            let record = files::read_bytes(&input.from)?;
            let record = String::from_utf8_lossy(&record);
            distributions::add(&mut modules, name, version, &record);
        }
    }
    Ok(modules)
}

pub(super) fn misfits(messages: Vec<Message>) -> Failure {
    Failure {
        exit: Exit::World,
        messages,
    }
}
