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
                    local(bare).map(Reference::Local)
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

/// The path of a requirement that lies on this machine.
fn local(requirement: &str) -> Option<String> {
    let target = requirement
        .split_once(" @ ")
        .map_or(requirement, |(_, target)| target);
    // Markers and hashes follow the target.
    let target = target.split([';', ' ']).next().unwrap_or(target).trim();
    if let Some(path) = target.strip_prefix("file://") {
        return Some(path.trim_start_matches("localhost").to_owned());
    }
    if let Some(path) = target.strip_prefix("file:") {
        return Some(path.to_owned());
    }
    let path_like = target.starts_with(['.', '/'])
        || Path::new(target)
            .extension()
            .is_some_and(|extension| extension == "whl")
            && !target.contains("://");
    path_like.then(|| target.to_owned())
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
