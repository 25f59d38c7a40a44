//! The agent's own files in an archive: its sources and its deployment folder.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    config::{Agent, Declared, Layout, Platform},
    effects::{
        copied_sources, env, files,
        manifest::{Project, located_value},
        new_project,
        packaging::{self, Requirements, Shipped},
        program,
        source::{self, Source, SourceRequest},
    },
    error::{Exit, Failure, Message},
    package::{
        composition::{Composition, Files, edited_copies, edited_warning},
        record::Record,
    },
    plan::code::{self, Code},
    python::Program,
    text::nearest,
    ui::Ui,
};

/// The agent's own files, and messages about them.
pub(crate) struct OwnFiles {
    pub(crate) composition: Composition,
    /// The Python files among them.
    pub(crate) program: Arc<Program>,
    pub(crate) requirements: Requirements,
    /// Why no archive can be built from them.
    pub(crate) problems: Vec<Message>,
    warnings: Vec<Message>,
    notes: Vec<String>,
    /// What sessions would share on Runtime V2.
    shared: Vec<Message>,
    /// Copies that `prepare` made and that were edited; relative to the deployment folder.
    edited: Vec<String>,
}

/// Reads sources and deployment folder; writes nothing. Reports all problems at once.
pub(crate) fn observe(
    agent: &Agent,
    project: &Project,
    declared: &Declared,
) -> Result<OwnFiles, Failure> {
    check_deployment(agent)?;
    let source = sources(agent, project, declared, None);
    let deployment = agent.deployment_dir().filter(|path| files::exists(path));
    let record = match &deployment {
        Some(deployment) => copied_sources::observe_record(deployment)?,
        None => Record::default(),
    };
    let place = SearchPlace {
        agent,
        record: &record,
        sources: source.as_ref().ok().map(|source| &source.files),
    };
    let requirements = place.requirements();
    let checked = match &requirements {
        Ok(Some(file)) => packaging::check_requirements(file, &project.root),
        Ok(None) => Ok(()),
        Err(message) => Err(missing(message.clone())),
    };
    let wrong = [
        source.as_ref().err().cloned(),
        place.entry_point().err(),
        checked.err(),
    ];
    if let Some(failure) = Failure::all(wrong.into_iter().flatten()) {
        return Err(failure);
    }
    let Source {
        files: sources,
        mut warnings,
        mut notes,
    } = source?;
    let requirements = Requirements {
        key: agent.requirements.clone(),
        file: requirements.ok().flatten().unwrap_or_default(),
    };
    let folder = match &deployment {
        Some(deployment) => packaging::observe_folder(deployment, &record, &agent.include)?,
        None => Shipped::default(),
    };
    let edited = match &deployment {
        Some(deployment) => {
            let found = copied_sources::hash_recorded(deployment, &record)?;
            let edited = edited_copies(&record, &found, &sources);
            warnings.extend(
                edited_warning(&edited, deployment, "; the copies are not shipped").map(|warning| {
                    warning.help("edit the source; `cargo agentcore prepare --force` overwrites the copies")
                }),
            );
            edited
        }
        None => Vec::new(),
    };
    warnings.extend(folder.warnings);
    notes.extend(folder.notes);
    let composition = Composition::of(sources, folder.files).map_err(|messages| Failure {
        exit: Exit::Config,
        messages,
    })?;
    let mut problems = folder.problems;
    problems.extend(left_out(agent, &composition));
    let program = Arc::new(program::read(&composition.files)?);
    let origins = composition.files.iter();
    let origins = origins.map(|(path, origin)| (path, origin.from.as_path()));
    let InCode {
        warnings: in_code,
        shared,
    } = in_code(agent, &program, &origins.collect())?;
    warnings.extend(in_code);
    Ok(OwnFiles {
        composition,
        program,
        requirements,
        problems,
        warnings,
        notes,
        shared,
        edited: edited.into_iter().map(|copy| copy.path).collect(),
    })
}

impl OwnFiles {
    pub(crate) fn tell(&self, ui: &Ui) {
        for warning in &self.warnings {
            ui.warning(warning);
        }
        for note in &self.notes {
            ui.note(note);
        }
    }

    /// Prints notes about what sessions would share on Runtime V2.
    pub(crate) fn tell_shared(&self, ui: &Ui) {
        for note in &self.shared {
            ui.note_at(note);
        }
    }

    /// Returns true if copies were edited that are not read.
    pub(crate) fn has_edited_copies(&self) -> bool {
        !self.edited.is_empty()
    }

    pub(crate) fn document(&self) -> Value {
        json!({
            "shipped": self.composition.files.len(),
            "edited_copies": self.edited,
        })
    }
}

