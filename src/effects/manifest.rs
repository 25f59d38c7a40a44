//! Finds the project with cargo, and reads the manifests.
#![expect(clippy::disallowed_methods, reason = "the manifests are read here")]

use std::path::{Component, Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};
use toml::de::DeTable;

use super::{cache, checkout, env, files, folder::Folder, new_project, path::real_path};
use crate::{
    config::{
        CargoPackage, Manifest,
        selection::{Member, Packages},
    },
    error::{Exit, Failure, Snippet},
    names::ProjectId,
    system::{System, location},
};

/// A workspace as cargo sees it.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    /// The path that cargo reports. Use [`Project::kept`] to find our own files in it.
    pub(crate) target_dir: PathBuf,
    /// The root's manifest, followed by those of members with our table.
    pub(crate) manifests: Vec<Manifest>,
    /// All members, with or without our table.
    pub(crate) packages: Packages,
}

/// Adds the line of the manifest in `directory` that has this value, if exactly one has it and the
/// failure has no place yet.
pub(crate) fn located(directory: &Path, value: &str, failure: Failure) -> Failure {
    located_at(directory, failure, |file, text| {
        Snippet::single(file, text, &format!("\"{value}\""))
    })
}

/// Like [`located`], for the value of a key.
pub(crate) fn located_value(
    directory: &Path,
    (key, value): (&str, &str),
    failure: Failure,
) -> Failure {
    located_at(directory, failure, |file, text| {
        Snippet::value(file, text, key, value)
    })
}

fn located_at(
    directory: &Path,
    mut failure: Failure,
    place: impl FnOnce(PathBuf, String) -> Option<Snippet>,
) -> Failure {
    let Some(first) = failure
        .messages
        .first_mut()
        .filter(|first| first.at.is_none())
    else {
        return failure;
    };
    let file = directory.join("Cargo.toml");
    // The failure matters more than its place.
    if let Ok(Some(text)) = files::read_text(&file) {
        first.at = place(file, text);
    }
    failure
}

impl Project {
    /// Returns the folder for our files of all projects with this target directory: archives, locks
    /// and emulator states.
    pub(crate) fn kept(&self) -> Result<Folder, Failure> {
        self.kept_on(System::HERE)
    }

    fn kept_on(&self, system: System) -> Result<Folder, Failure> {
        let target = checkout::target_directory(&self.root, &self.target_dir)?;
        if location::deletes_what_is_in_use(system) {
            return Ok(Folder::in_target(target).join("agentcore"));
        }
        // Different target directories have different files, as if they were in them.
        let name = &files::hash(target.to_string_lossy().as_bytes())[..16];
        Ok(cache::folder()?.join("workspaces").join(name))
    }

    /// Returns the folder for one project's files.
    pub(crate) fn kept_of(&self, project: &ProjectId) -> Result<Folder, Failure> {
        Ok(self.kept()?.join(project.as_str()))
    }
}

/// Runs cargo once, without dependencies, and reads the manifests.
///
/// Cargo runs in the root of the file system, because rustup obeys `rust-toolchain.toml` (whose
/// `path` names a program) and cargo obeys `.cargo/config.toml` in the working directory, and a
/// checkout may contain both.
pub(crate) fn observe(manifest_path: Option<&Path>) -> Result<Project, Failure> {
    let here = here()?;
    let manifest = match manifest_path {
        Some(path) => here.join(path),
        None => nearest_manifest(&here).ok_or_else(|| no_manifest(&here))?,
    };
    let mut command = MetadataCommand::new();
    command
        .no_deps()
        .manifest_path(&manifest)
        .current_dir(here.ancestors().last().unwrap_or(&here));
    if let Some(directory) = env::var("CARGO_TARGET_DIR") {
        command.env("CARGO_TARGET_DIR", here.join(directory));
    }
    let metadata = command
        .exec()
        .map_err(|error| refused(&error, manifest_path))?;
    let root = metadata.workspace_root.clone().into_std_path_buf();
    let mut manifests = vec![read(&root.join("Cargo.toml"))?];
    manifests[0].packages = cargo_packages(&metadata);
    for path in members_with_our_table(&metadata) {
        if path != manifests[0].path {
            checkout::check_member(&root, &path)?;
            manifests.push(read(&path)?);
        }
    }
    Ok(Project {
        packages: packages(
            &metadata,
            &manifest,
            &root,
            manifest_path.is_none().then_some(here),
        ),
        target_dir: configured_target_dir(&root)
            .unwrap_or_else(|| metadata.target_directory.into_std_path_buf()),
        root,
        manifests,
    })
}

