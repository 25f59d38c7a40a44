//! Checks a new project's names and destination.

use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, Value};

use crate::{
    error::Failure,
    names::{AgentName, NameError, ProjectId},
    python::standard::{is_keyword, is_standard},
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

/// The nearest workspace around the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Enclosing {
    /// Its Cargo.toml.
    pub(crate) manifest: PathBuf,
    /// The pattern in `members` that matches the new folder or one below it.
    pub(crate) taking: Option<String>,
    /// The new folder, relative to the workspace.
    pub(crate) folder: String,
}

/// Refuses an occupied destination before anything is written.
pub(crate) fn check_destination(path: &Path, there: Destination) -> Result<(), Failure> {
    let shown = path.display();
    if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
        refuse_reserved(name).map_err(|refused| refused.help("choose another path"))?;
    }
    match there {
        Destination::File => {
            Err(Failure::world(format!("`{shown}` exists and is a file"))
                .help("choose another path"))
        }
        Destination::Directory => Err(Failure::world(format!(
            "the directory `{shown}` exists and is not empty"
        ))
        .help("choose another path, or empty the directory")),
        Destination::Free | Destination::EmptyDirectory => Ok(()),
    }
}

/// Refuses a project of its own that the workspace around it would take for a member.
pub(crate) fn check_standalone(enclosing: &Enclosing) -> Result<(), Failure> {
    let Enclosing {
        manifest,
        taking: Some(pattern),
        folder,
    } = enclosing
    else {
        return Ok(());
    };
    let manifest = manifest.display();
    Err(Failure::config(format!(
        "`members = [\"{pattern}\"]` in `{manifest}` matches `{folder}`, which would be a workspace of its own"
    ))
    .note("cargo would refuse to run in either of them")
    .help(format!(
        "add `exclude = [\"{folder}\"]` to `[workspace]` in {manifest}, or choose another path"
    )))
}

/// Refuses a folder without a manifest that the workspace around it takes for a member.
pub(crate) fn check_joining(enclosing: &Enclosing) -> Result<(), Failure> {
    let Enclosing {
        manifest,
        taking: Some(pattern),
        folder,
    } = enclosing
    else {
        return Ok(());
    };
    let root = manifest.parent().unwrap_or(manifest).display();
    let manifest = manifest.display();
    Err(Failure::config(format!(
        "`members = [\"{pattern}\"]` in `{manifest}` matches `{folder}`, which has no Cargo.toml"
    ))
    .note("cargo refuses to run in this workspace")
    .help(format!(
        "add `exclude = [\"{folder}\"]` to `[workspace]` there, then run `cargo agentcore init --source {folder}` in {root}"
    )))
}

/// Returns the folder that the workspace must exclude, because cargo would look for a package in it.
///
/// # Errors
/// Fails if the workspace lists the folder itself, because that takes precedence over `exclude`.
pub(crate) fn to_exclude(enclosing: &Enclosing) -> Result<Option<&str>, Failure> {
    let Enclosing {
        manifest,
        taking: Some(pattern),
        folder,
    } = enclosing
    else {
        return Ok(None);
    };
    if pattern.contains(['*', '?', '[']) {
        return Ok(Some(folder));
    }
    let manifest = manifest.display();
    Err(Failure::config(format!(
        "`{manifest}` lists `{pattern}` as a member, and a Python agent is not a Rust package"
    ))
    .help(format!(
        "delete `{pattern}` from `members` in {manifest}, or choose another path"
    )))
}

/// Returns a manifest's text with `folder` added to the workspace's `exclude`; `None` if it has no
/// room for it.
pub(crate) fn with_exclude(text: &str, folder: &str) -> Option<String> {
    with_item(text, "exclude", folder)
}

/// Adds an item to a list of `[workspace]`.
fn with_item(text: &str, key: &str, item: &str) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let workspace = document.get_mut("workspace")?.as_table_like_mut()?;
    match workspace.get_mut(key) {
        Some(list) => append(list.as_array_mut()?, item),
        None => {
            let list: Array = std::iter::once(item).collect();
            workspace.insert(key, toml_edit::value(list));
        }
    }
    let edited = document.to_string();
    if text.contains("\r\n") {
        return Some(edited.replace("\r\n", "\n").replace('\n', "\r\n"));
    }
    Some(edited)
}

/// Returns a manifest's text with `folder` added to the workspace's `members`; `None` if it has no
/// room for it.
pub(crate) fn with_member(text: &str, folder: &str) -> Option<String> {
    with_item(text, "members", folder)
}

/// Appends to a list, on a line of its own if its items are.
fn append(list: &mut Array, item: &str) {
    let mut trailing = list.trailing().as_str().unwrap_or_default().to_owned();
    // Without a comma at the end, the line's end belongs to the last item.
    let suffix = list
        .iter()
        .last()
        .and_then(|value| value.decor().suffix()?.as_str());
    if let Some(suffix) = suffix.filter(|suffix| suffix.contains('\n') && !list.trailing_comma()) {
        suffix.clone_into(&mut trailing);
        if let Some(last) = list.iter_mut().last() {
            last.decor_mut().set_suffix("");
        }
    }
    let Some((comments, _)) = trailing.rsplit_once('\n') else {
        list.push(item);
        return;
    };
    let last = list.iter().last();
    let prefix = last.and_then(|value| value.decor().prefix()?.as_str());
    let indent = prefix.and_then(|prefix| prefix.rsplit_once('\n'));
    let indent = indent.map_or("    ", |(_, indent)| indent);
    let value = Value::from(item).decorated(format!("{comments}\n{indent}"), "");
    list.push_formatted(value);
    list.set_trailing("\n");
    list.set_trailing_comma(true);
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
                "the agent is named `{name}`: agent names contain only letters, digits and underscores"
            );
            Ok((name, Some(said)))
        }
        Err(NameError { rule, .. }) => Err(Failure::usage(format!(
            "invalid agent name `{given}`: expected {rule}"
        ))
        .help("name the agent with `--name`")),
    }
}

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

