//! Projects in the checkout that an agent requires: shipped from their folders, without building
//! them.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use super::{Request, requirements::Beside};
use crate::{
    effects::{
        env,
        files::{self, FileError},
        program,
        source::{self, SourceRequest, is_program},
    },
    error::{Failure, Message},
    package::composition::Origin,
};

/// Adds their packages to the agent's own files, with the metadata for their versions. Returns the
/// warnings.
pub(crate) fn add(request: &mut Request, projects: &[Beside]) -> Result<Vec<Message>, Failure> {
    let mut warnings = Vec::new();
    for project in projects {
        let mut found = Vec::new();
        for part in &project.parts {
            let path = project.folder.join(&part.path);
            if path.is_file() {
                found.push((part.name.clone(), origin(path)?));
                continue;
            }
            let source = source::observe(&SourceRequest {
                shown: &path,
                path: &path,
                seen_from: "",
                include: &[],
                deployment: None,
                others: &BTreeSet::new(),
                target: &request.output.path(),
                workspace_root: &request.root,
                home: env::home_dir().as_deref(),
                prefix: &format!("{}/", part.name),
            })?;
            warnings.extend(source.warnings);
            found.extend(source.files);
        }
        found.push(metadata(project));
        let added = program::read(&found.iter().cloned().collect())?;
        Arc::make_mut(&mut request.program).extend(added);
        for (path, origin) in found {
            lay(request, project, path, origin);
        }
    }
    Ok(warnings)
}

fn lay(request: &mut Request, project: &Beside, path: String, origin: Origin) {
    let Some(there) = request.own.files.get(&path) else {
        request.own.files.insert(path, origin);
        return;
    };
    // The agent's own project may require itself.
    if there.hash == origin.hash {
        return;
    }
    let message = Message::new(format!(
        "`{path}` is a file of the agent and one of `{}`",
        project.name
    ))
    .note(format!("the agent's is `{}`", there.from.display()))
    .note(format!("the other is `{}`", origin.from.display()))
    .help("rename one of the two packages");
    request.problems.push(message);
}

#[expect(clippy::disallowed_methods, reason = "what is shipped is looked at")]
fn origin(from: PathBuf) -> Result<Origin, FileError> {
    let modified = files::modified(&from);
    let found = std::fs::metadata(&from).map_err(|error| FileError::new("read", &from, error))?;
    Ok(Origin {
        hash: files::hash_file(&from)?,
        size: found.len(),
        modified,
        executable: is_program(&from).map_err(|error| FileError::new("read", &from, error))?,
        from,
        instead: None,
    })
}

/// Returns the metadata that `importlib.metadata` reads.
fn metadata(project: &Beside) -> (String, Origin) {
    let name = project.name.replace('-', "_");
    let text = format!(
        "Metadata-Version: 2.1\nName: {}\nVersion: {}\n",
        project.name, project.version
    );
    let from = project.folder.join("pyproject.toml");
    let origin = Origin {
        hash: files::hash(text.as_bytes()),
        size: text.len() as u64,
        modified: files::modified(&from),
        executable: false,
        from,
        instead: Some(text.into_bytes()),
    };
    let path = format!("{name}-{}.dist-info/METADATA", project.version);
    (path, origin)
}
