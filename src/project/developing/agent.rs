//! One agent under `dev`: what it was started from, and the problem that it has.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{example, rust_build::Build, within};
use crate::{
    config::Agent,
    effects::{
        dev::{self, Access, NotStarted, OwnOutput, Record, Served, Standing},
        files,
        folder::Folder,
        local::code::Surroundings,
        manifest::Project,
    },
    error::{Failure, Message, Snippet},
    package::composition::Files,
    plan::reload::{Inputs, place},
    protocol::{contract::Contract, mounts},
    ui::Ui,
};

/// For an agent without a region.
pub(crate) const REGION: &str = "us-east-1";
/// How long an editor may take to write a file after emptying it.
pub(crate) const WRITING: Duration = Duration::from_millis(500);
/// How often to check whether it has.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

pub(crate) struct Developed {
    pub(crate) agent: Agent,
    pub(super) access: Access,
    pub(super) folder: Folder,
    pub(crate) served: Served,
    /// Only of a Rust agent.
    pub(crate) build: Build,
    pub(crate) own_output: OwnOutput,
    /// `None` if it must restart in any case.
    pub(super) last: Option<Inputs>,
    pub(super) surroundings: Option<Surroundings>,
    /// The current problem, so that it is printed only once.
    pub(crate) trouble: Option<Failure>,
    pub(super) watched: BTreeSet<PathBuf>,
    /// The watched files that were not empty at the last look.
    pub(super) filled: BTreeSet<PathBuf>,
    pub(crate) standing: Standing,
    pub(super) debug_port: Option<u16>,
    /// debugpy, if used.
    pub(super) debugger: Option<PathBuf>,
    /// What other commands know about it.
    told: Option<Record>,
}

impl Developed {
    pub(crate) fn new(
        agent: Agent,
        access: Access,
        folder: Folder,
        served: Served,
        debug_port: Option<u16>,
        build: Build,
    ) -> Self {
        Self {
            agent,
            access,
            folder,
            served,
            build,
            own_output: OwnOutput::of_this_process(),
            last: None,
            surroundings: None,
            trouble: None,
            watched: BTreeSet::new(),
            filled: BTreeSet::new(),
            standing: Standing::Starting,
            debug_port,
            debugger: None,
            told: None,
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.agent.name.as_str()
    }

    /// Returns the directory of the manifest that declares it.
    pub(crate) fn directory(&self) -> &Path {
        &self.agent.dir
    }

    pub(crate) fn url(&self) -> String {
        self.access.url()
    }

    pub(crate) fn example(&self) -> String {
        example(&self.url(), self.agent.protocol)
    }

    /// Returns a note about file systems that the agent has only in AWS.
    pub(crate) fn not_mounted(&self) -> Option<String> {
        let file_systems = self.agent.settings.file_systems()?;
        mounts::note(&mounts::paths(file_systems))
    }

    pub(crate) fn source_dir(&self) -> PathBuf {
        self.agent.source_dir()
    }

    /// Returns the directories where new files would be shipped.
    pub(crate) fn roots(&self) -> Vec<PathBuf> {
        if let Some(package) = self.agent.rust() {
            return self.build.roots(package);
        }
        let deployment = self.agent.deployment_dir();
        std::iter::once(self.agent.source_dir())
            .chain(deployment)
            .collect()
    }

    /// Returns the files that affect how it runs.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.watched.iter().cloned().chain(self.build.files())
    }

    /// Updates its table.
    pub(crate) fn declare(&mut self, agent: Agent) {
        self.agent = agent;
    }

    /// Publishes its address and state for other commands.
    pub(crate) fn tell_others(&mut self, nonce: &str) -> Result<(), Failure> {
        let path = Contract::of_agent(&self.agent).path;
        let name = self.name().to_owned();
        let record = Record::of(name, self.url(), path, nonce.to_owned(), self.standing);
        if self.told.as_ref() != Some(&record) {
            dev::tell(&self.folder, &record)?;
            self.told = Some(record);
        }
        Ok(())
    }

    /// Reports a problem that prevents it from running until an edit, unless it is in `reported`
    /// because another agent has it, too.
    pub(crate) fn fail(&mut self, failure: &Failure, reported: &mut Vec<Failure>, ui: &Ui) {
        self.last = None;
        self.standing = Standing::Broken;
        if self.trouble.as_ref() != Some(failure) {
            if !reported.contains(failure) {
                ui.failure(failure);
                reported.push(failure.clone());
            }
            self.served.break_with(words(failure, &[]));
            self.trouble = Some(failure.clone());
        }
    }

    /// Applies the table's rules for requests.
    pub(crate) fn adapt(&mut self) {
        let agent = &self.agent;
        self.access.protocol = agent.protocol;
        self.access.allowlist.clone_from(&agent.header_allowlist);
        self.access.has_authorizer = agent.authorizer.is_some();
        self.served.change_access(self.access.clone());
    }

    pub(crate) async fn end(self) {
        self.served.end().await;
    }
}

/// Adds the position in the agent's code if Python reports one.
pub(crate) fn not_started(
    name: &str,
    why: &NotStarted,
    files: &Files,
    project: &Project,
) -> Failure {
    let mut message = Message::new(format!("cannot start agent `{name}`: {}", why.what));
    let is_own = |file: &str| {
        let mut origins = files.values();
        origins.any(|origin| origin.from == Path::new(file))
    };
    if let Some(place) = place(&why.lines, is_own) {
        let file = PathBuf::from(&place.file);
        if let Ok(Some(text)) = files::read_text(&file) {
            let before: usize = text
                .split_inclusive('\n')
                .take(place.line.saturating_sub(1))
                .map(str::len)
                .sum();
            let line = text[before..].lines().next().unwrap_or_default();
            let indent = line.len() - line.trim_start().len();
            message = message.at(Snippet {
                file: within(&file, &project.root).into(),
                span: before + indent..before + line.len(),
                text,
                label: place.error,
            });
        } else {
            message = message.note(format!("{}:{}: {}", place.file, place.line, place.error));
        }
    }
    let mut failure = Failure::world("");
    failure.messages = vec![message.help(dev::STARTS_AGAIN)];
    failure
}

/// Returns the answer for callers of the agent.
pub(crate) fn words(failure: &Failure, lines: &[String]) -> String {
    let mut text = String::new();
    for message in &failure.messages {
        text.extend([&message.what, "\n"]);
        if let Some(at) = &message.at {
            let (line, _) = at.position();
            let place = format!("{}:{line}: {}\n", at.file.display(), at.label);
            text.push_str(&place);
        }
        for note in message.notes.iter().chain(&message.help) {
            text.extend([note, "\n"]);
        }
    }
    for line in lines {
        text.extend([line, "\n"]);
    }
    text.trim_end().to_owned()
}
