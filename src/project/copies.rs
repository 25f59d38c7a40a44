//! The copy of an agent's sources that `prepare` makes: observes, plans, writes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    config::{Agent, Declared, ImportName, Layout},
    effects::{
        copied_sources::{self, ObservedCopy},
        files,
        manifest::Project,
        program,
        source::Source,
    },
    error::{Failure, Message},
    package::{
        composition::{Files, edited_copies, edited_warning},
        record::Record,
    },
    plan::files::{self as plan, FilePlan, FileStep, Force},
    project::own_files::{self, SearchPlace, check_deployment, in_code},
    python::{Parsed, renamed::renamed},
    resources::change::{Action, Change, Subject},
    text::counted,
    ui::Ui,
};

/// The work that makes the copy equal to the sources.
pub(crate) struct FileWork {
    /// The destination; `None` if the sources are not copied.
    copy: Option<Copy>,
    plan: FilePlan,
    origins: Files,
    /// Used by the printed command.
    pub(crate) entrypoint: PathBuf,
    pub(crate) requirements: PathBuf,
    warnings: Vec<Message>,
    notes: Vec<String>,
}

struct Copy {
    deployment: PathBuf,
    folder: PathBuf,
}

/// Observes sources and copy, and plans; writes nothing. Reports all problems at once.
pub(crate) fn decide(
    agent: &Agent,
    (project, declared): (&Project, &Declared),
    source_dir: Option<&Path>,
    force: Force,
) -> Result<FileWork, Failure> {
    if source_dir.is_some() && agent.layout == Layout::Flat {
        return Err(Failure::usage(format!(
            "`--source-dir` has no effect for agent `{}`: with `layout = \"flat\"` nothing is copied",
            agent.name
        ))
        .help("set `source` to that directory"));
    }
    check_deployment(agent)?;
    let source = own_files::sources(agent, project, declared, source_dir);
    let deployment = agent.deployment_dir();
    let package = agent.layout.import_name();
    let ObservedCopy {
        files: there,
        record,
    } = match &deployment {
        Some(deployment) => {
            copied_sources::observe_copy(deployment, package.map(ImportName::as_str))?
        }
        None => ObservedCopy::default(),
    };
    let place = SearchPlace {
        agent,
        record: &record,
        sources: source.as_ref().ok().map(|source| &source.files),
    };
    let named = place.named_files();
    let wrong = [
        source.as_ref().err().cloned(),
        named.as_ref().err().cloned(),
    ];
    if let Some(failure) = Failure::all(wrong.into_iter().flatten()) {
        return Err(failure);
    }
    let Source {
        files: sources,
        mut warnings,
        notes,
    } = source?;
    let (entrypoint, requirements) = named?;
    let copied = match package {
        Some(_) => sources.clone(),
        None => Files::new(),
    };
    let desired = copied
        .iter()
        .map(|(path, origin)| (path.clone(), origin.hash.clone()))
        .collect();
    let plan = plan::plan(&desired, &there, &record, force);
    if let (Some(deployment), Force::No) = (&deployment, force) {
        let edited = edited_copies(&record, &there, &sources);
        warnings.extend(
            edited_warning(&edited, deployment, " and are kept").map(|warning| {
                warning
                    .help("carry the edits over to the source, or pass `--force` to overwrite them")
            }),
        );
    }
    warnings.extend(plan.warnings.iter().cloned());
    warnings.extend(unlisted(agent, &sources, &entrypoint)?);
    warnings.extend(two_folders(agent));
    warnings.extend(renamed_import(agent, &record, &entrypoint)?);
    let copy = deployment.map(|deployment| Copy {
        folder: package.map_or_else(|| deployment.clone(), |name| deployment.join(name.as_str())),
        deployment,
    });
    Ok(FileWork {
        copy,
        plan,
        origins: copied,
        entrypoint,
        requirements,
        warnings,
        notes,
    })
}

