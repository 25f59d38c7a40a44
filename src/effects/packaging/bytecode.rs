//! Compiles Python files with an interpreter of the runtime's own version.
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

use super::{
    Event, Say, Search,
    memory::Holds,
    run::{cores, run},
};
use crate::{
    config::Runtime,
    effects::files::FileError,
    error::Failure,
    package::{
        installer::minor_version,
        layer::{HOME, cache_tag, compile_groups},
    },
};

/// An interpreter of the runtime's version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Python {
    program: PathBuf,
    /// Such as `3.13.2`.
    pub(super) version: String,
    /// What its compiled files begin with.
    pub(super) magic: String,
}

/// Looks where uv knows of interpreters, then on PATH. Nothing is downloaded.
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
            "no Python {} is at hand to compile with",
            minor_version(runtime)
        )));
    }
    Ok(python)
}

fn look(runtime: Runtime, search: &Search) -> Result<Option<Python>, Failure> {
    let words = [
        "python",
        "find",
        "--no-project",
        "--no-python-downloads",
        minor_version(runtime),
    ];
    let known_to_uv = match search.around.program("uv") {
        Some(uv) => run(&[uv], &words, &search.directory)?
            .filter(|answer| answer.succeeded)
            .map(|answer| PathBuf::from(answer.stdout.trim())),
        None => None,
    };
    let on_path = [runtime.as_str(), "python3"]
        .into_iter()
        .filter_map(|name| search.around.program(name));
    for program in known_to_uv.into_iter().chain(on_path) {
        let Some((python, itself)) = inspect(&program, runtime, &search.directory)? else {
            continue;
        };
        // What is found is often a shim, or a virtual environment's: each start goes through more
        // than the interpreter itself, and either may be gone tomorrow.
        let direct = inspect(&itself, runtime, &search.directory)?
            .map(|(direct, _)| direct)
            .filter(|direct| (&direct.version, &direct.magic) == (&python.version, &python.magic));
        return Ok(Some(direct.unwrap_or(python)));
    }
    Ok(None)
}

/// A final release of CPython of this minor version, and the file that it calls itself; or nothing.
fn inspect(
    program: &Path,
    runtime: Runtime,
    directory: &Path,
) -> Result<Option<(Python, PathBuf)>, Failure> {
    let code = "import sys, importlib.util as u; v = sys.version_info; \
                print(sys.implementation.cache_tag, '%d.%d.%d' % v[:3], u.MAGIC_NUMBER.hex(), v.releaselevel); \
                print(getattr(sys, '_base_executable', None) or sys.executable)";
    let Some(answer) = run(&[program], &["-I", "-S", "-c", code], directory)? else {
        return Ok(None);
    };
    let (about, itself) = answer.stdout.split_once('\n').unwrap_or_default();
    let words: Vec<&str> = about.split_whitespace().collect();
    let [tag, version, magic, "final"] = words[..] else {
        return Ok(None);
    };
    if !answer.succeeded || tag != cache_tag(runtime) {
        return Ok(None);
    }
    let python = Python {
        program: program.to_owned(),
        version: version.to_owned(),
        magic: magic.to_owned(),
    };
    Ok(Some((python, PathBuf::from(itself.trim_end()))))
}

impl Python {
    /// Writes `__pycache__` beside the files, which are relative to `root` and sorted. Files that do
    /// not compile (another Python's, templates) are left as they are.
    pub(super) fn compile(
        &self,
        root: &Path,
        files: &[String],
        work: &Path,
    ) -> Result<(), Failure> {
        let lists = work.join("compile");
        fs::create_dir_all(&lists)
            .map_err(|error| FileError::new("create the directory", &lists, error))?;
        let groups: Vec<&[String]> = compile_groups(files).collect();
        let next = AtomicUsize::new(0);
        let worker = || -> Result<(), Failure> {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(group) = groups.get(at) else {
                    return Ok(());
                };
                self.compile_group(root, group, &lists, at)?;
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..cores().min(groups.len()))
                .map(|_| scope.spawn(worker))
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().expect("a worker does not panic"))
        })
    }

    fn compile_group(
        &self,
        root: &Path,
        group: &[String],
        lists: &Path,
        at: usize,
    ) -> Result<(), Failure> {
        let list = lists.join(format!("{at}.txt"));
        let mut text = String::new();
        for file in group.iter().filter(|file| !file.contains(['\n', '\r'])) {
            text.push_str(&root.join(file).to_string_lossy());
            text.push('\n');
        }
        fs::write(&list, text).map_err(|error| FileError::new("write", &list, error))?;
        // Not isolated (`-I`): that would ignore PYTHONHASHSEED. Run where nothing can be imported.
        let words = [
            "-s".as_ref(),
            "-S".as_ref(),
            "-m".as_ref(),
            "compileall".as_ref(),
            "-qq".as_ref(),
            "-f".as_ref(),
            "--invalidation-mode".as_ref(),
            "unchecked-hash".as_ref(),
            "-s".as_ref(),
            root.as_os_str(),
            "-p".as_ref(),
            HOME.as_ref(),
            "-i".as_ref(),
            list.as_os_str(),
        ];
        let answer = run(&[&self.program], &words, lists)?;
        match answer {
            // 1: some file did not compile.
            Some(answer) if matches!(answer.code, Some(0 | 1)) => Ok(()),
            Some(answer) => Err(self.broken(&answer.said)),
            None => Err(self.broken("it is gone")),
        }
    }

    /// Why a file does not compile; `None` where it does.
    pub(super) fn complaint(&self, file: &Path) -> Result<Option<String>, Failure> {
        let code = "import sys\nname = sys.argv[1]\n\
            try:\n    compile(open(name, 'rb').read(), name, 'exec', dont_inherit=True)\n\
            except (SyntaxError, ValueError) as error:\n    print('line %s: %s' % (getattr(error, 'lineno', '?'), getattr(error, 'msg', error)))";
        let words = [
            "-I".as_ref(),
            "-S".as_ref(),
            "-c".as_ref(),
            code.as_ref(),
            file.as_os_str(),
        ];
        let answer = run(&[&self.program], &words, Path::new("."))?;
        Ok(answer
            .map(|answer| answer.stdout.trim().to_owned())
            .filter(|said| !said.is_empty()))
    }

    fn broken(&self, said: &str) -> Failure {
        Failure::world(format!(
            "`{}` cannot compile Python files",
            self.program.display()
        ))
        .note(said.to_owned())
        .help("`bytecode = \"never\"` in the agent's table does without it")
    }
}
