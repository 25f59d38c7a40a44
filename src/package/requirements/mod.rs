//! An agent's requirements: the source of each one, and the files that they refer to.

pub(crate) mod lines;
pub(crate) mod lock;
pub(crate) mod pyproject;
pub(crate) mod python;

use std::path::Path;

pub(crate) use crate::names::distribution::normalized;

/// The kind of a requirements file.
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

/// The parts of a requirement: `name[extras] rest ; marker`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Requirement {
    /// As written; empty if the requirement is only an address or a path.
    pub(crate) name: String,
    pub(crate) extras: Vec<String>,
    /// The version specifiers, or the text after `@`.
    pub(crate) versions: String,
    pub(crate) target: Option<String>,
    /// Includes everything after it, such as hashes.
    pub(crate) marker: String,
}

/// The source of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Index,
    /// A wheel at an address.
    WheelAt(String),
    /// A wheel or a directory on this machine.
    Local(String),
    /// Sources elsewhere: a repository, or an archive that is not a wheel.
    Sources(String),
}

impl Requirement {
    pub(crate) fn read(text: &str) -> Self {
        let text = text.trim();
        let name_end = text
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
            .unwrap_or(text.len());
        let (name, rest) = text.split_at(name_end);
        let rest = rest.trim_start();
        let (extras, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((extras, rest)) => (extras, rest.trim_start()),
            None => ("", rest),
        };
        let extras: Vec<String> = extras
            .split(',')
            .map(str::trim)
            .filter(|extra| !extra.is_empty())
            .map(str::to_owned)
            .collect();
        let named = |target: Option<&str>, versions: &str, marker: &str| Self {
            name: name.to_owned(),
            extras: extras.clone(),
            versions: versions.trim().to_owned(),
            target: target.map(str::to_owned),
            marker: marker.trim().to_owned(),
        };
        let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !is_wheel(name);
        if let Some(target) = rest.strip_prefix('@')
            && is_name
        {
            let (target, marker) = cut(target.trim(), &[" ;", " --", " "]);
            let (target, glued) = cut(target, &[";"]);
            let marker = if glued.is_empty() { marker } else { glued };
            return named(Some(target), "", marker.trim_start_matches([' ', ';']));
        }
        let versions_follow =
            rest.is_empty() || rest.starts_with(['=', '<', '>', '!', '~', '(', ';', '-']);
        if is_name && versions_follow {
            let (versions, marker) = cut(rest, &[";", " --"]);
            return named(None, versions, marker.trim_start_matches(';'));
        }
        let (target, marker) = cut(text, &[";", " --", " "]);
        let target = target.trim();
        let (target, extras) = match target.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
            Some((target, extras)) => (target, extras.split(',').map(str::to_owned).collect()),
            None => (target, extras),
        };
        Self {
            target: Some(target.to_owned()),
            extras,
            marker: marker.trim_start_matches([' ', ';']).trim().to_owned(),
            ..Self::default()
        }
    }

    /// Returns the normalized name, as indexes compare it.
    pub(crate) fn normalized(&self) -> String {
        normalized(&self.name)
    }

    pub(crate) fn place(&self) -> Origin {
        match &self.target {
            None => Origin::Index,
            Some(target) => place(target),
        }
    }

    /// Returns the same requirement with another address.
    pub(crate) fn found_at(&self, address: &str) -> String {
        let mut text = self.name.clone();
        if !self.extras.is_empty() {
            text.extend(["[", &self.extras.join(","), "]"]);
        }
        text.extend([" @ ", address]);
        if self.marker.starts_with("--") {
            text.extend([" ", &self.marker]);
        } else if !self.marker.is_empty() {
            text.extend([" ; ", &self.marker]);
        }
        text
    }
}

/// Splits at the first of the marks, which belongs to the second part.
fn cut<'t>(text: &'t str, marks: &[&str]) -> (&'t str, &'t str) {
    let at = marks.iter().filter_map(|mark| text.find(mark)).min();
    text.split_at(at.unwrap_or(text.len()))
}