/// Returns what the code of the sources and of the entry point uses that the table does not allow.
fn unlisted(agent: &Agent, sources: &Files, entrypoint: &Path) -> Result<Vec<Message>, Failure> {
    let mut program = program::read(sources)?;
    let origins = sources.iter();
    let mut origins: BTreeMap<&String, &Path> = origins
        .map(|(path, origin)| (path, origin.from.as_path()))
        .collect();
    if !program.contains_key(&agent.entrypoint) && files::exists(entrypoint) {
        let text = String::from_utf8_lossy(&files::read_bytes(entrypoint)?).into_owned();
        program.insert(agent.entrypoint.clone(), Parsed::read(text));
        origins.insert(&agent.entrypoint, entrypoint);
    }
    Ok(in_code(agent, &program, &origins)?.warnings)
}

/// Returns a message if the copy was renamed and the entry point may import the old name.
fn renamed_import(
    agent: &Agent,
    record: &Record,
    entrypoint: &Path,
) -> Result<Option<Message>, Failure> {
    let (name, package) = (agent.name.as_str(), agent.layout.import_name());
    let was_copied = |path: &String| Path::new(path).starts_with(name);
    if !record.files.keys().any(was_copied) || !files::exists(entrypoint) {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&files::read_bytes(entrypoint)?).into_owned();
    let package = package.map(ImportName::as_str);
    Ok(renamed(name, package, (entrypoint, &text)))
}

/// The toolkit ships one folder, but a flat agent with a deployment folder has two.
fn two_folders(agent: &Agent) -> Option<Message> {
    if agent.layout != Layout::Flat {
        return None;
    }
    let deployment = agent.deployment_dir()?;
    Some(
        Message::new(format!(
            "the Python toolkit cannot ship agent `{}`: it takes one folder, and this agent's files are in two",
            agent.name
        ))
        .note(format!(
            "`{}` and `{}`",
            agent.source_dir().display(),
            deployment.display()
        ))
        .help("`cargo agentcore deploy` ships both"),
    )
}

impl FileWork {
    pub(crate) fn warnings(&self) -> &[Message] {
        &self.warnings
    }

    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns true if the copy differs from the sources and is kept.
    pub(crate) fn keeps(&self) -> bool {
        !self.plan.kept.is_empty()
    }

    pub(crate) fn has_changes(&self) -> bool {
        !self.plan.steps.is_empty() || self.plan.record_changes
    }

    /// Returns the changes of the copied files.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        let steps = self.copy.iter().flat_map(|copy| {
            let steps = self.plan.steps.iter();
            steps.map(|step| (step, copy.deployment.join(step.path())))
        });
        steps.map(|(step, path)| {
            let action = match step {
                FileStep::Create { .. } => Action::Copy,
                FileStep::Update { .. } => Action::Update,
                FileStep::Remove { .. } => Action::Remove,
            };
            Change::of(action, Subject::new("file", path.display().to_string()))
        })
    }

    pub(crate) fn apply(&self, ui: &Ui) -> Result<(), Failure> {
        let Some(copy) = &self.copy else {
            return Ok(());
        };
        let count = |wanted: fn(&FileStep) -> bool| {
            self.plan.steps.iter().filter(|step| wanted(step)).count()
        };
        let written = count(|step| !matches!(step, FileStep::Remove { .. }));
        let removed = count(|step| matches!(step, FileStep::Remove { .. }));
        if written + removed > 0 {
            let mut said = format!(
                "{} to `{}`",
                counted(written, "file"),
                copy.folder.display()
            );
            if removed > 0 {
                said = format!("{said}, removing {removed}");
            }
            ui.status("Copying", &said);
        }
        copied_sources::apply(&copy.deployment, &self.plan, &self.origins)
    }

    pub(crate) fn document(&self) -> Value {
        json!({
            "deployment": self.copy.as_ref().map(|copy| &copy.deployment),
            "kept": self.plan.kept,
            "unchanged": self.plan.unchanged,
        })
    }
}
