//! A requirements file as far as it has to be understood: what other files it leads to.

use std::{ops::Range, path::Path};

/// What a requirements file names beside packages of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// `-r` or `-c`: another file of this kind.
    Include(String),
    /// A wheel or a directory on this machine.
    Local(String),
    /// `-e`: installed as a link to this machine.
    Editable(String),
    /// Sources that lie elsewhere: a repository, an archive that is no wheel.
    Sources(String),
}

/// The references with their places, and whether anything is required at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Requirements {
    pub(crate) references: Vec<(Range<usize>, Reference)>,
    pub(crate) requires: bool,
}

/// How the file wants to be installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Requirements,
    Pyproject,
    Lock,
}

impl Kind {
    pub(crate) fn of(file: &str) -> Self {
        match Path::new(file).file_name().and_then(|name| name.to_str()) {
            Some("pyproject.toml") => Self::Pyproject,
            Some("uv.lock") => Self::Lock,
            _ => Self::Requirements,
        }
    }
}

impl Requirements {
    pub(crate) fn read(text: &str) -> Self {
        let mut found = Self::default();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let line = without_comment(line.trim_end());
            let bare = line.trim();
            if bare.is_empty() {
                continue;
            }
            let start = start + (line.len() - line.trim_start().len());
            let place = start..start + bare.len();
            let (option, value) = option(bare);
            let reference = match option {
                Some("-r" | "--requirement" | "-c" | "--constraint") => {
                    Some(Reference::Include(value.to_owned()))
                }
                Some("-e" | "--editable") => Some(Reference::Editable(value.to_owned())),
                Some(_) => None,
                None => {
                    found.requires = true;
                    beside_the_index(bare)
                }
            };
            if let Some(reference) = reference {
                found.references.push((place, reference));
            }
        }
        found
    }
}

fn without_comment(line: &str) -> &str {
    let cut = line
        .char_indices()
        .find(|(at, c)| *c == '#' && (*at == 0 || line[..*at].ends_with(char::is_whitespace)));
    cut.map_or(line, |(at, _)| &line[..at])
}

/// An option and its value, written in one of the three ways.
fn option(line: &str) -> (Option<&str>, &str) {
    if !line.starts_with('-') {
        return (None, line);
    }
    if !line.starts_with("--") && line.len() > 2 && !line[2..].starts_with([' ', '=']) {
        return (Some(&line[..2]), &line[2..]);
    }
    let (option, value) = line
        .split_once(|c: char| c == '=' || c.is_whitespace())
        .unwrap_or((line, ""));
    (Some(option), value.trim())
}

/// What a requirement leads to that is no package of an index and no wheel behind an address.
pub(crate) fn beside_the_index(requirement: &str) -> Option<Reference> {
    // Markers and hashes follow the target.
    let target = target(requirement);
    let target = target.split([';', ' ']).next().unwrap_or(target).trim();
    if let Some(path) = target.strip_prefix("file://") {
        let path = path.trim_start_matches("localhost").to_owned();
        return Some(Reference::Local(path));
    }
    if let Some(path) = target.strip_prefix("file:") {
        return Some(Reference::Local(path.to_owned()));
    }
    if let Some((scheme, rest)) = target.split_once("://") {
        let path = rest.split(['?', '#']).next().unwrap_or(rest);
        let is_wheel = !scheme.contains('+') && is_wheel(path);
        return (!is_wheel).then(|| Reference::Sources(target.to_owned()));
    }
    let path_like = target.starts_with(['.', '/']) || is_wheel(target);
    path_like.then(|| Reference::Local(target.to_owned()))
}

fn is_wheel(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "whl")
}

/// What follows `name[extras] @`, with or without the spaces; the whole where there is no name.
fn target(requirement: &str) -> &str {
    let Some((name, target)) = requirement.split_once('@') else {
        return requirement;
    };
    let is_name = !name.trim().is_empty()
        && name
            .trim()
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"-_.[], ".contains(&c));
    if is_name { target.trim() } else { requirement }
}

