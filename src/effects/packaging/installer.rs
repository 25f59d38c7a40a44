//! Installs the dependencies for the service's machines, with uv or else with pip.

use std::path::Path;

use super::{
    Event, Say,
    requirements::{self, Wanted},
    run::{Answer, run},
};
use crate::{
    config::Runtime,
    error::Failure,
    package::{
        installer::{
            GLIBC_MINORS, Tool, export_words, install_words, lacks_a_wheel, minor_version,
            without_a_wheel,
        },
        requirements::Kind,
    },
};

/// A tool that is there.
#[derive(Debug, Clone)]
pub(super) struct Installer {
    pub(super) tool: Tool,
    program: Vec<&'static str>,
}

/// uv, else the pip of a Python on PATH.
pub(super) fn find(wanted: &Wanted) -> Result<Installer, Failure> {
    let here = Path::new(".");
    let works = |program: &[&'static str]| -> Result<bool, Failure> {
        Ok(run(program, &["--version"], here)?.is_some_and(|answer| answer.succeeded))
    };
    if works(&["uv"])? {
        return Ok(Installer {
            tool: Tool::Uv,
            program: vec!["uv"],
        });
    }
    if wanted.kind != Kind::Requirements {
        return Err(Failure::world(format!(
            "`{}` needs uv, and uv is not on PATH",
            wanted.file.display()
        ))
        .help(
            "install uv (https://docs.astral.sh/uv/), or name a requirements.txt in `requirements`",
        ));
    }
    let pips: [&[&'static str]; 4] = [
        &["python3", "-m", "pip"],
        &["python", "-m", "pip"],
        &["pip3"],
        &["pip"],
    ];
    for program in pips {
        if works(program)? {
            return Ok(Installer {
                tool: Tool::Pip,
                program: program.to_vec(),
            });
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
        run(&self.program, words, directory)?
            .ok_or_else(|| Failure::world(format!("`{}` is not on PATH any more", self.program[0])))
    }

    fn export(
        &self,
        wanted: &Wanted,
        work: &Path,
        say: Say<'_>,
    ) -> Result<std::path::PathBuf, Failure> {
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
