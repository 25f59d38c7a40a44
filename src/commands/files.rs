//! The copied sources of one agent: observed, planned, written.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::planned::Planned;
use crate::{
    config::Agent,
    effects::{
        destination, env,
        files::{self, Origin},
        manifest::Project,
        packaging,
        source::{self, SourceRequest},
    },
    error::{Exit, Failure, Message},
    plan::{
        files::{self as plan, FilePlan, FileStep, Force},
        models_in_code::{CodeFile, undeclared},
    },
    ui::Ui,
};

/// What has to be done so that the copy equals the sources.
pub(super) struct FileWork {
    agent: String,
    deployment: PathBuf,
    plan: FilePlan,
    origins: BTreeMap<String, Origin>,
    warnings: Vec<Message>,
    notes: Vec<String>,
}

/// What the files are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be handed over: whoever builds an archive of them checks what they require.
    HandOver,
    Ship,
}

/// Observes sources and copy and decides; writes nothing. All that is wrong is said together.
pub(super) fn decide(
    agent: &Agent,
    project: &Project,
    source_dir: Option<&Path>,
    force: Force,
    purpose: Purpose,
) -> Result<FileWork, Failure> {
    files::check_deployment(&agent.dir, &agent.deployment)?;
    let deployment = agent.dir.join(&agent.deployment);
    let given = source_dir.unwrap_or(&agent.source);
    let (path, seen_from) = match source_dir {
        // As on any command line: relative to where the user stands.
        Some(dir) => (
            destination::absolute(dir)?,
            "`--source-dir` is relative to the current directory",
        ),
        None => (
            agent.dir.join(&agent.source),
            "`source` is relative to the Cargo.toml that declares the agent",
        ),
    };
    let home = env::home_dir();
    let source = source::observe(&SourceRequest {
        shown: given,
        path: &path,
        seen_from,
        include: &agent.include,
        deployment: &deployment,
        target: &project.target_dir,
        workspace_root: &project.root,
        home: home.as_deref(),
        agent: agent.name.as_str(),
    });
    let copied = source.as_ref().ok().map(|source| &source.files);
    let missing = shipped_files_exist(agent, &deployment, copied).err();
    let required = match purpose {
        Purpose::HandOver => None,
        Purpose::Ship => requirements_can_be_shipped(agent, project, &deployment, copied).err(),
    };
    let wrong = source.as_ref().err().cloned();
    if let Some(failure) = Failure::all([wrong, missing, required].into_iter().flatten()) {
        return Err(failure);
    }
    let source = source?;
    let observed = files::observe_copy(&deployment, agent.name.as_str())?;
    let desired = source
        .files
        .iter()
        .map(|(path, origin)| (path.clone(), origin.hash.clone()))
        .collect();
    let plan = plan::plan(&desired, &observed.files, &observed.record, force);
    let mut warnings = source.warnings;
    warnings.extend(plan.warnings.iter().cloned());
    warnings.extend(undeclared(agent, &code(agent, &deployment, &source.files)?));
    Ok(FileWork {
        agent: agent.name.to_string(),
        deployment,
        plan,
        origins: source.files,
        warnings,
        notes: source.notes,
    })
}

/// The Python files of the sources, and the entry point.
fn code(
    agent: &Agent,
    deployment: &Path,
    copied: &BTreeMap<String, Origin>,
) -> Result<Vec<CodeFile>, Failure> {
    let mut paths: Vec<PathBuf> = copied
        .values()
        .map(|origin| origin.from.clone())
        .filter(|path| path.extension().is_some_and(|ending| ending == "py"))
        .collect();
    if !copied.contains_key(&agent.entrypoint) {
        paths.push(deployment.join(&agent.entrypoint));
    }
    let mut found = Vec::new();
    for path in paths {
        let bytes = files::read_bytes(&path)?;
        // What is no text names no model.
        if let Ok(text) = String::from_utf8(bytes) {
            found.push(CodeFile { path, text });
        }
    }
    Ok(found)
}

/// Whether a file of the deployment folder comes with the sources. Without them, what would lie where
/// they are copied to may come.
fn comes(file: &str, agent: &Agent, copied: Option<&BTreeMap<String, Origin>>) -> bool {
    match copied {
        Some(copied) => copied.contains_key(file),
        None => Path::new(file).starts_with(agent.name.as_str()),
    }
}

