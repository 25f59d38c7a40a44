//! Checks a new project's names and destination.

use std::path::{Path, PathBuf};

use crate::{
    error::Failure,
    names::{AgentName, NameError, ProjectId},
    python::standard::is_standard,
    system::filename,
};

/// What exists at the project's destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    Free,
    EmptyDirectory,
    Directory,
    File,
}

/// A workspace that contains the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Enclosing {
    /// Its Cargo.toml.
    pub(crate) manifest: PathBuf,
    /// The pattern in `members` that matches the new folder.
    pub(crate) pattern: String,
    /// The new folder, relative to the workspace.
    pub(crate) folder: String,
}

/// Refuses an occupied destination before anything is written.
pub(crate) fn check_place(
    path: &Path,
    there: Destination,
    enclosing: Option<&Enclosing>,
) -> Result<(), Failure> {
    let shown = path.display();
    if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
        refuse_reserved(name).map_err(|refused| refused.help("choose another path"))?;
    }
    match there {
        Destination::File => {
            return Err(Failure::world(format!("`{shown}` exists and is a file"))
                .help("choose another path"));
        }
        Destination::Directory => {
            return Err(
                Failure::world(format!("the directory `{shown}` exists and is not empty"))
                    .help("choose another path, or empty the directory"),
            );
        }
        Destination::Free | Destination::EmptyDirectory => {}
    }
    let Some(Enclosing {
        manifest,
        pattern,
        folder,
    }) = enclosing
    else {
        return Ok(());
    };
    Err(Failure::config(format!(
        "the workspace of `{}` would take `{folder}` in by its members `{pattern}`",
        manifest.display()
    ))
    .note("the new project is a workspace of its own, so that every cargo command of the other one would fail")
    .help(format!("add `exclude = [\"{folder}\"]` to `[workspace]` in {}, or choose another path", manifest.display())))
}

/// Refuses a name that Windows reserves, so that the project can be checked out there.
fn refuse_reserved(name: &str) -> Result<(), Failure> {
    if filename::is_reserved(name) {
        let what = format!("the name `{name}` cannot be used: it is a reserved Windows filename");
        return Err(Failure::usage(what));
    }
    Ok(())
}

/// Derives the agent's name from a folder's: replaces invalid characters with underscores and drops
/// an invalid start. Returns a note if the name changed.
pub(crate) fn agent_name(given: &str) -> Result<(AgentName, Option<String>), Failure> {
    refuse_reserved(given).map_err(|refused| refused.help("name the agent with `--name`"))?;
    if let Ok(name) = AgentName::parse(given) {
        return Ok((name, None));
    }
    let legal: String = given
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let legal = legal.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let legal: String = legal.chars().take(48).collect();
    match AgentName::parse(legal.trim_end_matches('_')) {
        Ok(name) => {
            let said = format!(
                "the agent is named `{name}`: a name is a letter, then letters, digits and underscores"
            );
            Ok((name, Some(said)))
        }
        Err(NameError { rule, .. }) => Err(Failure::usage(format!(
            "`{given}` is not a valid agent name: {rule}"
        ))
        .help("name the agent with `--name`")),
    }
}

/// Keywords that Python cannot import.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];
/// Packages that the agent imports; a package with the same name would hide them.
const TAKEN: [&str; 6] = [
    "bedrock_agentcore",
    "strands",
    "boto3",
    "botocore",
    "starlette",
    "uvicorn",
];
/// Folders with a special meaning, and what would happen to an agent in them.
const FOLDERS: [(&str, &str); 4] = [
    ("deployment", "would be in the folder that is shipped"),
    (
        "target",
        "would be in cargo's own folder, which git ignores and `cargo clean` deletes",
    ),
    ("tests", "would be in the folder of the tests"),
    (
        "node_modules",
        "would not be shipped, like any folder of that name",
    ),
];

