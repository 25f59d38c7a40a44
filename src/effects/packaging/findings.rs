//! Problems in the agent's own files. Reported at every build, even an unchanged one, as a compiler
//! does.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{Broken, Event, Request, Say, bytecode::Unread, requirements::Inputs, writer::Input};
use crate::{
    effects::files::{self, FileError},
    error::{Message, Snippet},
    package::{
        distributions::{self, Modules},
        installer::minor_version,
        requirements::{Requirement, normalized},
    },
    python::{self, Finding, Missing, Program, Reached, Weight, follow, standard},
    system::filename,
    text::did_you_mean,
};

/// Which parser found a syntax error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judge {
    /// The runtime's own Python version.
    Python,
    /// The grammar, which may be older than the language. Used without that Python version.
    Grammar,
}

/// Returns the Python files that the grammar cannot parse.
pub(super) fn unlike_python(program: &Program) -> Vec<Unread> {
    let unread = program.iter().filter_map(|(path, parsed)| {
        let line = parsed.wrong_line?;
        let (path, said) = (path.clone(), "invalid syntax".to_owned());
        Some(Unread { path, line, said })
    });
    unread.collect()
}

/// Follows the imports of the entry point. `entries` are the paths of the dependencies' files.
pub(super) fn follow_imports(request: &Request, entries: &[&str]) -> Reached {
    let files = &request.own.files;
    if !files.contains_key(&request.entrypoint) {
        return Reached::default();
    }
    let own = files.keys().map(String::as_str);
    let modules = python::Modules::new(own, entries.iter().copied());
    let minor = minor_version(request.runtime).rsplit('.').next();
    let minor = minor.and_then(|minor| minor.parse().ok());
    let minor = minor.expect("a Python's version ends in a number");
    follow(&request.entrypoint, &modules, minor, &request.program)
}

/// What is known about the agent's own code.
pub(super) struct Code<'a> {
    pub(super) judge: Judge,
    pub(super) unread: &'a [Unread],
    pub(super) reached: &'a Reached,
}

/// Reports problems in the code, and returns those that prevent shipping.
pub(super) fn judge(
    request: &Request,
    code: &Code<'_>,
    say: Say<'_>,
) -> Result<Vec<Message>, FileError> {
    let Code {
        judge,
        unread,
        reached,
    } = code;
    let files = by_path(request);
    let mut problems = Vec::new();
    let mut tell = |weight: Weight, message: Message| match (weight, request.broken) {
        (Weight::Stops, Broken::Refused) => problems.push(message),
        (Weight::Stops | Weight::Warning, _) => say(Event::Warning(message)),
        (Weight::Note, _) => say(Event::Note(message)),
    };
    for unread in *unread {
        let is_needed = reached.at_start.contains(&unread.path);
        let (weight, message) = not_understood(request, *judge, unread, is_needed);
        tell(
            weight,
            point_at(message, files[unread.path.as_str()], unread)?,
        );
    }
    for finding in &reached.findings {
        let file = files[finding.file.as_str()];
        let at = Snippet {
            file: file.to_owned(),
            text: request.program[&finding.file].text.clone(),
            span: finding.span.clone(),
            label: String::new(),
        };
        tell(finding.weight, missing(request, finding).at(at));
    }
    if let Some(last) = problems.last_mut() {
        last.help
            .push("`--force` ships the agent anyway".to_owned());
    }
    Ok(problems)
}

fn by_path(request: &Request) -> BTreeMap<&str, &Path> {
    let files = request.own.files.iter();
    files
        .map(|(path, origin)| (path.as_str(), origin.from.as_path()))
        .collect()
}

/// Returns the message about a file with a syntax error.
fn not_understood(
    request: &Request,
    judge: Judge,
    unread: &Unread,
    is_needed: bool,
) -> (Weight, Message) {
    let python = format!("Python {}", minor_version(request.runtime));
    let Unread {
        path,
        line: _,
        said: _,
    } = unread;
    let verb = match judge {
        Judge::Python => "cannot",
        Judge::Grammar => "can probably not",
    };
    let message = if *path == request.entrypoint {
        Message::new(format!("{python} {verb} read the entry point `{path}`"))
    } else {
        Message::new(format!("{python} {verb} read `{path}`"))
    };
    if is_needed {
        return (Weight::Stops, message.note("the agent needs it to start"));
    }
    let help = "if it is not meant to be Python (a template, say), leave it out with a line in `.agentcoreignore`";
    (Weight::Warning, message.help(help))
}

