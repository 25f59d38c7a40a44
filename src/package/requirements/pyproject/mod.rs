//! The parts of a `pyproject.toml` that affect what is installed.

pub(crate) mod poetry;

use std::ops::Range;

use toml_edit::{Item, TableLike};

use super::normalized;

/// A text in a list, with its position.
pub(crate) type Listed = (Range<usize>, String);

/// The declared settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pyproject {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    /// The supported Python versions.
    pub(crate) requires_python: Option<Listed>,
    pub(crate) dependencies: Vec<Listed>,
    /// By the extra's name.
    pub(crate) optional: Vec<(String, Vec<Listed>)>,
    /// The position of dependencies that only a build can determine.
    pub(crate) dynamic: Option<Range<usize>>,
    pub(crate) sources: Vec<Source>,
    pub(crate) workspace: Option<Workspace>,
    /// True if there is a table `tool.uv`, which ends uv's search for settings.
    pub(crate) has_tool_uv: bool,
}

/// The source of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Normalized, as indexes compare names.
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    pub(crate) from: From,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    Workspace,
    /// A directory or a file on this machine.
    Path(String),
    Url(String),
    Git(String),
    /// One or more indexes, as TOML for uv.
    Index(String),
    /// Another kind of source, which is not supported.
    Other,
}

/// `tool.uv.workspace`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Workspace {
    pub(crate) members: Vec<String>,
    pub(crate) exclude: Vec<String>,
}

/// Parses the file; an error has a position and a message.
pub(crate) fn read(text: &str) -> Result<Pyproject, (Range<usize>, String)> {
    let document = toml_edit::Document::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        (span, error.message().to_owned())
    })?;
    let project = document.get("project").and_then(Item::as_table_like);
    let uv = document
        .get("tool")
        .and_then(|tool| tool.get("uv")?.as_table_like());
    let mut found = Pyproject {
        has_tool_uv: uv.is_some(),
        ..Pyproject::default()
    };
    if let Some(project) = project {
        let word = |key| project.get(key).and_then(Item::as_str).map(str::to_owned);
        found.name = word("name");
        found.version = word("version");
        found.requires_python = project
            .get("requires-python")
            .and_then(|item| Some((item.span()?, item.as_str()?.to_owned())));
        found.dependencies = strings(project.get("dependencies"));
        let optional = project
            .get("optional-dependencies")
            .and_then(Item::as_table_like);
        for (extra, list) in optional.into_iter().flat_map(TableLike::iter) {
            found
                .optional
                .push((normalized(extra), strings(Some(list))));
        }
        found.dynamic = strings(project.get("dynamic"))
            .into_iter()
            .find(|(_, word)| word == "dependencies")
            .map(|(span, _)| span);
    }
    if let Some(uv) = uv {
        let sources = uv.get("sources").and_then(Item::as_table_like);
        for (name, item) in sources.into_iter().flat_map(TableLike::iter) {
            found.sources.push(Source {
                name: normalized(name),
                span: item.span().unwrap_or_default(),
                from: from(item),
            });
        }
        found.workspace = uv
            .get("workspace")
            .and_then(Item::as_table_like)
            .map(|table| {
                let list = |key| strings(table.get(key)).into_iter().map(|(_, word)| word);
                Workspace {
                    members: list("members").collect(),
                    exclude: list("exclude").collect(),
                }
            });
    }
    if let Some(poetry) = document
        .get("tool")
        .and_then(|tool| tool.get("poetry")?.as_table_like())
    {
        let declared = project.is_some_and(|project| project.contains_key("dependencies"));
        poetry::add(poetry, (project.is_some(), declared), &mut found);
    }
    Ok(found)
}

fn strings(list: Option<&Item>) -> Vec<Listed> {
    let list = list.and_then(Item::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|value| Some((value.span()?, value.as_str()?.to_owned())))
        .collect()
}

fn from(item: &Item) -> From {
    let Some(table) = item.as_table_like() else {
        // A list of sources for different platforms. uv can choose between indexes; other sources
        // are not supported.
        let several = item.as_array().is_some_and(|list| {
            list.iter().all(|one| {
                one.as_inline_table()
                    .is_some_and(|one| one.contains_key("index"))
            })
        });
        return match item.as_value() {
            Some(value) if several => From::Index(one_line(&value.to_string())),
            _ => From::Other,
        };
    };
    let word = |key| table.get(key).and_then(Item::as_str).map(str::to_owned);
    if let Some(index) = word("index") {
        let marker = word("marker").map(|marker| format!(", marker = {}", quoted(&marker)));
        return From::Index(format!(
            "{{ index = {}{} }}",
            quoted(&index),
            marker.unwrap_or_default()
        ));
    }
    // Whether these apply is unknown here.
    if ["marker", "extra", "group", "subdirectory"]
        .iter()
        .any(|key| table.contains_key(key))
        && !table.contains_key("git")
    {
        return From::Other;
    }
    if table.get("workspace").and_then(Item::as_bool) == Some(true) {
        return From::Workspace;
    }
    None.or_else(|| word("path").map(From::Path))
        .or_else(|| word("url").map(From::Url))
        .or_else(|| word("git").map(From::Git))
        .unwrap_or(From::Other)
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

fn one_line(value: &str) -> String {
    let lines: Vec<&str> = value
        .lines()
        .map(|line| line.split(" #").next().unwrap_or(line).trim())
        .filter(|line| !line.starts_with('#'))
        .collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_found_with_its_place() {
        let text = "[project]\nname = \"a\"\ndependencies = [\"b\", \"c>=1\"]\n[tool.uv.sources]\n\
                    b = { workspace = true }\nc = { path = \"../c\", editable = true }\n\
                    d = { git = \"https://h/d\", subdirectory = \"x\" }\n\
                    e = { url = \"https://h/e.whl\" }\nF_g = { index = \"corp\" }\n\
                    h = [\n  { index = \"one\", marker = \"sys_platform == 'linux'\" },\n]\n\
                    i = { path = \"x\", marker = \"m\" }\n";
        let found = read(text).expect("it is TOML");
        let sources: Vec<(&str, &From)> = found
            .sources
            .iter()
            .map(|source| (source.name.as_str(), &source.from))
            .collect();
        let path = |text: &str| text.to_owned();
        assert_eq!(
            sources,
            [
                ("b", &From::Workspace),
                ("c", &From::Path(path("../c"))),
                ("d", &From::Git(path("https://h/d"))),
                ("e", &From::Url(path("https://h/e.whl"))),
                ("f-g", &From::Index(path("{ index = \"corp\" }"))),
                (
                    "h",
                    &From::Index(path(
                        "[{ index = \"one\", marker = \"sys_platform == 'linux'\" },]"
                    ))
                ),
                ("i", &From::Other),
            ]
        );
        assert_eq!(&text[found.sources[0].span.clone()], "{ workspace = true }");
        assert_eq!(found.dependencies[1].1, "c>=1");
        assert!(found.has_tool_uv);
    }

    #[test]
    fn what_only_a_build_could_tell_is_pointed_at() {
        let text = "[project]\nname = \"a\"\ndynamic = [\"version\", \"dependencies\"]\n";
        let found = read(text).expect("it is TOML");
        assert_eq!(
            &text[found.dynamic.expect("it is there")],
            "\"dependencies\""
        );
        let (span, _) = read("[project\n").expect_err("it is no TOML");
        assert!(span.start > 0);
    }
}