/// Returns the name of the agent's package: the agent's name, or another one with a note if that is
/// not possible.
pub(crate) fn package(name: &AgentName) -> (String, Option<String>) {
    match problem(name.as_str()) {
        None => (name.to_string(), None),
        Some(problem) => {
            let package = format!("{name}_agent");
            let said =
                format!("the agent's package is called `{package}`: one called `{name}` {problem}");
            (package, Some(said))
        }
    }
}

/// Returns what is wrong with a package of that name.
fn problem(name: &str) -> Option<&'static str> {
    if KEYWORDS.contains(&name) {
        return Some("could not be imported");
    }
    if TAKEN.contains(&name) {
        return Some("would hide a package that the agent imports");
    }
    if is_standard(name) {
        return Some("would hide a module of Python's standard library");
    }
    // Another developer's file system may ignore case.
    FOLDERS
        .iter()
        .find(|(folder, _)| folder.eq_ignore_ascii_case(name))
        .map(|(_, problem)| *problem)
}

/// Returns the name and six random characters; `random` contains numbers below 36.
pub(crate) fn project_id(name: &AgentName, random: [u8; 6]) -> ProjectId {
    let tail: String = random
        .into_iter()
        .map(|number| {
            char::from_digit(u32::from(number % 36), 36).expect("a number below 36 is a digit")
        })
        .collect();
    let head = name.as_str().replace('_', "-").to_ascii_lowercase();
    ProjectId::parse(&format!("{head}-{tail}")).expect("a name and six characters are an identity")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyphens_are_mapped_and_said_and_what_cannot_be_mapped_is_refused() {
        let (name, said) = agent_name("my-agent").unwrap();
        assert_eq!(name.as_str(), "my_agent");
        assert!(said.unwrap().contains("`my_agent`"));
        for (folder, name) in [
            ("01-streaming", "streaming"),
            ("_private", "private"),
            ("1st agent", "st_agent"),
            ("2024.05-report!", "report"),
            ("Größe", "Gr__e"),
        ] {
            assert_eq!(agent_name(folder).unwrap().0.as_str(), name, "{folder}");
        }
        let long = "x-".repeat(40);
        assert_eq!(agent_name(&long).unwrap().0.as_str().len(), 47);
        for reserved in ["con", "AUX", "nul.py"] {
            let failure = agent_name(reserved).unwrap_err();
            assert!(
                failure.messages[0]
                    .what
                    .contains("reserved Windows filename")
            );
        }
        let failure = agent_name("2024-05").unwrap_err();
        assert_eq!(failure.messages[0].help, ["name the agent with `--name`"]);
    }

    #[test]
    fn a_package_does_not_take_a_name_that_python_the_agent_or_the_project_needs() {
        for (name, reason) in [
            ("class", "could not be imported"),
            ("strands", "hide a package"),
            ("json", "hide a module of Python's standard library"),
            ("deployment", "the folder that is shipped"),
            ("Target", "`cargo clean` deletes"),
            ("node_modules", "would not be shipped"),
            ("tests", "the folder of the tests"),
        ] {
            let (package, said) = package(&AgentName::parse(name).unwrap());
            assert_eq!(package, format!("{name}_agent"));
            assert!(said.unwrap().contains(reason), "{name}");
        }
        for free in ["my_agent", "src", "test_agent", "invoke", "Class", "Json"] {
            let name = AgentName::parse(free).unwrap();
            assert_eq!(package(&name), (free.to_owned(), None));
        }
    }

    #[test]
    fn the_identity_holds_the_name_and_six_characters() {
        let name = AgentName::parse("my_agent").unwrap();
        assert_eq!(
            project_id(&name, [0, 9, 10, 35, 36, 71]).as_str(),
            "my-agent-09az0z"
        );
    }

    #[test]
    fn the_line_to_exclude_is_printed() {
        let enclosing = Enclosing {
            manifest: "/ws/Cargo.toml".into(),
            pattern: "crates/*".into(),
            folder: "crates/my-agent".into(),
        };
        let failure = check_place(Path::new("x"), Destination::Free, Some(&enclosing)).unwrap_err();
        assert!(failure.messages[0].help[0].contains("`exclude = [\"crates/my-agent\"]`"));
    }
}
