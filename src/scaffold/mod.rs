//! Pure: an embedded template and a typed context become files.
//!
//! `*.hbs` is rendered and loses its ending, everything else is copied as it is; `_gitignore` becomes
//! `.gitignore` and `__package__` the name of the agent's package. Nothing is written here.

pub(crate) mod adopt;
mod catalogue;
mod context;
mod models;
mod table;

use std::{collections::BTreeMap, path::PathBuf};

pub(crate) use catalogue::{Template, catalogue, find};
pub(crate) use context::Context;
use handlebars::Handlebars;
use include_dir::{Dir, DirEntry, include_dir};
pub(crate) use models::{default_model, serves};
pub(crate) use table::{AgentKeys, Head, agent_lines, agent_table, project_lines};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/scaffolds");

/// Every file of a project, by its path below the project's directory.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Renders a template. An error is a bug in the template: it names the file.
pub(crate) fn render(template: &str, context: &Context) -> Result<Files, String> {
    let dir = TEMPLATES
        .get_dir(template)
        .ok_or_else(|| format!("there is no template `{template}`"))?;
    let engine = engine();
    let values = context.values();
    let mut files = Files::new();
    let mut folders = vec![dir];
    while let Some(folder) = folders.pop() {
        for entry in folder.entries() {
            let file = match entry {
                DirEntry::Dir(inner) => {
                    folders.push(inner);
                    continue;
                }
                DirEntry::File(file) => file,
            };
            let path = file.path().strip_prefix(template).unwrap_or(file.path());
            let (path, rendered) = target(&path.to_string_lossy(), context);
            let content = if rendered {
                let text = file
                    .contents_utf8()
                    .ok_or_else(|| format!("`{path}` is not UTF-8"))?;
                let text = engine
                    .render_template(text, &values)
                    .map_err(|error| format!("`{path}`: {error}"))?;
                text.into_bytes()
            } else {
                file.contents().to_vec()
            };
            files.insert(PathBuf::from(path), content);
        }
    }
    Ok(files)
}

/// Strict, and without the escaping that HTML needs.
fn engine() -> Handlebars<'static> {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_escape_fn(handlebars::no_escape);
    engine
}

/// The text of an embedded file that belongs to no template.
fn embedded(path: &str) -> Result<&'static str, String> {
    TEMPLATES
        .get_file(path)
        .and_then(include_dir::File::contents_utf8)
        .ok_or_else(|| format!("there is no `{path}`"))
}

/// Where a template's file goes, and whether it is rendered.
fn target(path: &str, context: &Context) -> (String, bool) {
    let (path, rendered) = match path.strip_suffix(".hbs") {
        Some(path) => (path, true),
        None => (path, false),
    };
    let parts: Vec<&str> = path
        .split(['/', '\\'])
        .map(|part| match part {
            "__package__" => context.package.as_str(),
            "_gitignore" => ".gitignore",
            other => other,
        })
        .collect();
    (parts.join("/"), rendered)
}

#[cfg(test)]
mod tests;
