//! The values for a template.

use serde::Serialize;

use super::{
    Language,
    catalogue::{Code, Template, Words},
};
use crate::{
    config::{Model, Permission},
    names::{AgentName, ProjectId, Region},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) project: ProjectId,
    /// The project's display name, which is its folder's.
    pub(crate) title: String,
    pub(crate) agent: AgentName,
    /// The name of the Python package and its folder, or of the cargo package.
    pub(crate) package: String,
    /// Omitted if unknown.
    pub(crate) region: Option<Region>,
    pub(crate) model: Option<Model>,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) language: Language,
    /// The path from the project to the existing manifest that declares the agent; `None` if the
    /// project gets a manifest of its own.
    pub(crate) manifest: Option<String>,
    /// True for a cargo package that is kept out of the workspace around it.
    pub(crate) is_apart: bool,
}

/// The variables that a template can use.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Values {
    title: String,
    package: String,
    distribution: String,
    model: String,
    table: String,
    /// The path of the manifest that declares the agent.
    manifest: String,
    /// True if the project has a manifest of its own.
    standalone: bool,
    apart: bool,
    needs_model: bool,
    remembers: bool,
    /// True if there is a README in each language.
    both: bool,
    english: Words,
    japanese: Words,
}

impl Context {
    pub(super) fn values(&self, template: &Template) -> Values {
        let Self {
            project: _,
            title,
            agent: _,
            package,
            region: _,
            model,
            permissions: _,
            language,
            manifest,
            is_apart,
        } = self;
        let Template {
            name: _,
            description: _,
            code,
            protocol,
            needs_model,
            remembers,
            permissions: _,
            english,
            japanese,
        } = template;
        Values {
            title: title.clone(),
            package: package.clone(),
            distribution: distribution(package),
            model: model.as_ref().map(Model::id).unwrap_or_default(),
            table: match code {
                Code::Python => self.tables(),
                Code::Rust => self.package_table(*protocol),
            },
            manifest: manifest.as_deref().unwrap_or("Cargo.toml").to_owned(),
            standalone: manifest.is_none(),
            apart: *is_apart,
            needs_model: *needs_model,
            remembers: *remembers,
            both: *language == Language::Both,
            english: *english,
            japanese: *japanese,
        }
    }
}

/// Returns the name of the package's Python distribution, which must differ from those it depends
/// on.
fn distribution(package: &str) -> String {
    const REQUIRED: [&str; 3] = ["bedrock-agentcore", "boto3", "strands-agents"];
    let words: Vec<String> = package
        .split('_')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let name = words.join("-");
    if REQUIRED.contains(&name.as_str()) {
        return format!("{name}-project");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_has_a_legal_name_of_its_own() {
        for (package, name) in [
            ("my_agent", "my-agent"),
            ("A__b_", "a-b"),
            ("strands_agents", "strands-agents-project"),
        ] {
            assert_eq!(distribution(package), name);
        }
    }
}