/// Returns the source that an address or a path refers to.
pub(crate) fn place(target: &str) -> Origin {
    if let Some(path) = target.strip_prefix("file://") {
        return Origin::Local(path.trim_start_matches("localhost").to_owned());
    }
    if let Some(path) = target.strip_prefix("file:") {
        return Origin::Local(path.to_owned());
    }
    if let Some((scheme, rest)) = target.split_once("://") {
        let path = rest.split(['?', '#']).next().unwrap_or(rest);
        return if !scheme.contains('+') && is_wheel(path) {
            Origin::WheelAt(target.to_owned())
        } else {
            Origin::Sources(target.to_owned())
        };
    }
    Origin::Local(target.to_owned())
}

pub(crate) fn is_wheel(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "whl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_falls_into_its_parts() {
        for (text, name, extras, versions, target, marker) in [
            ("boto3", "boto3", "", "", None, ""),
            ("a>=1,<2", "a", "", ">=1,<2", None, ""),
            (
                "a [x, y] == 1.0 ; python_version > '3'",
                "a",
                "x,y",
                "== 1.0",
                None,
                "python_version > '3'",
            ),
            (
                "c==1.0 --hash=sha256:00",
                "c",
                "",
                "==1.0",
                None,
                "--hash=sha256:00",
            ),
            (
                "g==1 ; extra == 'a@b'",
                "g",
                "",
                "==1",
                None,
                "extra == 'a@b'",
            ),
            (
                "b @ file:///w/b.whl ; x",
                "b",
                "",
                "",
                Some("file:///w/b.whl"),
                "x",
            ),
            (
                "c@https://h/c-1.tar.gz ; x",
                "c",
                "",
                "",
                Some("https://h/c-1.tar.gz"),
                "x",
            ),
            ("./dist/a-1.whl", "", "", "", Some("./dist/a-1.whl"), ""),
            (
                "a-1-py3-none-any.whl",
                "",
                "",
                "",
                Some("a-1-py3-none-any.whl"),
                "",
            ),
            ("lib/x ; y", "", "", "", Some("lib/x"), "y"),
            (".[x]", "", "x", "", Some("."), ""),
            (
                "git+https://h/a.git@v1#egg=a",
                "",
                "",
                "",
                Some("git+https://h/a.git@v1#egg=a"),
                "",
            ),
        ] {
            let found = Requirement::read(text);
            assert_eq!(
                (
                    found.name.as_str(),
                    found.extras.join(",").as_str(),
                    found.versions.as_str(),
                    found.target.as_deref(),
                    found.marker.as_str()
                ),
                (name, extras, versions, target, marker),
                "{text}"
            );
        }
    }

    #[test]
    fn what_would_have_to_be_built_is_told_from_wheels_behind_addresses() {
        let sources = |target: &str| Origin::Sources(target.to_owned());
        let local = |target: &str| Origin::Local(target.to_owned());
        for (text, place) in [
            ("git+https://h/a.git@v1", sources("git+https://h/a.git@v1")),
            ("b @ git+ssh://git@h/b", sources("git+ssh://git@h/b")),
            (
                "c@https://h/c-1.tar.gz ; x",
                sources("https://h/c-1.tar.gz"),
            ),
            (
                "d[x,y] @ https://h/d-1-py3-none-any.whl#sha256=00",
                Origin::WheelAt("https://h/d-1-py3-none-any.whl#sha256=00".to_owned()),
            ),
            ("e@file:///w/e.whl", local("/w/e.whl")),
            (
                "git+https://h/f-1-py3-none-any.whl",
                sources("git+https://h/f-1-py3-none-any.whl"),
            ),
            ("../lib", local("../lib")),
            ("boto3", Origin::Index),
        ] {
            assert_eq!(Requirement::read(text).place(), place, "{text}");
        }
    }

    #[test]
    fn a_source_takes_the_place_of_the_versions_and_keeps_the_rest() {
        let moved = |text: &str| Requirement::read(text).found_at("file:///w.whl");
        assert_eq!(moved("a>=1"), "a @ file:///w.whl");
        assert_eq!(
            moved("a[x]==1 ; m == 'n'"),
            "a[x] @ file:///w.whl ; m == 'n'"
        );
        assert_eq!(moved("a==1 --hash=b:00"), "a @ file:///w.whl --hash=b:00");
    }

    #[test]
    fn names_are_compared_as_indexes_compare_them() {
        assert_eq!(normalized("Foo.Bar__baz"), "foo-bar-baz");
    }
}