/// The dependencies of a `pyproject.toml` that lead beside the index, with their places. A text that
/// cannot be parsed has none: whoever installs from it says what is wrong.
pub(crate) fn of_pyproject(text: &str) -> Vec<(Range<usize>, Reference)> {
    let Ok(document) = toml_edit::Document::parse(text) else {
        return Vec::new();
    };
    let listed = document
        .get("project")
        .and_then(|project| project.get("dependencies"))
        .and_then(toml_edit::Item::as_array);
    let mut found: Vec<(Range<usize>, Reference)> = listed
        .into_iter()
        .flatten()
        .filter_map(|value| Some((value.span()?, beside_the_index(value.as_str()?)?)))
        .collect();
    let sources = document
        .get("tool")
        .and_then(|tool| tool.get("uv")?.get("sources"))
        .and_then(toml_edit::Item::as_table_like);
    for (_, source) in sources.into_iter().flat_map(toml_edit::TableLike::iter) {
        let git = source.get("git").and_then(toml_edit::Item::as_str);
        if let (Some(address), Some(span)) = (git, source.span()) {
            found.push((span, Reference::Sources(address.to_owned())));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(text: &str) -> Vec<Reference> {
        let found = Requirements::read(text).references;
        found.into_iter().map(|(_, reference)| reference).collect()
    }

    #[test]
    fn other_files_are_found_however_the_option_is_written() {
        let include = |path: &str| Reference::Include(path.to_owned());
        assert_eq!(
            references("-r a.txt\n  -rb.txt # why\n--constraint=c.txt\n--requirement d.txt\n"),
            [
                include("a.txt"),
                include("b.txt"),
                include("c.txt"),
                include("d.txt")
            ]
        );
    }

    #[test]
    fn what_lies_on_this_machine_is_told_from_what_an_index_has() {
        assert_eq!(
            references(
                "./dist/a-1-py3-none-any.whl\nb @ file:///w/b.whl ; python_version > '3'\n-e .\n\
                 c==1.0 --hash=sha256:00\nd @ https://h/d.whl\n--index-url https://h/simple\n"
            ),
            [
                Reference::Local("./dist/a-1-py3-none-any.whl".to_owned()),
                Reference::Local("/w/b.whl".to_owned()),
                Reference::Editable(".".to_owned()),
            ]
        );
    }

    #[test]
    fn what_would_have_to_be_built_is_told_from_wheels_behind_addresses() {
        let sources = |target: &str| Reference::Sources(target.to_owned());
        assert_eq!(
            references(
                "git+https://h/a.git@v1#egg=a\nb @ git+ssh://git@h/b\nc@https://h/c-1.tar.gz ; x\n\
                 d[x,y] @ https://h/d-1-py3-none-any.whl#sha256=00\ne@file:///w/e.whl\n\
                 git+https://h/f-1-py3-none-any.whl\ng==1 ; extra == 'a@b'\n"
            ),
            [
                sources("git+https://h/a.git@v1#egg=a"),
                sources("git+ssh://git@h/b"),
                sources("https://h/c-1.tar.gz"),
                Reference::Local("/w/e.whl".to_owned()),
                sources("git+https://h/f-1-py3-none-any.whl"),
            ]
        );
    }

    #[test]
    fn a_pyproject_points_at_its_sources_elsewhere() {
        let text = "[project]\ndependencies = [\n  \"boto3\",\n  \"a @ git+https://h/a\",\n]\n\n\
                    [tool.uv.sources]\nb = { git = \"https://h/b\" }\nc = { index = \"x\" }\n";
        let found = of_pyproject(text);
        let shown: Vec<&str> = found.iter().map(|(span, _)| &text[span.clone()]).collect();
        assert_eq!(
            shown,
            ["\"a @ git+https://h/a\"", "{ git = \"https://h/b\" }"]
        );
        assert_eq!(found[1].1, Reference::Sources("https://h/b".to_owned()));
        assert_eq!(of_pyproject("not toml"), []);
    }

    #[test]
    fn comments_and_options_require_nothing() {
        assert!(!Requirements::read("# nothing\n\n--index-url https://h/simple\n").requires);
        assert!(Requirements::read("a#egg\n").requires);
    }

    #[test]
    fn a_reference_is_pointed_at() {
        let text = "boto3\n  -e ./lib  # mine\n";
        let (place, _) = Requirements::read(text).references[0].clone();
        assert_eq!(&text[place], "-e ./lib");
    }
}
