//! What is worth a warning in the agent's own files. Told at every build, an unchanged one included,
//! as a compiler does.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    Request, bytecode::Unread, dependencies::has_extension, requirements::Inputs, writer::Input,
};
use crate::{
    effects::files::{self, FileError},
    error::{Failure, Message, Snippet},
    package::{
        distributions::{self, Modules},
        imports, renamed,
        requirements::{Requirement, normalized},
        syntax::{does_nothing, first_wrong_line},
    },
};

/// Who found that a file is no Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judge {
    /// The runtime's own version.
    Python,
    /// A grammar, which may lag behind the language: without that Python, nobody knows better.
    Grammar,
}

/// What the grammar does not take for Python, among Python files.
pub(super) fn unlike_python(own: &[Input]) -> Result<Vec<Unread>, FileError> {
    let mut unread = Vec::new();
    for file in own.iter().filter(|file| has_extension(&file.path, "py")) {
        if let Some(line) = first_wrong_line(&read(&file.from)?) {
            unread.push(Unread {
                path: file.path.clone(),
                line,
                said: "invalid syntax".to_owned(),
            });
        }
    }
    Ok(unread)
}

/// `root` are the names at the archive's root.
pub(super) fn warnings(
    request: &Request,
    judge: Judge,
    unread: &[Unread],
    root: &[&str],
) -> Result<Vec<Message>, FileError> {
    let mut warnings = Vec::new();
    for unread in unread {
        let python = python(request);
        let what = match judge {
            Judge::Python => format!(
                "`{}` is shipped, and {python} does not understand it",
                unread.path
            ),
            Judge::Grammar => format!(
                "`{}` is shipped, and {python} will hardly understand it",
                unread.path
            ),
        };
        let message = point_at(Message::new(what), request, unread)?;
        warnings.push(message.help(
            "an `.agentcoreignore` leaves out what is no Python of its own, such as a template",
        ));
    }
    let Some(entry) = request.own.files.get(&request.entrypoint) else {
        return Ok(warnings);
    };
    let file = entry.from.clone();
    let text = read(&file)?;
    // Python looks first where the script is that it was started with.
    let beside = request.own.beside(&request.entrypoint);
    let shipped = root.iter().copied();
    let shipped = shipped.chain(beside);
    for (span, name) in imports::missing(&text, shipped) {
        let what = format!(
            "the entry point imports `{name}`, which neither the requirements nor the agent's own files bring"
        );
        let help = format!(
            "require the package that has it in `{}`",
            request.requirements.key
        );
        let at = Snippet {
            file: file.clone(),
            text: text.clone(),
            span,
            label: String::new(),
        };
        warnings.push(Message::new(what).at(at).help(help));
    }
    Ok(warnings)
}

/// Files of the agent that would take the place of a dependency's, or be mixed up with one. `brought` are
/// the files of the dependencies.
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
        "rename the agent's `{module}`, or do without {by} if nothing imports it"
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

/// Dependencies that take the place of one of Python's own modules: mostly nothing can start then.
pub(super) fn shadowing(modules: &Modules, inputs: &Inputs) -> Vec<Message> {
    let shadows = modules
        .iter()
        .filter(|(module, _)| imports::is_in_every_python(module));
    shadows
        .map(|(module, by)| {
            let message = Message::new(format!(
                "{by} would take the place of `{module}`, a module of Python itself"
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

/// An entry point that imports the package by a name that it has no more.
pub(super) fn renamed(request: &Request, root: &[&str]) -> Result<Option<Message>, FileError> {
    let Some(entry) = request.own.files.get(&request.entrypoint) else {
        return Ok(None);
    };
    let text = read(&entry.from)?;
    let package = request.package.as_deref();
    let shipped = root.iter().copied();
    Ok(renamed::renamed(
        &request.agent,
        package,
        (&entry.from, &text),
        shipped,
    ))
}

/// An entry point that ends at once leaves a runtime that nobody can reach.
pub(super) fn idle_entry(request: &Request, file: &Path) -> Result<Option<Message>, FileError> {
    if !does_nothing(&read(file)?) {
        return Ok(None);
    }
    let what = format!(
        "the entry point `{}` of agent `{}` holds no statement, so it starts no server",
        request.entrypoint, request.agent
    );
    let message = Message::new(what)
        .note(format!("it is `{}`", file.display()))
        .help("`cargo agentcore new` shows in a new project what one looks like");
    Ok(Some(message))
}

/// Without an entry point that can be read there is no agent.
pub(super) fn unreadable_entry(request: &Request, unread: &Unread) -> Result<Message, Failure> {
    let what = format!(
        "{} does not understand the entry point `{}`",
        python(request),
        request.entrypoint
    );
    Ok(point_at(Message::new(what), request, unread)?)
}

fn python(request: &Request) -> String {
    request.runtime.as_str().replace("python", "Python ")
}

/// At the line, with what Python says of it.
fn point_at(message: Message, request: &Request, unread: &Unread) -> Result<Message, FileError> {
    let Some(origin) = request.own.files.get(&unread.path) else {
        return Ok(message.note(unread.said.clone()));
    };
    let file = origin.from.clone();
    let text = read(&file)?;
    let Some(span) = line(&text, unread.line) else {
        return Ok(message.note(format!("`{}`: {}", file.display(), unread.said)));
    };
    Ok(message.at(Snippet {
        file,
        text,
        span,
        label: unread.said.clone(),
    }))
}

/// The bytes of a line, counted from 1, without the white space around them.
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

/// What is not UTF-8 can stand in comments and strings only, as far as names go.
fn read(file: &Path) -> Result<String, FileError> {
    Ok(String::from_utf8_lossy(&files::read_bytes(file)?).into_owned())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write what is read")]
mod tests {
    use std::fs;

    use super::{
        super::{Requirements, Reuse},
        *,
    };
    use crate::{
        config::{Bytecode, Runtime},
        package::composition::{Composition, Origin},
    };

    #[test]
    fn modules_beside_the_entry_point_are_its_own() {
        let home = tempfile::tempdir().expect("a directory");
        let main = home.path().join("main.py");
        fs::write(
            &main,
            "import beside\nimport os\nimport shipped\nimport nowhere\n",
        )
        .expect("a file");
        let files = ["src/beside.py", "src/main.py"].map(|path| {
            let origin = Origin {
                from: main.clone(),
                hash: String::new(),
                size: 0,
                modified: None,
                executable: false,
                instead: None,
            };
            (path.to_owned(), origin)
        });
        let request = Request {
            agent: "a".to_owned(),
            root: home.path().to_owned(),
            own: Composition {
                files: files.into(),
            },
            problems: Vec::new(),
            package: Some("a".to_owned()),
            entrypoint: "src/main.py".to_owned(),
            requirements: Requirements {
                key: "requirements.txt".to_owned(),
                file: home.path().join("requirements.txt"),
            },
            runtime: Runtime::Python313,
            bytecode: Bytecode::Auto,
            output: crate::effects::folder::Folder::private(home.path().to_owned()).join("built"),
            reuse: Reuse::Cache,
        };
        let told =
            warnings(&request, Judge::Grammar, &[], &["shipped", "src"]).expect("it is read");
        let places: Vec<&str> = told
            .iter()
            .filter_map(|message| message.at.as_ref())
            .map(|at| &at.text[at.span.clone()])
            .collect();
        assert_eq!(places, ["nowhere"]);
    }

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
