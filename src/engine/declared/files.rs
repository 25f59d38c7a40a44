//! The files that the parts of a declared resource name, and whose contents the service gets.

use std::path::Path;

use serde_json::Value;

use crate::{
    config::{PartFile, Resource},
    effects::{aws::Session, folder::Folder, source},
    error::Failure,
    resources::declared::{self, gateway},
};

/// Returns the resource with what belongs to its place, and the contents of its files.
pub(super) fn complete(resource: &Resource, session: &Session) -> Result<Resource, Failure> {
    let mut whole = resource.located(session.partition, &session.region, &session.account);
    for (name, part) in &mut whole.parts {
        let Some(file) = part.file.take() else {
            continue;
        };
        let named_by = format!(
            "`{}` of the target `{name}` of the {} names it",
            file.key,
            declared::subject(resource)
        );
        let content = content(&file).map_err(|why| Failure::config(why).note(named_by))?;
        let mut document = Value::Object(std::mem::take(&mut part.settings));
        if let Some(member) = document.pointer_mut(file.place) {
            *member = content;
        }
        if let Value::Object(settings) = document {
            part.settings = settings;
        }
    }
    Ok(whole)
}

/// Reads a file that is sent to the service: not through a link, and nothing that looks like a
/// secret.
fn content(file: &PartFile) -> Result<Value, String> {
    let path = file.path.display();
    let name = file.path.file_name().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    let folder = Folder::of_project(file.directory.clone());
    let folder = folder.join(file.path.parent().unwrap_or(Path::new("")));
    let text = folder.read_text(&name).map_err(|error| error.to_string())?;
    let text = text.ok_or_else(|| format!("there is no file `{path}`"))?;
    if source::looks_like_a_secret(&name, text.as_bytes()) {
        return Err(format!("`{path}` looks like a secret and is not sent"));
    }
    if !file.is_json {
        return gateway::openapi(text).map_err(|why| format!("`{path}` {why}"));
    }
    let tools = serde_json::from_str(&text);
    let tools = tools.map_err(|error| format!("`{path}` is not JSON: {error}"))?;
    gateway::tools(tools).map_err(|why| format!("`{path}` {why}"))
}