/// Returns the message about an import of the agent's package by its former name.
fn former_package(request: &Request, missing: &Missing) -> Option<Message> {
    let Missing::Module { name, near: _ } = missing else {
        return None;
    };
    let agent = &request.agent;
    let package = request
        .package
        .as_ref()
        .filter(|package| *package != agent)?;
    let imported = name.split('.').next();
    (imported == Some(agent)).then(|| python::renamed::message(agent, package))
}

/// Returns the message about a failing import.
fn missing(request: &Request, finding: &Finding) -> Message {
    let Finding {
        file: _,
        span: _,
        missing,
        weight,
        through,
    } = finding;
    let meant = |near: &Option<String>| near.as_deref().map(did_you_mean);
    if let Some(message) = former_package(request, missing) {
        return message;
    }
    let (what, help) = match missing {
        Missing::Module { name, near: _ } if standard::is_standard(name) => (
            format!(
                "Python {} has no module `{name}`",
                minor_version(request.runtime)
            ),
            Some("it is part of other versions of Python".to_owned()),
        ),
        Missing::Module { name, near } => {
            let required = match (python::distributions::of(name), meant(near)) {
                (Some(distribution), _) => {
                    format!("add `{distribution}` to `{}`", request.requirements.key)
                }
                (None, Some(meant)) => meant,
                (None, None) => format!(
                    "add the package that provides it to `{}`",
                    request.requirements.key
                ),
            };
            (
                format!("no module named `{name}` in the agent's files or its dependencies"),
                Some(required),
            )
        }
        Missing::Submodule { name, near } => (format!("no module named `{name}`"), meant(near)),
        Missing::Name { module, name, near } => (
            format!("cannot import `{name}` from `{module}`, which does not define it"),
            meant(near),
        ),
        Missing::Package { is_entry: true } => (
            "the entry point runs as a script, which cannot use relative imports".to_owned(),
            Some("import the module by its full name".to_owned()),
        ),
        Missing::Package { is_entry: false } => (
            "a relative import leads out of the package".to_owned(),
            Some("import the module by its full name".to_owned()),
        ),
    };
    let mut message = Message::new(what);
    if !through.is_empty() {
        let chain: Vec<String> = through.iter().map(|file| format!("`{file}`")).collect();
        message = message.note(format!("imported through {}", chain.join(", ")));
    }
    message = match weight {
        Weight::Stops => message.note("the agent cannot start without it"),
        Weight::Warning => message,
        Weight::Note => message.note("the import fails when that function is called"),
    };
    if let Some(help) = help {
        message = message.help(help);
    }
    message
}

/// Reports files of the agent that would replace a dependency's files or mix with them. `brought`
/// are the dependencies' files.
pub(super) fn collisions(own: &[Input], brought: &[&str], modules: &Modules) -> Vec<Message> {
    let brought: BTreeSet<&str> = brought.iter().copied().collect();
    let mut found: BTreeMap<&str, Message> = BTreeMap::new();
    for file in own {
        let module = distributions::module_of(&file.path);
        let by = module.and_then(|module| Some((module, modules.get(module)?)));
        match by {
            Some((module, by)) if !distributions::is_litter(module) => {
                found
                    .entry(module)
                    .or_insert_with(|| same_module(module, by, file));
            }
            _ if brought.contains(file.path.as_str()) => {
                found.entry(&file.path).or_insert_with(|| same_file(file));
            }
            _ => {}
        }
    }
    found.into_values().collect()
}

fn same_module(module: &str, by: &str, file: &Input) -> Message {
    Message::new(format!(
        "the agent's `{module}` and the `{module}` of {by} would be one in the archive"
    ))
    .note(format!("the agent's is in `{}`", file.from.display()))
    .note("Python would find a mixture of both, or only one of them")
    .help(format!(
        "rename the agent's `{module}`, or remove {by} if nothing imports it"
    ))
}

