//! Determines an adopted agent's run-time requirements from its sources.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use crate::package::{
    requirements::{Requirement, normalized},
    tracing,
};

/// The requirements in a file that can be used for an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirements {
    pub(crate) text: String,
    /// Lines that work only next to the original file: line number and text.
    pub(crate) left_out: Vec<(usize, String)>,
    /// The line that requires the starter toolkit.
    pub(crate) toolkit: Option<usize>,
    /// The line that allows only versions of the OpenTelemetry distribution that send no traces.
    pub(crate) no_traces: Option<usize>,
    /// The distributions, with normalized names.
    names: BTreeSet<String>,
}

pub(super) const SDK_NAME: &str = "bedrock-agentcore";
pub(crate) const TOOLKIT: &str = "bedrock-agentcore-starter-toolkit";

/// The same line as in the templates.
const SDK: &str = include_str!("../../../scaffolds/echo/deployment/requirements.txt");

impl Requirements {
    /// Returns the lines that an entry point of ours needs in addition. uvicorn is not needed if a
    /// dependency brings it.
    pub(crate) fn lacking(&self, needs: &BTreeSet<&str>) -> Vec<String> {
        let has = |name: &str| self.names.contains(name);
        let mut lines = Vec::new();
        for name in needs {
            let is_there = match *name {
                "uvicorn" => {
                    let brings = ["uvicorn", SDK_NAME, "mcp", "fastmcp"];
                    brings.into_iter().any(has)
                }
                name => has(name),
            };
            if !is_there {
                lines.push(match *name {
                    SDK_NAME => SDK.trim_end().to_owned(),
                    name => name.to_owned(),
                });
            }
        }
        lines
    }

    /// Returns the text with the missing lines added.
    pub(crate) fn with(&self, needs: &BTreeSet<&str>) -> String {
        let mut text = self.text.clone();
        for line in self.lacking(needs) {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// Returns the required distributions that are not `known`.
    pub(crate) fn beyond(&self, known: &BTreeSet<String>) -> Vec<&str> {
        let names = self.names.iter().filter(|name| !name.is_empty());
        names
            .filter(|name| !known.contains(&normalized(name)))
            .map(String::as_str)
            .collect()
    }

    /// Returns whether the file can be used unchanged.
    pub(crate) fn is_whole(&self) -> bool {
        self.left_out.is_empty()
    }
}

/// Reads a requirements file, line by line.
pub(crate) fn from_requirements(given: &str) -> Requirements {
    let mut found = Requirements {
        text: String::new(),
        left_out: Vec::new(),
        toolkit: None,
        no_traces: None,
        names: BTreeSet::new(),
    };
    for (number, line) in given.lines().enumerate() {
        let line = line.trim_end();
        if is_local(line.trim_start()) {
            found.left_out.push((number + 1, line.trim().to_owned()));
            continue;
        }
        let name = distribution(line);
        if name == TOOLKIT {
            found.toolkit = Some(number + 1);
        }
        if tracing::is_outdated(&Requirement::read(line)) {
            found.no_traces = Some(number + 1);
        }
        found.names.insert(name);
        found.text.push_str(line);
        found.text.push('\n');
    }
    found
}

/// Reads the dependencies of a pyproject.toml, or returns why they cannot be used.
pub(crate) fn from_pyproject(given: &str) -> Result<Requirements, String> {
    let root = DeTable::parse(given).map_err(|error| error.message().to_owned())?;
    let root = root.get_ref();
    let project = root.get("project").map(toml::Spanned::get_ref);
    let Some(dependencies) = project.and_then(|project| project.get("dependencies")) else {
        let dynamic = project
            .and_then(|project| project.get("dynamic"))
            .and_then(|list| list.get_ref().as_array())
            .is_some_and(|list| {
                let mut words = list.iter().filter_map(|item| item.get_ref().as_str());
                words.any(|word| word == "dependencies")
            });
        let poetry = root
            .get("tool")
            .and_then(|tool| tool.get_ref().get("poetry"))
            .is_some_and(|poetry| poetry.get_ref().get("dependencies").is_some());
        return match (dynamic, poetry) {
            (true, _) => Err("they are dynamic, so only the build backend knows them; `uv pip compile pyproject.toml -o requirements.txt` lists them".to_owned()),
            (_, true) => Err("they are in `[tool.poetry.dependencies]`, which only Poetry reads; `poetry export --output requirements.txt` writes them to a requirements file".to_owned()),
            _ => Ok(from_requirements("")),
        };
    };
    let items = dependencies
        .get_ref()
        .as_array()
        .ok_or("`project.dependencies` is not a list")?;
    let lines: Option<Vec<&str>> = items.iter().map(|item| text(item.get_ref())).collect();
    let lines = lines.ok_or("`project.dependencies` contains something that is not a string")?;
    let mut found = from_requirements(&lines.join("\n"));
    // Converts the number in the list to the line in the file.
    let in_file = |number: usize| {
        let place = items.get(number - 1)?.span().start;
        Some(given.get(..place)?.matches('\n').count() + 1)
    };
    found.toolkit = found.toolkit.and_then(in_file);
    found.no_traces = found.no_traces.and_then(in_file);
    Ok(found)
}

/// Keys of `tool.uv` that decide which packages the names refer to.
const PINS: [&str; 8] = [
    "sources",
    "index",
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "constraint-dependencies",
    "override-dependencies",
];

/// Returns the place where a pyproject.toml takes dependencies from outside the default index, where
/// their names could refer to unrelated packages.
pub(crate) fn pin(given: &str) -> Option<std::ops::Range<usize>> {
    let root = DeTable::parse(given).ok()?;
    let tool = root.get_ref().get("tool")?.get_ref();
    let uv = tool.get("uv")?.get_ref().as_table()?;
    uv.keys()
        .find(|key| PINS.contains(&key.get_ref().as_ref()))
        .map(toml::Spanned::span)
}

fn text<'t>(value: &'t DeValue<'_>) -> Option<&'t str> {
    value.as_str()
}

/// Returns whether a line refers to another local file.
fn is_local(line: &str) -> bool {
    let option = |long: &str, short: &str| {
        [long, short].iter().any(|word| {
            line.strip_prefix(word).is_some_and(|rest| {
                rest.starts_with([' ', '=']) || word.len() == 2 && !rest.is_empty()
            })
        })
    };
    option("--requirement", "-r")
        || option("--constraint", "-c")
        || option("--editable", "-e")
        || line.starts_with(['.', '/'])
        || line.contains("@ file:")
        || line.contains("@file:")
}

/// Returns the distribution's normalized name.
fn distribution(line: &str) -> String {
    line.trim_start()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .map(|c| {
            if c == '_' || c == '.' {
                '-'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}
