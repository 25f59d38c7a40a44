//! An adopted agent: its name, its table and the files that are written for it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::settings::AgentSettings;
use crate::{
    config::Protocol,
    effects::{adopt_files, adopt_requirements, files},
    error::{Failure, Message},
    names::{AgentName, Region},
    plan::init::{self as plan, Location, Taken},
    project::prompts,
    scaffold::{
        AgentKeys, Files,
        adopt::{self, Entry, LayoutKind, Placed, Sources},
    },
    ui::{Item, Ui},
};

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
        place: &Location<'_>,
        others: &BTreeSet<PathBuf>,
    ) -> Result<Self, Failure> {
        let placed = sources.placed(entry);
        let inner = placed.layout.folder();
        let shipped = place.source.join(&inner);
        let taken = adopt_requirements::find(place, &inner, &placed)?;
        let needs = placed.needs();
        let is_flat = placed.layout.kind == LayoutKind::Flat;
        // Files that are in the archive anyway need no deployment folder.
        let in_place = taken.in_place((place.root, &shipped), is_flat, &needs, files::exists);
        let deployment = (!is_flat || in_place.is_none() || placed.is_written())
            .then(|| plan::deployment(place.root, &agent, others));
        let mut written = Files::new();
        let mut listed = None;
        let mut uncalled = Vec::new();
        if let Some(deployment) = &deployment {
            let folder = Path::new(deployment);
            adopt_files::check_folder(&place.root.join(folder), folder)?;
            let entry_points =
                adopt::entry_points(&placed, sources).map_err(|e| super::broken(&e))?;
            for (path, content) in entry_points {
                let there = files::read_text(&place.root.join(folder).join(&path))?;
                let name = path.to_string_lossy();
                let missed = there.and_then(|text| adopt::uncalled(&placed, &name, &text));
                uncalled.extend(missed.map(|words| (folder.join(&path), words)));
                written.insert(folder.join(path), content);
            }
            if in_place.is_none() {
                let name = sources.free_name(&placed.layout, "requirements.txt");
                let constraints = taken.constraints().map(|text| {
                    let name = sources.free_name(&placed.layout, "constraints.txt");
                    written.insert(folder.join(&name), text.into_bytes());
                    name
                });
                let place = (place.root, deployment.as_str());
                let text = taken.written(place, constraints.as_deref(), &needs);
                written.insert(folder.join(&name), text.into_bytes());
                listed = Some((folder.join(&name), name));
            }
        }
        Ok(Self {
            source: place.in_the_table(&inner),
            requirements: in_place
                .or_else(|| listed.as_ref().map(|(_, name)| name.clone()))
                .filter(|file| file != "requirements.txt"),
            listed: listed.map(|(path, _)| path),
            uncalled,
            replaced: BTreeSet::new(),
            import_name: placed.import_name(&shipped, sources.is_project()),
            agent,
            placed,
            taken,
            deployment,
            files: written,
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
                Protocol::Http => None,
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
        let (notes, mut warnings) = self.placed.messages();
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