fn cargo_packages(metadata: &Metadata) -> Vec<CargoPackage> {
    let packages = metadata.workspace_packages().into_iter();
    let packages = packages.map(|package| CargoPackage {
        name: package.name.to_string(),
        manifest: package.manifest_path.clone().into_std_path_buf(),
        bins: package
            .targets
            .iter()
            .filter(|target| target.is_bin())
            .map(|target| target.name.clone())
            .collect(),
        default_run: package.default_run.clone(),
    });
    packages.collect()
}

fn packages(
    metadata: &Metadata,
    nearest: &Path,
    root: &Path,
    directory: Option<PathBuf>,
) -> Packages {
    let defaults: Option<&[_]> = metadata
        .workspace_default_members
        .is_available()
        .then(|| &metadata.workspace_default_members[..]);
    let members = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| Member {
            name: package.name.to_string(),
            manifest: package.manifest_path.clone().into_std_path_buf(),
            is_default: defaults.is_none_or(|defaults| defaults.contains(&package.id)),
        });
    let members: Vec<Member> = members.collect();
    // Compared with cargo's path, even through a link.
    let is_nearest =
        |path: &&PathBuf| **path == nearest || real_path(nearest).is_ok_and(|real| real == **path);
    let manifest = members
        .iter()
        .map(|member| &member.manifest)
        .find(is_nearest);
    let root = root.join("Cargo.toml");
    Packages {
        nearest: manifest.unwrap_or(&root).clone(),
        root,
        members,
        directory,
    }
}

fn nearest_manifest(here: &Path) -> Option<PathBuf> {
    here.ancestors()
        .map(|directory| directory.join("Cargo.toml"))
        .find(|path| path.is_file())
}

/// Returns `build.target-dir` of the workspace's own `.cargo/config.toml`, unless a variable
/// overrides it. It must be inside the workspace, because a checkout must not choose other places
/// for files.
fn configured_target_dir(root: &Path) -> Option<PathBuf> {
    if ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"]
        .iter()
        .any(|name| env::var(name).is_some())
    {
        return None;
    }
    let text = std::fs::read_to_string(root.join(".cargo/config.toml")).ok()?;
    let config: toml::Table = text.parse().ok()?;
    let directory = Path::new(config.get("build")?.get("target-dir")?.as_str()?);
    let is_below = directory
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    is_below.then(|| root.join(directory))
}

/// Returns what is known of a workspace that cargo cannot read: its manifest, the nearest one, and
/// its target directory.
pub(crate) fn remains(manifest_path: Option<&Path>) -> Result<Option<Project>, Failure> {
    if let Ok(project) = observe(manifest_path) {
        return Ok(Some(project));
    }
    let here = here()?;
    let path = match manifest_path {
        Some(path) => Some(here.join(path)),
        None => nearest_manifest(&here),
    };
    let Some(path) = path.filter(|path| path.is_file()) else {
        return Ok(None);
    };
    let own = read(&path)?;
    let root = workspace_of(&own);
    let mut manifests = vec![own];
    let at_root = root.join("Cargo.toml");
    if at_root != path {
        manifests.insert(0, read(&at_root)?);
    }
    Ok(Some(Project {
        target_dir: configured_target_dir(&root).unwrap_or_else(|| target_dir(&root, &here)),
        manifests,
        packages: Packages::default(),
        root,
    }))
}

