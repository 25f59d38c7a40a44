//! Poetry's settings in a `pyproject.toml`: the sources of packages and, in the older form, the
//! dependencies.

use std::ops::Range;

use toml_edit::{Item, TableLike};

use super::{From, Pyproject, Source, quoted};
use crate::package::requirements::normalized;

/// Adds Poetry's settings. `declared` is true if the dependencies are in `[project]`, and Poetry's
/// table only contains their sources.
pub(super) fn add(
    poetry: &dyn TableLike,
    (has_project, declared): (bool, bool),
    found: &mut Pyproject,
) {
    let word = |key| poetry.get(key).and_then(Item::as_str).map(str::to_owned);
    if !has_project {
        found.name = word("name");
        found.version = word("version");
    }
    let dependencies = poetry.get("dependencies").and_then(Item::as_table_like);
    if dependencies.is_some() {
        found.dynamic = None;
    }
    for (name, item) in dependencies.into_iter().flat_map(TableLike::iter) {
        if name.eq_ignore_ascii_case("python") {
            let said = item.span().zip(item.as_str());
            let said = said.map(|(span, text)| (span, versions(text)));
            found.requires_python = found.requires_python.take().or(said);
            continue;
        }
        let span = item.span().unwrap_or_default();
        if let Some(from) = from(item) {
            found.sources.push(Source {
                name: normalized(name),
                span: span.clone(),
                from,
            });
        }
        if declared {
            continue;
        }
        let required = if item.is_array() {
            Some(name.to_owned())
        } else {
            requirement(name, item)
        };
        found.dependencies.extend(required.map(|text| (span, text)));
    }
}

fn from(item: &Item) -> Option<From> {
    if item.is_array() {
        // Different versions for different platforms; which of them applies is unknown here.
        return Some(From::Other);
    }
    let table = item.as_table_like()?;
    let word = |key| table.get(key).and_then(Item::as_str);
    let from = None
        .or_else(|| word("path").map(|path| From::Path(path.to_owned())))
        .or_else(|| word("git").map(|address| From::Git(address.to_owned())))
        .or_else(|| word("url").map(|address| From::Url(address.to_owned())))
        .or_else(|| {
            word("source").map(|name| From::Index(format!("{{ index = {} }}", quoted(name))))
        });
    from.or_else(|| word("file").map(|_| From::Other))
}

/// Returns the requirement in the standard form.
fn requirement(name: &str, item: &Item) -> Option<String> {
    let Some(table) = item.as_table_like() else {
        return Some(format!("{name}{}", versions(item.as_str()?)));
    };
    // A part of an extra, which is not requested.
    if table.get("optional").and_then(Item::as_bool) == Some(true) {
        return None;
    }
    let extras: Vec<&str> = table
        .get("extras")
        .and_then(Item::as_array)
        .into_iter()
        .flatten()
        .filter_map(toml_edit::Value::as_str)
        .collect();
    let mut text = name.to_owned();
    if !extras.is_empty() {
        text.extend(["[", &extras.join(","), "]"]);
    }
    if let Some(written) = table.get("version").and_then(Item::as_str) {
        text.push_str(&versions(written));
    }
    let word = |key| table.get(key).and_then(Item::as_str);
    let python = word("python").and_then(python_marker);
    let markers: Vec<String> = word("markers")
        .map(|marker| format!("({marker})"))
        .into_iter()
        .chain(python)
        .collect();
    if !markers.is_empty() {
        text.extend([" ; ", &markers.join(" and ")]);
    }
    Some(text)
}

fn python_marker(written: &str) -> Option<String> {
    let versions = versions(written);
    let parts: Vec<String> = versions
        .split(',')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let at = part.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
            let (operator, version) = part.split_at(at);
            format!("python_version {operator} '{version}'")
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(" and "))
}

/// Converts `^1.2` and `~1.2` to ranges; everything else stays as it is.
fn versions(written: &str) -> String {
    let parts: Vec<String> = written
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty() && *part != "*")
        .map(|part| {
            if let Some(version) = part.strip_prefix('^') {
                return range(version.trim(), |numbers| {
                    let first = numbers.iter().position(|number| *number > 0);
                    first.unwrap_or(numbers.len() - 1)
                });
            }
            match part.strip_prefix('~') {
                Some(version) if !version.starts_with('=') => {
                    range(version.trim(), |numbers| usize::from(numbers.len() > 1))
                }
                _ if part.starts_with(|c: char| c.is_ascii_digit()) => format!("=={part}"),
                _ => part.to_owned(),
            }
        })
        .collect();
    parts.join(",")
}

