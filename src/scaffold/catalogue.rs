//! The templates that a user can choose from; the first is the default.

use crate::config::Permission;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// The folder's name.
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) needs_model: bool,
    /// What its code needs.
    pub(crate) permissions: &'static [Permission],
}

pub(crate) fn catalogue() -> &'static [Template] {
    &[
        Template {
            name: "strands",
            description: "a Strands agent on a Bedrock model, with one tool of its own",
            needs_model: true,
            permissions: &[],
        },
        Template {
            name: "cost-estimator",
            description: "estimates AWS costs: price list, Code Interpreter, batch and streaming",
            needs_model: true,
            permissions: &[Permission::CodeInterpreter(None), Permission::Pricing],
        },
        Template {
            name: "echo",
            description: "no model, no AWS: for a first run and for tests",
            needs_model: false,
            permissions: &[],
        },
    ]
}

/// The template of this name; the error says which there are.
pub(crate) fn find(name: &str) -> Result<&'static Template, String> {
    if let Some(template) = catalogue().iter().find(|template| template.name == name) {
        return Ok(template);
    }
    let names: Vec<String> = catalogue()
        .iter()
        .map(|template| format!("`{}`", template.name))
        .collect();
    let near = catalogue()
        .iter()
        .map(|template| {
            (
                strsim::damerau_levenshtein(name, template.name),
                template.name,
            )
        })
        .filter(|(distance, near)| *distance <= near.len() / 2)
        .min()
        .map_or(String::new(), |(_, near)| {
            format!("; did you mean `{near}`?")
        });
    Err(format!(
        "there is no template `{name}`, there are {}{near}",
        names.join(", ")
    ))
}