/// Returns the root of the workspace that a manifest belongs to, although the manifest or the
/// workspace's may be invalid.
fn workspace_of(manifest: &Manifest) -> PathBuf {
    let names_workspace = |text: &str| {
        let mut lines = text.lines();
        lines.any(|line| line.trim_start().starts_with("[workspace"))
    };
    let own = manifest.path.parent().unwrap_or(&manifest.path);
    if names_workspace(&manifest.text) {
        return own.to_owned();
    }
    if let Some(enclosing) = new_project::enclosing(own, &[]) {
        let root = enclosing.manifest.parent();
        return root.unwrap_or(own).to_owned();
    }
    // Cargo, too, has to read an invalid manifest to know what it excludes.
    let is_invalid_root = |above: &&Path| {
        let text = std::fs::read_to_string(above.join("Cargo.toml"));
        text.is_ok_and(|text| names_workspace(&text) && DeTable::parse(&text).is_err())
    };
    let root = own.ancestors().skip(1).find(is_invalid_root);
    root.unwrap_or(own).to_owned()
}

/// Returns a project for a directory without a manifest, as if it had one.
pub(crate) fn future(root: PathBuf) -> Result<Project, Failure> {
    Ok(Project {
        target_dir: target_dir(&root, &here()?),
        manifests: Vec::new(),
        packages: Packages::default(),
        root,
    })
}

/// Returns the target directory as cargo determines it, without configuration files. Relative
/// variables are resolved against `here`.
fn target_dir(root: &Path, here: &Path) -> PathBuf {
    match env::var("CARGO_TARGET_DIR") {
        Some(directory) => here.join(directory),
        None => root.join("target"),
    }
}

fn here() -> Result<PathBuf, Failure> {
    env::current_dir()
        .map_err(|error| Failure::world(format!("cannot determine the current directory: {error}")))
}

fn members_with_our_table(metadata: &Metadata) -> Vec<PathBuf> {
    metadata
        .packages
        .iter()
        .filter(|package| package.metadata.get("agentcore").is_some())
        .map(|package| package.manifest_path.clone().into_std_path_buf())
        .collect()
}

pub(crate) fn read(path: &Path) -> Result<Manifest, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::world(format!("cannot read `{}`: {error}", path.display())))?;
    Ok(Manifest::new(path, text))
}

fn no_manifest(here: &Path) -> Failure {
    Failure::config(format!(
        "could not find `Cargo.toml` in `{}` or any parent directory",
        here.display()
    ))
    .help("`cargo agentcore new <path>` creates a project, `cargo agentcore init --source <dir>` sets up an existing agent; `--manifest-path` names one elsewhere")
}

fn refused(error: &cargo_metadata::Error, manifest_path: Option<&Path>) -> Failure {
    match error {
        cargo_metadata::Error::CargoMetadata { stderr } => {
            let said = stderr.trim();
            let said = said.strip_prefix("error: ").unwrap_or(said);
            let (exit, help) = if manifest_path.is_some() && said.contains("manifest path") {
                (
                    Exit::Usage,
                    "`--manifest-path` must be the path of a Cargo.toml",
                )
            } else {
                (
                    Exit::Config,
                    "`cargo metadata --no-deps` shows the same; fix the manifest first",
                )
            };
            Failure::new(exit, said).help(help)
        }
        cargo_metadata::Error::Io(error) => {
            Failure::world(format!("cannot run `cargo metadata`: {error}"))
                .help("cargo must be on PATH, or named by the variable CARGO")
        }
        other => Failure::world(format!(
            "cannot parse the output of `cargo metadata`: {other}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_open_files_cannot_be_deleted_nothing_is_kept_in_the_target_directory() {
        let home = tempfile::tempdir().expect("a directory");
        let root = real_path(home.path()).expect("it is there");
        let project = Project {
            target_dir: root.join("target"),
            root,
            manifests: Vec::new(),
            packages: Packages::default(),
        };
        let kept = |system| project.kept_on(system).expect("a place").path();
        for system in [System::Linux, System::MacOs] {
            assert_eq!(kept(system), project.target_dir.join("agentcore"));
        }
        assert!(!kept(System::Windows).starts_with(&project.target_dir));
    }
}
