//! An adopted agent: its name, its table and the files that are written for it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    agent_settings::AgentSettings,
    requirements::{self, Taken},
};
use crate::{
    config::Agent,
    effects::{adopt_files, files::read_text},
    error::{Failure, Message},
    names::{AgentName, Region},
    plan::{init as plan, new::agent_name},
    project::prompts,
    scaffold::{
        AgentKeys, Files,
        adopt::{self, Entry, LayoutKind, OwnEntry, Placed, Sources},
    },
    ui::{Item, Ui},
};

/// Where the agent's sources are.
pub(super) struct Place<'a> {
    /// The project's directory.
    pub(super) root: &'a Path,
    /// As the user wrote it.
    pub(super) shown: &'a Path,
    pub(super) source: &'a Path,
    /// The requirements file from the command line.
    pub(super) requirements: Option<&'a Path>,
}

pub(super) struct Adopted {
    pub(super) agent: AgentName,
    pub(super) placed: Placed,
    pub(super) taken: Taken,
    /// The folder of the written files; `None` if the agent needs none.
    pub(super) deployment: Option<String>,
    pub(super) files: Files,
    /// The written requirements file, relative to the project's directory.
    pub(super) listed: Option<PathBuf>,
    /// Existing entry points that do not call what a written one would, and what that is.
    uncalled: Vec<(PathBuf, String)>,
    /// Those that the user wants to replace.
    pub(super) replaced: BTreeSet<PathBuf>,
    source: String,
    import_name: Option<String>,
    requirements: Option<String>,
}

impl Adopted {
    /// Adopts an agent. `others` are the deployment folders of other agents.
    pub(super) fn of(
        agent: AgentName,
        entry: Entry,
        sources: &Sources,
        place: &Place<'_>,
        others: &BTreeSet<PathBuf>,
    ) -> Result<Self, Failure> {
        let placed = sources.placed(entry);
        let inner = placed.layout.folder();
        let shipped = place.source.join(&inner);
        let taken = requirements::find(place, &inner, &placed)?;
        let needs = placed.needs();
        let is_flat = placed.layout.kind == LayoutKind::Flat;
        // Files that are in the archive anyway need no deployment folder.
        let in_place = taken.in_place((place.root, &shipped), is_flat, &needs);
        let deployment = (!is_flat || in_place.is_none() || placed.is_written())
            .then(|| plan::deployment(place.root, &agent, others));
        let mut files = Files::new();
        let mut listed = None;
        let mut uncalled = Vec::new();
        if let Some(deployment) = &deployment {
            let folder = Path::new(deployment);
            adopt_files::check_folder(&place.root.join(folder), folder)?;
            let written = adopt::entry_points(&placed, sources).map_err(|e| super::broken(&e))?;
            for (path, content) in written {
                let there = read_text(&place.root.join(folder).join(&path))?;
                let name = path.to_string_lossy();
                let missed = there.and_then(|text| adopt::uncalled(&placed, &name, &text));
                uncalled.extend(missed.map(|words| (folder.join(&path), words)));
                files.insert(folder.join(path), content);
            }
            if in_place.is_none() {
                let name = sources.free_name(&placed.layout, "requirements.txt");
                let constraints = taken.constraints().map(|text| {
                    let name = sources.free_name(&placed.layout, "constraints.txt");
                    files.insert(folder.join(&name), text.into_bytes());
                    name
                });
                let place = (place.root, deployment.as_str());
                let text = taken.written(place, constraints.as_deref(), &needs);
                files.insert(folder.join(&name), text.into_bytes());
                listed = Some((folder.join(&name), name));
            }
        }
        let import_name = match &placed.layout.kind {
            LayoutKind::Package { name, .. } => {
                let folder = shipped.file_name().and_then(|name| name.to_str());
                // A checkout's folder may have another name elsewhere.
                let is_sure = folder == Some(name.as_str()) && !sources.is_project();
                (!is_sure).then(|| name.clone())
            }
            LayoutKind::Flat => None,
        };
        Ok(Self {
            source: written(place, &inner),
            requirements: in_place
                .or_else(|| listed.as_ref().map(|(_, name)| name.clone()))
                .filter(|file| file != "requirements.txt"),
            listed: listed.map(|(path, _)| path),
            uncalled,
            replaced: BTreeSet::new(),
            import_name,
            agent,
            placed,
            taken,
            deployment,
            files,
        })
    }