/// Refuses a deployment folder behind a link.
pub(crate) fn check_deployment(agent: &Agent) -> Result<(), Failure> {
    match &agent.deployment {
        Some(folder) => copied_sources::check_deployment(&agent.dir, folder),
        None => Ok(()),
    }
}

/// What a relative `source` is resolved against.
const SEEN_FROM: &str = "`source` is relative to the Cargo.toml that declares the agent";

/// Returns the directory of an agent's sources. If it is missing, the error shows the line that
/// names it.
pub(crate) fn source_directory(agent: &Agent) -> Result<PathBuf, Failure> {
    let path = agent.source_dir();
    source::directory(&agent.source, &path, SEEN_FROM).map_err(|failure| {
        located_value(
            &agent.dir,
            ("source", &agent.source.to_string_lossy()),
            failure,
        )
    })?;
    Ok(path)
}

/// Returns only the sources, as they are in the archive.
pub(crate) fn sources(
    agent: &Agent,
    project: &Project,
    declared: &Declared,
    source_dir: Option<&Path>,
) -> Result<Source, Failure> {
    let (path, seen_from) = match source_dir {
        // Relative to the current directory, like other paths on the command line.
        Some(dir) => (
            new_project::absolute(dir)?,
            "`--source-dir` is relative to the current directory",
        ),
        None => (source_directory(agent)?, SEEN_FROM),
    };
    source::observe(&SourceRequest {
        shown: source_dir.unwrap_or(&agent.source),
        path: &path,
        seen_from,
        include: &agent.include,
        deployment: agent.deployment_dir().as_deref(),
        others: &declared.deployments,
        target: &project.target_dir,
        workspace_root: &project.root,
        home: env::home_dir().as_deref(),
        prefix: &agent.layout.prefix(),
    })
}

/// The findings in the code.
pub(crate) struct InCode {
    /// What it uses without permission in the agent's table, and what sessions share on Runtime V2.
    pub(crate) warnings: Vec<Message>,
    /// What sessions would share on Runtime V2, if the agent's platform is not set.
    pub(crate) shared: Vec<Message>,
}

/// Reads the code for findings. `files` are all of the agent's own files, by path in the archive.
pub(crate) fn in_code(
    agent: &Agent,
    program: &Program,
    files: &BTreeMap<&String, &Path>,
) -> Result<InCode, Failure> {
    let paths = files.keys().map(|path| path.as_str());
    let mut code = Code::reached(&agent.entrypoint, program, paths);
    for path in code.named_settings(files.keys().copied()) {
        let from = files
            .get(&path.to_owned())
            .copied()
            .unwrap_or(Path::new(path));
        let text = String::from_utf8_lossy(&files::read_bytes(from)?).into_owned();
        code.settings.insert(path.to_owned(), text);
    }
    let origin = |path: &str| {
        let from = files.get(&path.to_owned());
        from.map_or_else(|| PathBuf::from(path), |from| from.to_path_buf())
    };
    let whose = format!("the code of agent `{}`", agent.name);
    let mut warnings = code::warnings(agent, &code, &origin);
    let mut shared = Vec::new();
    match agent.platform {
        Some(Platform::V1) => {}
        Some(Platform::V2) => warnings.extend(code::shared(&whose, &code, &origin)),
        // The runtime's current platform, or the service's default.
        None => shared = code::shared(&whose, &code, &origin),
    }
    Ok(InCode { warnings, shared })
}

/// Where to look for the files that the agent's table names.
pub(crate) struct SearchPlace<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) record: &'a Record,
    /// `None` if they cannot be read.
    pub(crate) sources: Option<&'a Files>,
}