fn same_file(file: &Input) -> Message {
    Message::new(format!(
        "`{}` is a file of the agent and one of a dependency",
        file.path
    ))
    .note(format!("the agent's is `{}`", file.from.display()))
    .help("rename it, or leave it out with a line in `.agentcoreignore`")
}

/// Reports dependencies that replace a module of Python itself, which usually prevents every start.
pub(super) fn shadowing(modules: &Modules, inputs: &Inputs) -> Vec<Message> {
    let shadows = modules
        .iter()
        .filter(|(module, _)| standard::is_in_every_python(module));
    shadows
        .map(|(module, by)| {
            let message = Message::new(format!(
                "{by} would replace `{module}`, a module of Python itself"
            ))
            .note("whatever imports that module gets the package instead");
            let name = by.split(' ').next().unwrap_or(by);
            let asked = inputs
                .requirements
                .iter()
                .find(|(text, _)| Requirement::read(text).normalized() == normalized(name));
            match asked {
                Some((_, at)) => message
                    .at(at.clone())
                    .help("remove the requirement; Python brings the module"),
                None => message.help(format!(
                    "another package requires {name}; a newer version of it may not"
                )),
            }
        })
        .collect()
}

/// The number of names listed.
const LISTED: usize = 10;

/// Returns a warning about names that other systems cannot store, because a checkout and archives
/// made there lack these files.
pub(super) fn unportable(request: &Request) -> Option<Message> {
    let found = filename::portability(request.own.files.keys().map(String::as_str));
    if found.is_empty() {
        return None;
    }
    let what = "the agent has files whose names do not work on every system";
    let mut message = Message::new(what).help(
        "rename them, or leave them out with a line in `.agentcoreignore`: on such a system they are missing from a checkout of the project and from archives built there",
    );
    for line in found.iter().take(LISTED) {
        message = message.note(line.clone());
    }
    if let Some(more) = found.len().checked_sub(LISTED).filter(|more| *more > 0) {
        message = message.note(format!("and {more} more"));
    }
    Some(message)
}

/// Reports an entry point that ends immediately, because its runtime could never be reached.
pub(super) fn idle_entry(request: &Request, file: &Path) -> Option<Message> {
    if !request.program.get(&request.entrypoint)?.does_nothing {
        return None;
    }
    let what = format!(
        "the entry point `{}` of agent `{}` has no statement, so it starts no server",
        request.entrypoint, request.agent
    );
    let message = Message::new(what)
        .note(format!("it is `{}`", file.display()))
        .help("start a server in it; `cargo agentcore new` creates an example");
    Some(message)
}

/// Adds the line, with Python's message.
fn point_at(message: Message, file: &Path, unread: &Unread) -> Result<Message, FileError> {
    let text = read(file)?;
    let Some(span) = line(&text, unread.line) else {
        return Ok(message.note(format!("`{}`: {}", file.display(), unread.said)));
    };
    Ok(message.at(Snippet {
        file: file.to_owned(),
        text,
        span,
        label: unread.said.clone(),
    }))
}

/// Returns the bytes of a line, counted from 1, without surrounding white space.
fn line(text: &str, number: usize) -> Option<std::ops::Range<usize>> {
    let before: usize = text
        .split_inclusive('\n')
        .take(number.checked_sub(1)?)
        .map(str::len)
        .sum();
    let line = text[before..].lines().next()?;
    let start = before + line.len() - line.trim_start().len();
    Some(start..(before + line.trim_end().len()).max(start))
}

/// Reads a file. Invalid UTF-8 can only be in comments and strings, so replacing it does not affect
/// names.
fn read(file: &Path) -> Result<String, FileError> {
    Ok(String::from_utf8_lossy(&files::read_bytes(file)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_its_number() {
        let text = "a\r\n  b c \n\nd";
        let words = |number| line(text, number).map(|span| &text[span]);
        assert_eq!(words(1), Some("a"));
        assert_eq!(words(2), Some("b c"));
        assert_eq!(words(3), Some(""));
        assert_eq!(words(4), Some("d"));
        assert_eq!((words(0), words(5)), (None, None));
    }
}