/// Returns the range from a version to the one in which the number at `place` is higher by one.
fn range(version: &str, place: impl Fn(&[u64]) -> usize) -> String {
    let numbers: Vec<u64> = version
        .split('.')
        .map_while(|number| number.parse().ok())
        .collect();
    if numbers.is_empty() {
        return format!(">={version}");
    }
    let place = place(&numbers).min(numbers.len() - 1);
    let mut next: Vec<u64> = numbers[..=place].to_vec();
    next[place] += 1;
    let next: Vec<String> = next.iter().map(u64::to_string).collect();
    format!(">={version},<{}", next.join("."))
}

/// Returns the indexes that Poetry declares.
pub(crate) fn indexes(text: &str) -> Vec<PoetryIndex> {
    let Ok(document) = toml_edit::Document::parse(text) else {
        return Vec::new();
    };
    let tables = document
        .get("tool")
        .and_then(|tool| tool.get("poetry")?.get("source"))
        .and_then(Item::as_array_of_tables);
    tables
        .into_iter()
        .flatten()
        .filter_map(|table| {
            let word = |key| table.get(key).and_then(Item::as_str);
            Some(PoetryIndex {
                name: word("name")?.to_owned(),
                url: word("url")
                    // Poetry's built-in name for this index.
                    .or_else(|| {
                        word("name")?
                            .eq_ignore_ascii_case("pypi")
                            .then_some("https://pypi.org/simple")
                    })?
                    .to_owned(),
                explicit: word("priority") == Some("explicit"),
                span: table.span().unwrap_or_default(),
            })
        })
        .collect()
}

/// An index that Poetry declares. `explicit` means that it is only used for packages that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PoetryIndex {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) explicit: bool,
    pub(crate) span: Range<usize>,
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn ranges_are_written_as_everybody_reads_them() {
        for (written, read) in [
            ("^1.2.3", ">=1.2.3,<2"),
            ("^0.2.3", ">=0.2.3,<0.3"),
            ("^0.0.3", ">=0.0.3,<0.0.4"),
            ("^0", ">=0,<1"),
            ("~1.2.3", ">=1.2.3,<1.3"),
            ("~1", ">=1,<2"),
            ("~=1.2", "~=1.2"),
            ("1.2.3", "==1.2.3"),
            ("*", ""),
            (">=1, <3", ">=1,<3"),
        ] {
            assert_eq!(versions(written), read, "{written}");
        }
    }

    #[test]
    fn the_older_form_declares_dependencies_and_both_declare_sources() {
        let text = "[tool.poetry]\nname = \"a\"\n[tool.poetry.dependencies]\npython = \"^3.11\"\n\
                    boto3 = \"^1.34\"\nx = { version = \"*\", extras = [\"y\"], python = \">=3.12\" }\n\
                    lib = { path = \"../lib\", develop = true }\nextra = { version = \"1\", optional = true }\n";
        let found = read(text).expect("it is TOML");
        let required: Vec<&str> = found
            .dependencies
            .iter()
            .map(|(_, text)| text.as_str())
            .collect();
        assert_eq!(
            required,
            ["boto3>=1.34,<2", "x[y] ; python_version >= '3.12'", "lib"]
        );
        assert_eq!(found.sources[0].from, From::Path("../lib".to_owned()));

        let newer = "[project]\nname = \"a\"\ndependencies = [\"lib\", \"z\"]\n[tool.poetry.dependencies]\n\
                     lib = { git = \"https://h/lib\" }\nz = { source = \"corp\" }\n\
                     [[tool.poetry.source]]\nname = \"corp\"\nurl = \"https://h/s\"\npriority = \"explicit\"\n";
        let found = read(newer).expect("it is TOML");
        assert_eq!(found.dependencies.len(), 2);
        assert_eq!(
            found.sources[1].from,
            From::Index("{ index = \"corp\" }".to_owned())
        );
        assert!(indexes(newer)[0].explicit);
    }
}