/// What is wrong with the requirements themselves, where they are there already.
fn requirements_can_be_shipped(
    agent: &Agent,
    project: &Project,
    deployment: &Path,
    copied: Option<&BTreeMap<String, Origin>>,
) -> Result<(), Failure> {
    let file = deployment.join(&agent.requirements);
    if comes(&agent.requirements, agent, copied) || !files::exists(&file) {
        return Ok(());
    }
    packaging::check_requirements(&file, &project.root)
}

/// What the toolkit is told to ship has to be there, or to come with the sources.
fn shipped_files_exist(
    agent: &Agent,
    deployment: &Path,
    copied: Option<&BTreeMap<String, Origin>>,
) -> Result<(), Failure> {
    let wanted = [
        ("entry point", &agent.entrypoint),
        ("requirements file", &agent.requirements),
    ];
    let messages: Vec<Message> = wanted
        .into_iter()
        .filter(|(_, file)| !comes(file, agent, copied) && !files::exists(&deployment.join(file)))
        .map(|(what, file)| {
            Message::new(format!(
                "the {what} of agent `{}` does not exist: `{}`",
                agent.name,
                deployment.join(file).display()
            ))
        })
        .collect();
    if messages.is_empty() {
        return Ok(());
    }
    Err(Failure {
        exit: Exit::Config,
        messages,
    }
    .help("`cargo agentcore new` shows in a new project what both look like"))
}

impl FileWork {
    pub(super) fn warnings(&self) -> &[Message] {
        &self.warnings
    }

    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Whether the copy differs from the sources, and stays so.
    pub(super) fn keeps(&self) -> bool {
        !self.plan.kept.is_empty()
    }

    pub(super) fn changes(&self) -> bool {
        !self.plan.steps.is_empty() || self.plan.record_changes
    }

    /// The files of the copy that would change.
    pub(super) fn pending(&self) -> impl Iterator<Item = &String> {
        self.plan.steps.iter().map(FileStep::path)
    }

    /// The steps in words that promise nothing.
    pub(super) fn show(&self, planned: Planned<'_>) {
        for step in &self.plan.steps {
            let (verb, path) = match step {
                FileStep::Create { path } => ("copy", path),
                FileStep::Update { path } => ("update", path),
                FileStep::Remove { path } => ("remove", path),
            };
            planned.status(
                "Would",
                &format!("{verb} `{}`", self.deployment.join(path).display()),
            );
        }
    }

    pub(super) fn apply(&self, ui: &Ui) -> Result<(), Failure> {
        let count = |wanted: fn(&FileStep) -> bool| {
            self.plan.steps.iter().filter(|step| wanted(step)).count()
        };
        let written = count(|step| !matches!(step, FileStep::Remove { .. }));
        let removed = count(|step| matches!(step, FileStep::Remove { .. }));
        if written + removed > 0 {
            let mut said = format!(
                "{} to `{}`",
                plural(written, "file"),
                self.deployment.join(&self.agent).display()
            );
            if removed > 0 {
                said = format!("{said}, removing {removed}");
            }
            ui.status("Copying", &said);
        }
        files::apply(&self.deployment, &self.plan, &self.origins)
    }

    pub(super) fn deployment(&self) -> &Path {
        &self.deployment
    }

    /// Does to a copy of the deployment folder what would be done to the folder.
    pub(super) fn apply_to(&self, copy: &Path) -> Result<(), Failure> {
        files::apply(copy, &self.plan, &self.origins)
    }

    pub(super) fn document(&self) -> Value {
        let paths = |wanted: fn(&FileStep) -> Option<&String>| -> Vec<&String> {
            self.plan.steps.iter().filter_map(wanted).collect()
        };
        json!({
            "deployment": self.deployment,
            "created": paths(|step| if let FileStep::Create { path } = step { Some(path) } else { None }),
            "updated": paths(|step| if let FileStep::Update { path } = step { Some(path) } else { None }),
            "removed": paths(|step| if let FileStep::Remove { path } = step { Some(path) } else { None }),
            "kept": self.plan.kept,
            "unchanged": self.plan.unchanged,
        })
    }
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 {
        format!("1 {word}")
    } else {
        format!("{count} {word}s")
    }
}
