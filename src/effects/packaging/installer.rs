//! Installs the dependencies for the service's machines, with uv or else with pip.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    Event, Say, Search,
    memory::Holds,
    requirements::{self, Wanted},
    run::{Answer, run},
};
use crate::{
    config::Runtime,
    error::Failure,
    package::{
        installer::{
            GLIBC_MINORS, Tool, export_words, install_words, lacks_a_wheel, minor_version,
            without_a_wheel, worth_reading,
        },
        requirements::Kind,
    },
};

/// A tool that is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Installer {
    pub(super) tool: Tool,
    program: Vec<PathBuf>,
}

/// uv, else the pip of a Python on PATH.
pub(super) fn find(wanted: &Wanted, search: &Search) -> Result<Installer, Failure> {
    const QUESTION: &str = "installer";
    let remembered = search.memory.recall::<Installer>(QUESTION);
    let installer = match remembered {
        Some(installer) => installer,
        None => {
            let installer = look(search)?;
            // That pip works depends on modules which nobody looks at.
            let holds = match installer.tool {
                Tool::Uv => Holds::Always,
                Tool::Pip => Holds::Minutes,
            };
            let file = installer.program[0].as_path();
            search.memory.keep(QUESTION, &installer, holds, &[file]);
            installer
        }
    };
    if installer.tool == Tool::Pip && wanted.kind != Kind::Requirements {
        return Err(Failure::world(format!(
            "`{}` needs uv, and uv is not on PATH",
            wanted.file.display()
        ))
        .help(
            "install uv (https://docs.astral.sh/uv/), or name a requirements.txt in `requirements`",
        ));
    }
    Ok(installer)
}

fn look(search: &Search) -> Result<Installer, Failure> {
    let tools: [(Tool, &str, &[&str]); 5] = [
        (Tool::Uv, "uv", &[]),
        (Tool::Pip, "python3", &["-m", "pip"]),
        (Tool::Pip, "python", &["-m", "pip"]),
        (Tool::Pip, "pip3", &[]),
        (Tool::Pip, "pip", &[]),
    ];
    for (tool, name, words) in tools {
        let Some(file) = search.around.program(name) else {
            continue;
        };
        let words = words.iter().map(PathBuf::from);
        let program: Vec<PathBuf> = std::iter::once(file).chain(words).collect();
        let answer = run(&program, &["--version"], &search.directory)?;
        if answer.is_some_and(|answer| answer.succeeded) {
            return Ok(Installer { tool, program });
        }
    }
    Err(
        Failure::world("installing the dependencies needs uv or pip, and neither is on PATH")
            .help("install uv (https://docs.astral.sh/uv/) and run this again"),
    )
}

impl Installer {
    /// Fills `target`; `work` is for files on the way.
    pub(super) fn install(
        &self,
        wanted: &Wanted,
        runtime: Runtime,
        target: &Path,
        work: &Path,
        say: Say<'_>,
    ) -> Result<(), Failure> {
        say(Event::Installing {
            with: self.tool.name(),
        });
        let file = match wanted.kind {
            Kind::Requirements | Kind::Pyproject => wanted.file.clone(),
            Kind::Lock => self.export(wanted, work, say)?,
        };
        let mut first = None;
        for minor in GLIBC_MINORS {
            if first.is_some() {
                say(Event::Trying { glibc_minor: minor });
            }
            let words = install_words(
                self.tool,
                runtime,
                minor,
                &file.to_string_lossy(),
                &target.to_string_lossy(),
            );
            let answer = self.run(&words, wanted.directory())?;
            say(Event::Said(answer.said.clone()));
            if answer.succeeded {
                return Ok(());
            }
            if !lacks_a_wheel(&answer.said) {
                return Err(self.refused(&answer));
            }
            first.get_or_insert(answer);
        }
        let answer = first.expect("every tag was tried");
        Err(self.lacking(&answer, runtime))
    }

    fn run(&self, words: &[String], directory: &Path) -> Result<Answer, Failure> {
        let mut answer = run(&self.program, words, directory)?.ok_or_else(|| {
            let program = self.program[0].display();
            Failure::world(format!("`{program}` is gone"))
        })?;
        answer.said = worth_reading(&answer.said);
        Ok(answer)
    }

    fn export(&self, wanted: &Wanted, work: &Path, say: Say<'_>) -> Result<PathBuf, Failure> {
        let output = work.join("exported.txt");
        let directory = wanted.directory().to_string_lossy().into_owned();
        let words = export_words(&directory, &output.to_string_lossy());
        let answer = self.run(&words, work)?;
        say(Event::Said(answer.said.clone()));
        if !answer.succeeded {
            return Err(Failure::world(format!(
                "`{}` cannot be turned into requirements",
                wanted.file.display()
            ))
            .note(format!("uv says:\n{}", answer.said))
            .help("`uv lock` brings the lock file up to date"));
        }
        requirements::check_exported(&output)?;
        Ok(output)
    }

    fn refused(&self, answer: &Answer) -> Failure {
        Failure::world("the dependencies cannot be installed").note(format!(
            "{} says:\n{}",
            self.tool.name(),
            answer.said
        ))
    }

    fn lacking(&self, answer: &Answer, runtime: Runtime) -> Failure {
        let names: Vec<String> = without_a_wheel(&answer.said)
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let what = if names.is_empty() {
            "a requirement".to_owned()
        } else {
            names.join(", ")
        };
        Failure::world(format!(
            "no wheel of {what} fits Python {} on 64-bit ARM",
            minor_version(runtime)
        ))
        .note(format!("{} says:\n{}", self.tool.name(), answer.said))
        .note("tried for manylinux2014, manylinux_2_28 and manylinux_2_34; the service builds nothing and has glibc 2.34")
        .help("require a version that has an aarch64 wheel, or do without the package")
    }
}
