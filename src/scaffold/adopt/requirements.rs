//! What an adopted agent needs at run time, from what its sources say.

use toml::de::{DeTable, DeValue};

/// The text of the deployment's requirements file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirements {
    pub(crate) text: String,
    /// Lines that mean something only where the file stood: line number and text.
    pub(crate) left_out: Vec<(usize, String)>,
}

/// The SDK alone.
pub(crate) fn only_the_sdk() -> Requirements {
    from_requirements("")
}

/// A requirements file, kept line by line; the SDK is added where it is not named.
pub(crate) fn from_requirements(given: &str) -> Requirements {
    let mut text = String::new();
    let mut left_out = Vec::new();
    let mut has_sdk = false;
    for (number, line) in given.lines().enumerate() {
        let line = line.trim_end();
        if is_local(line.trim_start()) {
            left_out.push((number + 1, line.trim().to_owned()));
            continue;
        }
        has_sdk |= distribution(line) == "bedrock-agentcore";
        text.push_str(line);
        text.push('\n');
    }
    if !has_sdk {
        text.push_str(SDK);
    }
    Requirements { text, left_out }
}

/// The same line as the templates have.
const SDK: &str = include_str!("../../../scaffolds/echo/deployment/requirements.txt");

/// The dependencies of a pyproject.toml, or why they cannot be taken.
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
            (true, _) => Err("its dependencies are dynamic".to_owned()),
            (_, true) => Err("its dependencies stand in `[tool.poetry]`".to_owned()),
            _ => Ok(only_the_sdk()),
        };
    };
    let items = dependencies
        .get_ref()
        .as_array()
        .ok_or("`project.dependencies` is not a list")?;
    let lines: Option<Vec<&str>> = items.iter().map(|item| text(item.get_ref())).collect();
    let lines = lines.ok_or("`project.dependencies` holds something that is not a string")?;
    Ok(from_requirements(&lines.join("\n")))
}

fn text<'t>(value: &'t DeValue<'_>) -> Option<&'t str> {
    value.as_str()
}

/// Whether a line names something beside the file that it stands in.
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

/// The distribution's name as indexes compare them.
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
