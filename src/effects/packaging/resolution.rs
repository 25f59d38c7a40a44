//! Compares what was installed with the newest versions that the requirements allow.

use std::{collections::BTreeSet, path::Path};

use super::{
    installer::{Installer, Job, Papers},
    requirements::Inputs,
};
use crate::{
    effects::files,
    error::{Exit, Failure, Message},
    package::{
        installer::{Given, Wheels, minor_version, newest_words},
        newest::{self, Behind, Installed, Versions, Why},
        requirements::{Origin, Requirement},
        tracing,
    },
};

/// Returns the packages that are behind. Fails if the newest version of one of the agent's own
/// requirements has no wheel and the installed one is far older.
pub(super) fn behind(
    installer: &Installer,
    job: &Job<'_>,
    papers: &Papers,
    inputs: &Inputs,
) -> Result<Vec<Behind>, Failure> {
    let all = installed(job.target)?;
    let asked: Vec<Requirement> = inputs
        .requirements
        .iter()
        .map(|(text, _)| Requirement::read(text))
        .chain(
            inputs
                .constraints
                .iter()
                .map(|text| Requirement::read(text)),
        )
        .collect();
    // Packages from other sources are not searched on the common indexes.
    let elsewhere: BTreeSet<String> = asked
        .iter()
        .filter(|required| required.place() != Origin::Index)
        .map(Requirement::normalized)
        .chain(
            inputs
                .pinned
                .iter()
                .map(|(text, _)| Requirement::read(text).normalized()),
        )
        .collect();
    let all: Vec<Installed> = all
        .into_iter()
        .filter(|installed| !elsewhere.contains(&installed.name))
        .collect();
    let files = papers.files();
    let target = job.target.to_string_lossy();
    let given = papers.given(&files, &target, &installer.python, inputs);
    let ask = |names: &BTreeSet<String>, wheels: Wheels| {
        let mut text: String = inputs
            .options
            .iter()
            .flat_map(|line| [line.as_str(), "\n"])
            .collect();
        text.push_str(&newest::question(&all, &asked, names));
        resolve(installer, job, &given, (&text, wheels))
    };
    let names = all.iter().map(|installed| installed.name.clone()).collect();
    let Some(newest) = ask(&names, Wheels::OrSources)? else {
        return Ok(Vec::new());
    };
    let other = ask(&names, Wheels::ForOthers)?.unwrap_or_default();
    let names = newest::names_behind(&all, &newest, &other);
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let fitting = ask(&names, Wheels::Fitting)?.unwrap_or_default();
    let mut behind = newest::behind(&all, &newest, &fitting, &other);
    // Versions that packages choose for each other do not matter unless the agent requires them.
    let own: BTreeSet<String> = asked.iter().map(Requirement::normalized).collect();
    behind.retain(|behind| behind.why != Why::OtherPackages || own.contains(&behind.name));
    refuse_ancient(&behind, job, inputs)?;
    Ok(behind)
}

/// Returns `None` if the installer fails, because nothing depends on the answer.
fn resolve(
    installer: &Installer,
    job: &Job<'_>,
    given: &Given<'_>,
    (text, wheels): (&str, Wheels),
) -> Result<Option<Versions>, Failure> {
    let file = super::installer::write(job.work, "newest.in", text)?;
    let words = newest_words(job.runtime, given, &file, wheels);
    let answer = installer.run(job.programs, &words)?;
    Ok(answer.succeeded.then(|| newest::versions(&answer.stdout)))
}

fn installed(target: &Path) -> Result<Vec<Installed>, Failure> {
    let mut all = Vec::new();
    for name in files::names_in(target)? {
        if !name.ends_with(".dist-info") {
            continue;
        }
        if let Some(text) = files::read_text(&target.join(name).join("METADATA"))
            .ok()
            .flatten()
        {
            all.extend(newest::installed(&text));
        }
    }
    Ok(all)
}

fn refuse_ancient(behind: &[Behind], job: &Job<'_>, inputs: &Inputs) -> Result<(), Failure> {
    let ancient = behind
        .iter()
        .filter(|behind| behind.why == Why::SourceOnly && behind.is_another_line());
    let messages: Vec<Message> = ancient
        .filter_map(|behind| {
            let asked = inputs
                .requirements
                .iter()
                .find(|(text, _)| Requirement::read(text).normalized() == behind.name);
            let (_, at) = asked?;
            Some(
                Message::new(format!(
                    "`{}` {} exists only as a source distribution, and nothing is built",
                    behind.name, behind.newest
                ))
                .at(at.clone())
                .note(format!(
                    "the newest version with a wheel for Python {} on 64-bit ARM is {}",
                    minor_version(job.runtime),
                    behind.version
                ))
                .help(format!(
                    "build a wheel of it and require that, or take the older one: `{}<={}`",
                    behind.name, behind.version
                )),
            )
        })
        .collect();
    if messages.is_empty() {
        return Ok(());
    }
    Err(Failure {
        exit: Exit::World,
        messages,
    })
}

/// Returns the warning about them, for every build.
pub(super) fn warning(behind: &[Behind], python: &str) -> Option<Message> {
    if behind.is_empty() {
        return None;
    }
    let what = match behind.len() {
        1 => "a package is older than the newest version that the requirements allow".to_owned(),
        number => {
            format!(
                "{number} packages are older than the newest versions that the requirements allow"
            )
        }
    };
    let message = Message::new(what);
    Some(behind.iter().fold(message, |message, behind| {
        message.note(behind.reason(python))
    }))
}

/// Returns the warning about a version of the OpenTelemetry distribution that sends no traces.
/// `file` is the requirements file.
pub(super) fn no_traces(version: &str, inputs: &Inputs, file: &str) -> Message {
    let message = Message::new(format!(
        "`{}` {version} sends no traces from a new runtime",
        tracing::DISTRIBUTION
    ))
    .note(tracing::WHY);
    let asked = inputs
        .requirements
        .iter()
        .find(|(text, _)| Requirement::read(text).normalized() == tracing::DISTRIBUTION);
    match asked {
        Some((_, at)) => message
            .at(at.clone())
            .help(format!("require `{}`", tracing::CURRENT)),
        None => message.help(format!("add `{}` to `{file}`", tracing::CURRENT)),
    }
}