    /// Returns the agent's table.
    pub(super) fn keys<'a>(
        &'a self,
        region: Option<&'a Region>,
        settings: &'a AgentSettings,
    ) -> AgentKeys<'a> {
        let AgentSettings {
            models,
            permissions,
            headers,
            env,
            open,
            lacks_models: _,
        } = settings;
        let is_flat = self.placed.layout.kind == LayoutKind::Flat;
        let deployment = self.deployment.as_deref();
        let entrypoint = self.placed.entrypoint();
        AgentKeys {
            agent: &self.agent,
            source: &self.source,
            layout: is_flat.then_some("flat"),
            import_name: self.import_name.as_deref(),
            deployment: deployment.filter(|folder| is_flat || *folder != "deployment"),
            entrypoint: (entrypoint != "invoke.py").then_some(entrypoint),
            requirements: self.requirements.as_deref(),
            protocol: match self.placed.protocol() {
                crate::config::Protocol::Http => None,
                other => Some(other.word()),
            },
            region,
            models,
            permissions,
            headers,
            env,
            open,
        }
    }

    /// Returns the written Python files, by their path in the archive.
    pub(super) fn written(&self) -> impl Iterator<Item = (String, &[u8])> {
        let folder = self.deployment.as_deref().unwrap_or_default();
        self.files.iter().filter_map(move |(path, text)| {
            let is_python = path.extension().is_some_and(|ending| ending == "py");
            let path = path.strip_prefix(folder).ok()?.to_str()?;
            is_python.then(|| (path.replace('\\', "/"), text.as_slice()))
        })
    }

    /// Asks whether to replace the entry points that call something else.
    pub(super) fn ask(&mut self, ui: &Ui) -> Result<(), Failure> {
        let answers = ["keep it", "replace it"].map(|answer| Item::new(answer, ""));
        for (path, words) in &self.uncalled {
            let question = format!("`{}` exists and does not call `{words}`", path.display());
            let chosen = ui.choose(&question, &answers);
            if chosen.map_err(prompts::cut_off)? == 1 {
                self.replaced.insert(path.clone());
            }
        }
        Ok(())
    }

    /// Returns the files that `prepare` creates, for .gitignore.
    pub(super) fn ignored(&self) -> Vec<String> {
        let Some(deployment) = &self.deployment else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        if let LayoutKind::Package { name, .. } = &self.placed.layout.kind {
            lines.push(format!("/{deployment}/{name}/"));
        }
        lines.push(format!("/{deployment}/.cargo-agentcore"));
        lines
    }

    /// Returns notes and warnings about the server and its requirements.
    pub(super) fn messages(&self) -> (Vec<String>, Vec<Message>) {
        let mut notes = Vec::new();
        let mut warnings = Vec::new();
        if let Entry::Own(own) = &self.placed.entry {
            for problem in &own.problems {
                if self.placed.mends(problem) {
                    notes.push(format!(
                        "{} {}; the new entry point serves it in the way that AgentCore needs",
                        problem.place, problem.what
                    ));
                } else {
                    warnings.push(
                        Message::new(format!("{} {}", problem.place, problem.what))
                            .help(problem.help.clone()),
                    );
                }
            }
        }
        let kept = self
            .uncalled
            .iter()
            .filter(|(path, _)| !self.replaced.contains(path));
        warnings.extend(kept.map(|(path, words)| {
            let path = path.display();
            Message::new(format!("`{path}` exists and does not call `{words}`"))
                .help(format!("call it there; or delete `{path}` and run this again, before the agent is in Cargo.toml"))
        }));
        warnings.extend(self.taken.warnings(self.listed.as_deref()));
        (notes, warnings)
    }
}

/// Returns the source as the table names it.
fn written(place: &Place<'_>, inner: &str) -> String {
    let whole = place.source.join(inner);
    if place.shown.is_absolute() {
        whole.display().to_string()
    } else {
        plan::relative(place.root, &whole)
    }
}

/// Returns a name for each of several agents: its folder's or its file's, whichever is more
/// specific.
pub(super) fn names(
    entries: &[Entry],
    folder: &str,
    declared: &[Agent],
) -> Result<Vec<AgentName>, Failure> {
    let mut names: Vec<AgentName> = Vec::new();
    for entry in entries {
        let words: Vec<String> = match entry {
            Entry::Own(own) => called(own, folder),
            Entry::Handlers { .. } => vec![folder.to_owned()],
        };
        let is_free =
            |name: &AgentName| !names.contains(name) && plan::check_new(name, declared).is_ok();
        let found = words
            .iter()
            .filter_map(|words| agent_name(words).ok())
            .map(|(name, _)| name)
            .find(is_free);
        names.push(found.ok_or_else(|| {
            let place = match entry {
                Entry::Own(own) => own.path.clone(),
                Entry::Handlers { .. } => folder.to_owned(),
            };
            Failure::usage(format!("`--all`: the agent in `{place}` needs a name"))
                .help("set it up separately with `--entrypoint` and `--name`")
        })?);
    }
    Ok(names)
}

/// Returns the possible names for a file, best first.
fn called(own: &OwnEntry, folder: &str) -> Vec<String> {
    const PLAIN: [&str; 9] = [
        "__main__", "agent", "app", "handler", "index", "invoke", "main", "run", "server",
    ];
    let path = own.path.strip_suffix(".py").unwrap_or(&own.path);
    let parts: Vec<&str> = path.split('/').collect();
    let stem = parts.last().copied().unwrap_or_default();
    let above = parts.iter().rev().nth(1).copied();
    let whole = parts.join("_");
    let mut names = Vec::new();
    if !PLAIN.contains(&stem) {
        names.push(stem.to_owned());
    }
    names.extend(above.map(str::to_owned));
    names.push(format!("{folder}_{stem}"));
    names.push(format!("{folder}_{whole}"));
    names
}
