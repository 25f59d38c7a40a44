//! Compiles Python files with an interpreter of the runtime's version.
#![expect(
    clippy::disallowed_methods,
    reason = "lists for the compiler are written here"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use serde::{Deserialize, Serialize};

use super::{Event, Say, Search, found_tools::Holds};
use crate::{
    config::Runtime,
    effects::{
        files::FileError,
        programs::{Programs, ask_python, cores, known_to_uv, pythons, run},
    },
    error::Failure,
    package::{
        installer::minor_version,
        layer::{HOME, cache_tag, compile_groups},
    },
};

/// The compiler. The standard `compileall` does not report which files failed, and starts three
/// times slower.
const COMPILE: &str = include_str!("compile.py");

/// An interpreter of the runtime's version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Python {
    program: PathBuf,
    /// Such as `3.13.2`.
    pub(super) version: String,
    /// The magic number of its compiled files.
    pub(super) magic: String,
}

/// Searches uv's interpreters, then PATH. Nothing is downloaded.
pub(super) fn find(
    runtime: Runtime,
    search: &Search,
    say: Say<'_>,
) -> Result<Option<Python>, Failure> {
    let question = runtime.as_str();
    let python = match search.memory.recall::<Option<Python>>(question) {
        Some(remembered) => remembered,
        None => {
            let python = look(runtime, search)?;
            let (holds, file) = match &python {
                Some(python) => (Holds::Always, Some(python.program.as_path())),
                None => (Holds::Minutes, None),
            };
            search
                .memory
                .keep(question, &python, holds, file.as_slice());
            python
        }
    };
    if python.is_none() {
        say(Event::NotCompiled(format!(
            "no Python {} was found to compile with",
            minor_version(runtime)
        )));
    }
    Ok(python)
}

fn look(runtime: Runtime, search: &Search) -> Result<Option<Python>, Failure> {
    let known_to_uv = match search.programs.find("uv") {
        Some(uv) => known_to_uv(&search.programs, &uv, Some(minor_version(runtime)))?,
        None => None,
    };
    let others = pythons(&search.programs, Some(minor_version(runtime)))?;
    for program in known_to_uv.into_iter().chain(others) {
        let Some((python, itself)) = inspect(&program, runtime, &search.programs)? else {
            continue;
        };
        // The result is often a shim or in a virtual environment: both start slower than the
        // interpreter itself and may disappear.
        let direct = Some(&itself)
            .filter(|itself| search.programs.may_run(itself))
            .map(|itself| inspect(itself, runtime, &search.programs))
            .transpose()?
            .flatten()
            .map(|(direct, _)| direct)
            .filter(|direct| (&direct.version, &direct.magic) == (&python.version, &python.magic));
        return Ok(Some(direct.unwrap_or(python)));
    }
    Ok(None)
}

/// Inspects a program: returns a final CPython release of this minor version, and its real path.
fn inspect(
    program: &Path,
    runtime: Runtime,
    programs: &Programs,
) -> Result<Option<(Python, PathBuf)>, Failure> {
    let code = "import sys, importlib.util as u; v = sys.version_info; \
                print(sys.implementation.cache_tag, '%d.%d.%d' % v[:3], u.MAGIC_NUMBER.hex(), v.releaselevel)";
    let Some((about, itself)) = ask_python(programs, program, code)? else {
        return Ok(None);
    };
    let words: Vec<&str> = about.split_whitespace().collect();
    let [tag, version, magic, "final"] = words[..] else {
        return Ok(None);
    };
    if tag != cache_tag(runtime) {
        return Ok(None);
    }
    let python = Python {
        program: program.to_owned(),
        version: version.to_owned(),
        magic: magic.to_owned(),
    };
    Ok(Some((python, itself)))
}

/// A file that this Python cannot parse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unread {
    /// Relative to the compiled folder, with `/`.
    pub(super) path: String,
    /// Counted from 1; 0 if the error has no position.
    pub(super) line: usize,
    pub(super) said: String,
}

impl Python {
    /// Writes `__pycache__` next to the files, which are relative to `root` and sorted. Files that
    /// do not compile (for another Python, templates) are left alone and returned.
    pub(super) fn compile(
        &self,
        root: &Path,
        files: &[String],
        work: &Path,
        programs: &Programs,
    ) -> Result<Vec<Unread>, Failure> {
        let lists = work.join("compile");
        fs::create_dir_all(&lists)
            .map_err(|error| FileError::new("create the directory", &lists, error))?;
        // The same groups on every machine, because a process's output depends on what it compiled
        // before.
        let groups: Vec<&[String]> = compile_groups(files).collect();
        let next = AtomicUsize::new(0);
        let worker = || -> Result<Vec<Unread>, Failure> {
            let mut unread = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(group) = groups.get(at) else {
                    return Ok(unread);
                };
                unread.extend(self.compile_group(root, group, (&lists, at), programs)?);
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..cores().min(groups.len()))
                .map(|_| scope.spawn(worker))
                .collect();
            let mut unread = Vec::new();
            for worker in workers {
                unread.extend(worker.join().expect("a worker does not panic")?);
            }
            unread.sort_by(|a: &Unread, b| a.path.cmp(&b.path));
            Ok(unread)
        })
    }

    fn compile_group(
        &self,
        root: &Path,
        group: &[String],
        (lists, at): (&Path, usize),
        programs: &Programs,
    ) -> Result<Vec<Unread>, Failure> {
        let list = lists.join(format!("{at}.txt"));
        let names: String = group
            .iter()
            .flat_map(|file| [file.as_str(), "\0"])
            .collect();
        fs::write(&list, names).map_err(|error| FileError::new("write", &list, error))?;
        // Not isolated (`-I`), because that would ignore PYTHONHASHSEED. No other Python variables
        // are passed on, the directory is neutral, and the compiler searches modules in neither.
        let words = [
            "-s".as_ref(),
            "-S".as_ref(),
            "-X".as_ref(),
            "utf8".as_ref(),
            "-W".as_ref(),
            "ignore".as_ref(),
            "-c".as_ref(),
            COMPILE.as_ref(),
            root.as_os_str(),
            HOME.as_ref(),
            list.as_os_str(),
        ];
        match run(programs, &[&self.program], &words)? {
            Some(answer) if answer.succeeded => Ok(unread(&answer.stdout)),
            Some(answer) => Err(self.broken(&answer.said)),
            None => Err(self.broken("it is gone")),
        }
    }

    fn broken(&self, said: &str) -> Failure {
        Failure::world(format!(
            "`{}` cannot compile Python files",
            self.program.display()
        ))
        .note(said.to_owned())
        .help("`--rebuild` looks for another Python; `bytecode = \"never\"` in the agent's table turns compiling off")
    }
}

fn unread(said: &str) -> Vec<Unread> {
    let words: Vec<&str> = said.split('\0').collect();
    words
        .chunks_exact(3)
        .map(|words| Unread {
            path: words[0].to_owned(),
            line: words[1].parse().unwrap_or(0),
            said: words[2].to_owned(),
        })
        .collect()
}