impl SearchPlace<'_> {
    /// Returns true if a file is part of the sources. If they cannot be read, any path in their
    /// folder may be.
    fn is_source(&self, path: &str) -> bool {
        match self.sources {
            Some(sources) => sources.contains_key(path),
            None => path.starts_with(&self.agent.layout.prefix()),
        }
    }

    /// Returns the file in the deployment folder, unless it is a copy.
    fn in_deployment(&self, path: &str) -> Option<PathBuf> {
        let file = self.agent.deployment_dir()?.join(path);
        (!self.record.files.contains_key(path) && files::exists(&file)).then_some(file)
    }

    /// Fails if there is no entry point. One that is left out of the archive counts as existing.
    pub(crate) fn entry_point(&self) -> Result<(), Failure> {
        let path = &self.agent.entrypoint;
        if self.is_source(path) || self.in_deployment(path).is_some() {
            return Ok(());
        }
        let folder = match self.agent.deployment_dir() {
            Some(folder) => folder,
            None => self.agent.source_dir(),
        };
        if self.agent.deployment.is_none() && files::exists(&folder.join(path)) {
            return Ok(());
        }
        let message = Message::new(format!(
            "the entry point of agent `{}` does not exist: `{}`",
            self.agent.name,
            folder.join(path).display()
        ));
        Err(missing(self.with_similar(message, "entrypoint", path)))
    }

    /// Adds the similarly named file that the key may mean.
    fn with_similar(&self, message: Message, key: &str, path: &str) -> Message {
        // Requirements may also be next to Cargo.toml.
        let manifest = (key == "requirements").then(|| self.agent.dir.clone());
        let beside = [self.agent.deployment_dir(), manifest]
            .into_iter()
            .flatten();
        let mut known: Vec<String> = beside
            .flat_map(|folder| files::names_in(&folder).unwrap_or_default())
            .collect();
        known.extend(
            self.sources
                .iter()
                .flat_map(|sources| sources.keys().cloned()),
        );
        let ending = Path::new(path).extension();
        known.retain(|name| Path::new(name).extension() == ending);
        match nearest(path, known.iter().map(String::as_str)) {
            Some(near) => message.help(format!("did you mean `{key} = \"{near}\"`?")),
            None => message,
        }
    }

    /// Finds the requirements file: in the deployment folder, in the sources, or next to
    /// Cargo.toml. Returns `None` if it may be in sources that cannot be read.
    pub(crate) fn requirements(&self) -> Result<Option<PathBuf>, Message> {
        let requirements = &self.agent.requirements;
        if let Some(sources) = self.sources
            && let Some(origin) = sources.get(requirements)
        {
            return Ok(Some(origin.from.clone()));
        }
        if let Some(file) = self.in_deployment(requirements) {
            return Ok(Some(file));
        }
        if self.sources.is_none() && self.is_source(requirements) {
            return Ok(None);
        }
        let source = self.agent.source_dir().join(requirements);
        let first = self.agent.deployment_dir();
        let first = first.map_or_else(|| source.clone(), |folder| folder.join(requirements));
        [source, self.agent.dir.join(requirements)]
            .into_iter()
            .find(|file| files::exists(file))
            .map(Some)
            .ok_or_else(|| {
                let message = Message::new(format!(
                    "the requirements file of agent `{}` does not exist: `{}`",
                    self.agent.name,
                    first.display()
                ));
                self.with_similar(message, "requirements", requirements)
            })
    }

    /// Returns the entry point and the requirements file as the toolkit finds them after the
    /// sources are copied.
    pub(crate) fn named_files(&self) -> Result<(PathBuf, PathBuf), Failure> {
        let (agent, sources) = (self.agent, self.sources);
        let entry = self.entry_point();
        let requirements = self.requirements();
        let absent = requirements.as_ref().err();
        let absent = absent.map(|message| missing(message.clone()));
        if let Some(failure) = Failure::all(entry.err().into_iter().chain(absent)) {
            return Err(failure);
        }
        let (source, deployment) = (agent.source_dir(), agent.deployment_dir());
        let is_source = |path: &str| sources.is_some_and(|sources| sources.contains_key(path));
        let place = |path: &str| match (&deployment, &agent.layout) {
            (Some(deployment), Layout::Package(_)) => deployment.join(path),
            (Some(deployment), Layout::Flat) if !is_source(path) => deployment.join(path),
            (Some(_) | None, _) => source.join(path),
        };
        let requirements = match requirements {
            Ok(Some(file)) if !is_source(&agent.requirements) => file,
            Ok(_) | Err(_) => place(&agent.requirements),
        };
        Ok((place(&agent.entrypoint), requirements))
    }
}

fn missing(message: Message) -> Failure {
    let message = if message.help.is_empty() {
        message.help("`cargo agentcore new` creates a project with an example of it")
    } else {
        message
    };
    Failure {
        exit: Exit::Config,
        messages: vec![message],
    }
}

/// Reports an existing entry point that would not be in the archive.
fn left_out(agent: &Agent, composition: &Composition) -> Option<Message> {
    if composition.files.contains_key(&agent.entrypoint) {
        return None;
    }
    let folder = agent.deployment_dir().unwrap_or_else(|| agent.source_dir());
    Some(
        Message::new(format!(
            "the entry point `{}` of agent `{}` would not be in the archive",
            agent.entrypoint, agent.name
        ))
        .note(format!("looked in `{}`", folder.display()))
        .help("a rule of an ignore file may leave it out"),
    )
}
