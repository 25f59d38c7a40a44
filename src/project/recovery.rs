//! A project with invalid metadata: what runs for it can still be found, asked and stopped.

use crate::{
    config,
    effects::{folder::Folder, local, manifest},
    error::{Failure, Message},
    options,
    ui::Ui,
};

pub(crate) struct Recovered {
    pub(crate) id: String,
    /// The project's folder below the target directory.
    pub(crate) folder: Folder,
}

/// Returns the project, if it can be determined. `failure` is why it cannot be loaded.
pub(crate) fn find(
    project: &options::Project,
    failure: &Failure,
) -> Result<Option<Recovered>, Failure> {
    let Some(remains) = manifest::remains(project.manifest_path.as_deref())? else {
        return Ok(None);
    };
    let kept = remains.kept()?;
    let mut ids: Vec<String> = remains
        .manifests
        .iter()
        .flat_map(|manifest| config::declared_projects(&manifest.text))
        .map(|id| id.to_string())
        .collect();
    ids.dedup();
    if ids.is_empty() {
        ids = local::homes(&kept)?;
    }
    let [id] = &ids[..] else {
        return Err(ids.iter().fold(failure.clone(), |failure, id| {
            failure.note(format!("it may be about the project `{id}`"))
        }));
    };
    Ok(Some(Recovered {
        id: id.clone(),
        folder: kept.join(id),
    }))
}

/// Warns that `what` is used although the metadata is invalid.
pub(crate) fn warn(what: &str, failure: &Failure, ui: &Ui) {
    let why = failure.messages.first();
    let why = why.map_or("", |first| first.what.as_str());
    ui.warning(&Message::new(format!("the metadata is invalid; using {what}")).note(why));
}
