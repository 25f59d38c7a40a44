//! An installation of the dependencies: its inputs, and the reasons why it fails.

use super::{
    Event, Say,
    installer::{Installer, Job, Papers, write},
    requirements::{self, Inputs, Lock, how_to_lock},
    resolution,
};
use crate::{
    config::Runtime,
    effects::programs::Answer,
    error::{Exit, Failure, Message},
    package::{
        installer::{
            Tool, export_words, install_words, lacks_a_wheel, minor_version, without_a_wheel,
        },
        newest::Behind,
        requirements::Requirement,
    },
};

impl Installer {
    /// Installs into the target. Returns the packages that are older than necessary, if known.
    pub(super) fn install(&self, job: &Job<'_>, say: Say<'_>) -> Result<Vec<Behind>, Failure> {
        say(Event::Installing {
            with: self.tool.name(),
        });
        let exported = match &job.wanted.lock {
            Some(lock) => Some(self.export(job, lock, say)?),
            None => None,
        };
        let inputs = exported.as_ref().unwrap_or(&job.wanted.inputs);
        let papers = Papers::write(inputs, job.work)?;
        let files = papers.files();
        let target = job.target.to_string_lossy();
        let given = papers.given(&files, &target, &self.python, inputs);
        let words = install_words(self.tool, job.runtime, &given);
        let answer = self.run(job.programs, &words)?;
        say(Event::Said(answer.said.clone()));
        if answer.succeeded {
            // A lock determines the versions; pip has no command for the question.
            let is_asked =
                self.tool == Tool::Uv && !inputs.is_complete && !job.programs.is_offline();
            if is_asked {
                return resolution::behind(self, job, &papers, inputs);
            }
            return Ok(Vec::new());
        }
        if job.programs.is_offline() {
            return Err(self.refused(&answer).help(
                "nothing is downloaded because of `--offline`, `--frozen` or CARGO_NET_OFFLINE: run this once without it",
            ));
        }
        if job.locked && answer.said.contains("--require-hashes") {
            return Err(self
                .refused(&answer)
                .note("`--locked` and `--frozen` need exact versions and hashes of all dependencies, also of indirect ones")
                .help(how_to_lock(&job.wanted.file, job.runtime)));
        }
        if lacks_a_wheel(&answer.said) {
            return Err(self.lacking(&answer, job.runtime, inputs));
        }
        Err(self.refused(&answer))
    }

    fn export(&self, job: &Job<'_>, lock: &Lock, say: Say<'_>) -> Result<Inputs, Failure> {
        let folder = requirements::lay_for_export(lock, job.work)?;
        let output = job.work.join("exported.txt");
        let config = write(job.work, "export.toml", "")?;
        let words = export_words(
            &config,
            &folder.to_string_lossy(),
            &lock.project,
            &output.to_string_lossy(),
        );
        let answer = self.run(job.programs, &words)?;
        say(Event::Said(answer.said.clone()));
        if !answer.succeeded {
            return Err(Failure::world(format!(
                "`{}` cannot be turned into requirements",
                job.wanted.file.display()
            ))
            .note(format!("uv says:\n{}", answer.said))
            .help("`uv lock` updates the lock file"));
        }
        requirements::exported(&output, job.wanted, lock)
    }

    fn refused(&self, answer: &Answer) -> Failure {
        Failure::world("the dependencies cannot be installed").note(format!(
            "{} says:\n{}",
            self.tool.name(),
            answer.said
        ))
    }

    fn lacking(&self, answer: &Answer, runtime: Runtime, inputs: &Inputs) -> Failure {
        let lacking = without_a_wheel(&answer.said);
        let names: Vec<String> = lacking.iter().map(|name| format!("`{name}`")).collect();
        let what = if names.is_empty() {
            "a requirement".to_owned()
        } else {
            names.join(", ")
        };
        let mut message = Message::new(format!(
            "no wheel of {what} fits Python {} on 64-bit ARM",
            minor_version(runtime)
        ));
        // The line that requires it, if any.
        let asked = inputs.requirements.iter().find(|(text, _)| {
            let name = Requirement::read(text).normalized();
            lacking
                .iter()
                .any(|other| crate::package::requirements::normalized(other) == name)
        });
        if let Some((_, at)) = asked {
            message = message.at(at.clone());
        }
        let message = message
            .note(format!("{} says:\n{}", self.tool.name(), answer.said))
            .note("the service builds nothing; it runs wheels for manylinux_2_34 (glibc 2.34) and older")
            .help("require a version that has an aarch64 wheel, or remove the package");
        Failure {
            exit: Exit::World,
            messages: vec![message],
        }
    }
}
