//! Projects of the checkout that an agent requires: shipped from where they are, without building them.

use super::{Request, requirements::Beside, shipped::Shipped, writer::Input};
use crate::{
    effects::{
        env,
        files::FileError,
        source::{self, SourceRequest, may_run},
    },
    error::{Failure, Message},
};

/// Adds their packages to the agent's own files, each with what tells Python its version.
pub(super) fn add(
    request: &Request,
    projects: &[Beside],
    shipped: &mut Shipped,
) -> Result<(), Failure> {
    for project in projects {
        let mut files = Vec::new();
        for part in &project.parts {
            let path = project.folder.join(&part.path);
            if path.is_file() {
                files.push(input(part.name.clone(), path)?);
                continue;
            }
            let found = source::observe(&SourceRequest {
                shown: &path,
                path: &path,
                seen_from: "",
                include: &[],
                deployment: &request.output.path(),
                target: &request.output.path(),
                workspace_root: &request.root,
                home: env::home_dir().as_deref(),
                agent: &part.name,
            })?;
            shipped.warnings.extend(found.warnings);
            for (name, origin) in found.files {
                files.push(input(name, origin.from)?);
            }
        }
        files.push(metadata(project));
        for file in files {
            lay(shipped, project, file);
        }
    }
    shipped.files.sort();
    Ok(())
}

fn lay(shipped: &mut Shipped, project: &Beside, file: Input) {
    let there = shipped.files.iter().find(|there| there.path == file.path);
    let Some(there) = there else {
        shipped.files.push(file);
        return;
    };
    // The agent's own project may require itself.
    if same(there, &file) {
        return;
    }
    shipped.problems.push(
        Message::new(format!(
            "`{}` is a file of the agent and one of `{}`",
            file.path, project.name
        ))
        .note(format!("the agent's is `{}`", there.from.display()))
        .note(format!("the other is `{}`", file.from.display()))
        .help("rename one of the two packages"),
    );
}

#[expect(clippy::disallowed_methods, reason = "two files are compared")]
fn same(one: &Input, other: &Input) -> bool {
    one.size == other.size
        && std::fs::read(&one.from)
            .is_ok_and(|content| std::fs::read(&other.from).is_ok_and(|other| other == content))
}

#[expect(clippy::disallowed_methods, reason = "what is shipped is looked at")]
fn input(path: String, from: std::path::PathBuf) -> Result<Input, FileError> {
    let found = std::fs::metadata(&from).map_err(|error| FileError::new("read", &from, error))?;
    Ok(Input {
        path,
        size: found.len(),
        executable: may_run(&found),
        from,
        instead: None,
    })
}

/// What `importlib.metadata` reads.
fn metadata(project: &Beside) -> Input {
    let name = project.name.replace('-', "_");
    let text = format!(
        "Metadata-Version: 2.1\nName: {}\nVersion: {}\n",
        project.name, project.version
    );
    Input {
        path: format!("{name}-{}.dist-info/METADATA", project.version),
        from: project.folder.join("pyproject.toml"),
        size: text.len() as u64,
        executable: false,
        instead: Some(text.into_bytes()),
    }
}
