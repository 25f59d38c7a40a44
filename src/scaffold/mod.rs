//! Pure: turns an embedded template and a typed context into files.
//!
//! `*.hbs` files are rendered and lose this extension; all others are copied. `_gitignore` becomes
//! `.gitignore`, and `__package__` the name of the agent's package. Folders that begin with `_`
//! contain what several templates share. Writes no files.

pub(crate) mod adopt;
mod catalogue;
mod context;
mod language;
mod models;
mod table;

use std::{collections::BTreeMap, path::PathBuf};

pub(crate) use catalogue::{Code, Template, catalogue, find};
pub(crate) use context::Context;
use handlebars::Handlebars;
use include_dir::{Dir, File, include_dir};
pub(crate) use language::Language;
pub(crate) use models::{default_model, serves};
pub(crate) use table::{AgentKeys, Head, PackageKeys, agent_lines, package_lines, project_lines};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/scaffolds");

/// The files of a project, by path below its directory.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Renders a template. An error is a bug in the template and names the file.
pub(crate) fn render(template: &Template, context: &Context) -> Result<Files, String> {
    let engine = engine();
    let values = context.values(template);
    let mut files = Files::new();
    for folder in template.folders() {
        for file in files_in(folder)? {
            let path = file.path().strip_prefix(folder).unwrap_or(file.path());
            let Some((path, rendered)) = target(&path.to_string_lossy(), template, context) else {
                continue;
            };
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

/// Returns the embedded files below a folder.
fn files_in(folder: &str) -> Result<Vec<&'static File<'static>>, String> {
    let folder = TEMPLATES
        .get_dir(folder)
        .ok_or_else(|| format!("there is no folder `{folder}`"))?;
    let mut files = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        files.extend(folder.files());
        folders.extend(folder.dirs());
    }
    Ok(files)
}

/// Returns an engine in strict mode, without HTML escaping.
fn engine() -> Handlebars<'static> {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true);
    engine.register_escape_fn(handlebars::no_escape);
    engine
}

/// Returns an embedded file that belongs to no template.
fn embedded(path: &str) -> Result<&'static str, String> {
    TEMPLATES
        .get_file(path)
        .and_then(File::contents_utf8)
        .ok_or_else(|| format!("there is no `{path}`"))
}

/// Returns a template file's destination, and whether it is rendered. Returns `None` if the project
/// does not have it.
fn target(path: &str, template: &Template, context: &Context) -> Option<(String, bool)> {
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
    let path = parts.join("/");
    // A Rust agent is a package, whoever declares its project.
    if path == "Cargo.toml" && template.code == Code::Python && context.manifest.is_some() {
        return None;
    }
    Some((context.language.name_of(&path)?.to_owned(), rendered))
}

#[cfg(test)]
mod tests;