/// Names that cargo does not accept for a package.
const RESERVED: [&str; 6] = ["alloc", "core", "proc_macro", "proc-macro", "std", "test"];

/// Returns the name of a Rust agent's cargo package: the given name if it is the agent's apart from
/// hyphens, else the agent's. Adds a note if cargo does not accept it.
pub(crate) fn cargo_package(given: &str, agent: &AgentName) -> (String, Option<String>) {
    let is_same = given.replace('-', "_") == agent.as_str();
    let name = if is_same { given } else { agent.as_str() };
    if !is_rust_keyword(name) && !RESERVED.contains(&name) {
        return (name.to_owned(), None);
    }
    let package = format!("{name}-agent");
    let said = format!(
        "the package and its agent are called `{package}`, because cargo accepts no package `{name}`"
    );
    (package, Some(said))
}

/// Returns true for a keyword of Rust.
/// Source: <https://doc.rust-lang.org/reference/keywords.html>
fn is_rust_keyword(name: &str) -> bool {
    const KEYWORDS: [&str; 51] = [
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
        "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
        "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
        "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type",
        "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
    ];
    KEYWORDS.contains(&name)
}

/// Returns what is wrong with a package of that name.
fn problem(name: &str) -> Option<&'static str> {
    if is_keyword(name) {
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
    fn a_cargo_package_keeps_its_hyphens_and_takes_no_name_that_cargo_reserves() {
        for (given, agent, package, is_told) in [
            ("my-agent", "my_agent", "my-agent", false),
            ("my_agent", "my_agent", "my_agent", false),
            ("01-streaming", "streaming", "streaming", false),
            ("test", "test", "test-agent", true),
            ("match", "match", "match-agent", true),
        ] {
            let agent = AgentName::parse(agent).unwrap();
            let (found, said) = cargo_package(given, &agent);
            assert_eq!((&*found, said.is_some()), (package, is_told), "{given}");
        }
    }

    #[test]
    fn a_member_is_added_in_the_form_of_the_list() {
        let text = "[workspace]\nmembers = [\"a\"] # b\n";
        let with = "[workspace]\nmembers = [\"a\", \"x/y\"] # b\n";
        assert_eq!(with_member(text, "x/y").as_deref(), Some(with));
    }

    #[test]
    fn the_identity_holds_the_name_and_six_characters() {
        let name = AgentName::parse("my_agent").unwrap();
        assert_eq!(
            project_id(&name, [0, 9, 10, 35, 36, 71]).as_str(),
            "my-agent-09az0z"
        );
    }

    fn enclosing(taking: Option<&str>) -> Enclosing {
        Enclosing {
            manifest: "/ws/Cargo.toml".into(),
            taking: taking.map(str::to_owned),
            folder: "crates/my-agent".into(),
        }
    }

    #[test]
    fn the_line_to_exclude_is_printed() {
        let failure = check_standalone(&enclosing(Some("crates/*"))).unwrap_err();
        assert!(failure.messages[0].help[0].contains("`exclude = [\"crates/my-agent\"]`"));
        assert_eq!(check_standalone(&enclosing(None)), Ok(()));
    }

    #[test]
    fn only_a_folder_that_a_pattern_matches_is_excluded() {
        assert_eq!(to_exclude(&enclosing(None)), Ok(None));
        let folder = Ok(Some("crates/my-agent"));
        assert_eq!(to_exclude(&enclosing(Some("crates/*"))), folder);
        let refused = to_exclude(&enclosing(Some("crates/my-agent"))).unwrap_err();
        assert_eq!(refused.exit, crate::error::Exit::Config);
    }

    #[test]
    fn a_folder_is_excluded_in_the_form_of_the_list() {
        for (before, after) in [
            (
                "[workspace] # why\nmembers = [\"*\"]\n\n[profile.dev]\n",
                "[workspace] # why\nmembers = [\"*\"]\nexclude = [\"x/y\"]\n\n[profile.dev]\n",
            ),
            (
                "[workspace]\nexclude = [\"a\"] # b\n",
                "[workspace]\nexclude = [\"a\", \"x/y\"] # b\n",
            ),
            (
                "[workspace]\r\nexclude = [\r\n  \"a\", # b\r\n  # c\r\n]\r\n",
                "[workspace]\r\nexclude = [\r\n  \"a\", # b\r\n  # c\r\n  \"x/y\",\r\n]\r\n",
            ),
            (
                "[workspace]\nexclude = [\n  \"a\"\n]\n",
                "[workspace]\nexclude = [\n  \"a\",\n  \"x/y\",\n]\n",
            ),
            (
                "workspace = { members = [\"*\"] }\n",
                "workspace = { members = [\"*\"] , exclude = [\"x/y\"] }\n",
            ),
        ] {
            assert_eq!(with_exclude(before, "x/y").as_deref(), Some(after));
        }
        assert_eq!(with_exclude("[workspace]\nexclude = 1\n", "x"), None);
    }
}
