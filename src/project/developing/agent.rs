//! One agent under `dev`: what it was started from, and how edits are handled.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{crew::Ground, debugger::introduce, events::how, example, rust::Build, within};
use crate::{
    config::{Agent, Language},
    effects::{
        clock,
        dev::{
            self, Access, Debug, NotStarted, OwnOutput, Program, Python, Record, Served, Standing,
            Start,
        },
        files,
        folder::Folder,
        local::code::{self, Surroundings, debugger},
        manifest::Project,
        packaging::FromProject,
        programs::{Checkout, Programs},
        runtime,
    },
    error::{Exit, Failure, Message, Snippet},
    package::{composition::Files, installer::minor_version},
    plan::reload::{Change, Inputs, place},
    project::{
        own_files::{self, OwnFiles},
        packaging,
    },
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
    access: Access,
    folder: Folder,
    pub(crate) served: Served,
    /// Only of a Rust agent.
    pub(crate) build: Build,
    pub(crate) own_output: OwnOutput,
    /// `None` if it must restart in any case.
    last: Option<Inputs>,
    surroundings: Option<Surroundings>,
    /// The current problem, so that it is printed only once.
    pub(crate) trouble: Option<Failure>,
    watched: BTreeSet<PathBuf>,
    /// The watched files that were not empty at the last look.
    filled: BTreeSet<PathBuf>,
    pub(crate) standing: Standing,
    debug_port: Option<u16>,
    /// debugpy, if used.
    debugger: Option<PathBuf>,
    /// What other commands know about it.
    told: Option<Record>,
}

/// What a start would use now.
struct Observed {
    own: OwnFiles,
    shipped: FromProject,
    inputs: Inputs,
    /// The files without content.
    empty: BTreeSet<PathBuf>,
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

    /// Observes the files, and restarts the agent if anything changed. Returns true if so.
    pub(crate) async fn refresh(
        &mut self,
        ground: &Ground<'_>,
        reported: &mut Vec<Failure>,
        ui: &Ui,
    ) -> bool {
        if let Language::Rust(package) = self.agent.language.clone() {
            return self.refresh_binary(&package, ground, reported, ui).await;
        }
        let observed = match self.observe_written(ground).await {
            Ok(observed) => observed,
            Err(failure) => {
                let is_new = self.trouble.as_ref() != Some(&failure);
                self.fail(&failure, reported, ui);
                return is_new;
            }
        };
        let change = match &self.last {
            Some(last) => Change::between(last, &observed.inputs),
            None if self.surroundings.is_some() => Change::Restart("it can run again".to_owned()),
            None => Change::Install("it can run again".to_owned()),
        };
        let is_first = self.last.is_none() && self.trouble.is_none();
        let installs = match &change {
            Change::Nothing => return false,
            Change::Install(_) => true,
            Change::Restart(_) => self.surroundings.is_none(),
        };
        if let Change::Install(why) | Change::Restart(why) = &change
            && !is_first
        {
            ui.status("Restarting", &format!("`{}`: {why}", self.name()));
        }
        self.trouble = None;
        self.last = Some(observed.inputs.clone());
        self.served.hold();
        self.adapt();
        if installs {
            self.surroundings = None;
            observed.own.tell(ui);
            match self.install(ground.project, &observed, ui).await {
                Ok(surroundings) => self.surroundings = Some(surroundings),
                Err(failure) => {
                    self.fail(&failure, reported, ui);
                    return true;
                }
            }
        }
        self.start(observed, ground, ui).await;
        true
    }

    /// Observes the files. An editor that writes in place empties a file first, so this looks again
    /// while a file has lost its content.
    async fn observe_written(&mut self, ground: &Ground<'_>) -> Result<Observed, Failure> {
        let start = clock::now();
        loop {
            let observed = self.observe(ground)?;
            let is_written = observed.empty.is_disjoint(&self.filled);
            if is_written || start.elapsed() > WRITING {
                self.filled = self.watched.difference(&observed.empty).cloned().collect();
                return Ok(observed);
            }
            clock::sleep(LOOK).await;
        }
    }

    fn observe(&mut self, ground: &Ground<'_>) -> Result<Observed, Failure> {
        let Ground {
            given,
            project,
            declared,
            emulator: _,
        } = ground;
        let own = own_files::observe(&self.agent, project, declared)?;
        if let [_, ..] = &own.problems[..] {
            return Err(Failure {
                exit: Exit::Config,
                messages: own.problems.clone(),
            });
        }
        let shipped = packaging::from_project(&self.agent, project, &own, self.folder.clone())?;
        let edited = shipped
            .files
            .iter()
            .filter(|(_, origin)| !self.own_output.contains(&origin.from));
        let edited: Vec<_> = edited.collect();
        let origins = edited.iter().map(|(_, origin)| *origin);
        let mut empty: BTreeSet<PathBuf> = origins
            .clone()
            .filter(|origin| origin.size == 0)
            .map(|origin| origin.from.clone())
            .collect();
        let mut others = shipped.requirements_files.clone();
        others.insert(given.file(&self.agent.dir));
        let is_empty = |file: &&PathBuf| files::length(file) == Some(0);
        empty.extend(others.iter().filter(is_empty).cloned());
        let origins = origins.map(|origin| origin.from.clone());
        self.watched = origins.chain(others).collect();
        let files = edited.iter().map(|(path, origin)| {
            let mode = if origin.executable { "755" } else { "644" };
            ((*path).clone(), format!("{} {mode}", origin.hash))
        });
        let inputs = Inputs {
            files: files.collect(),
            requirements: shipped.requirements.clone(),
            environment: given.of(&self.agent.env, &self.agent.dir)?,
            agent: self.agent.clone(),
        };
        Ok(Observed {
            own,
            shipped,
            inputs,
            empty,
        })
    }

    /// Applies the table's rules for requests.
    pub(crate) fn adapt(&mut self) {
        let agent = &self.agent;
        self.access.protocol = agent.protocol;
        self.access.allowlist.clone_from(&agent.header_allowlist);
        self.access.has_authorizer = agent.authorizer.is_some();
        self.served.change_access(self.access.clone());
    }

    /// Installs the shipped dependencies for this machine.
    async fn install(
        &mut self,
        project: &Project,
        observed: &Observed,
        ui: &Ui,
    ) -> Result<Surroundings, Failure> {
        let options = packaging::Options {
            rebuild: false,
            force: true,
            sources: packaging::Sources::default(),
        };
        let output = self.folder.clone();
        let built =
            packaging::build(&self.agent, project, &observed.own, output, &options, ui).await?;
        let version = minor_version(self.agent.runtime);
        let root = project.root.clone();
        ui.detail(
            "Preparing",
            &format!("dependencies of `{}` for this machine", self.name()),
        );
        let is_debugged = self.debug_port.is_some();
        let (surroundings, debugger) = runtime::aside(
            move |_: &(dyn Fn(()) + Sync)| {
                let programs = Programs::outside(Checkout::around(&root));
                let surroundings =
                    code::prepare_surroundings(&built.archive.path, version, &programs)?;
                let debugger = is_debugged.then(|| debugger::ensure(version, &programs));
                Ok::<_, Failure>((surroundings, debugger.transpose()?))
            },
            |()| {},
        )
        .await?;
        self.debugger = debugger;
        if let Some(warning) = &surroundings.warning {
            ui.warning(&Message::new(warning));
        }
        Ok(surroundings)
    }

    async fn start(&mut self, observed: Observed, ground: &Ground<'_>, ui: &Ui) {
        let Some(surroundings) = &self.surroundings else {
            return;
        };
        let region = self.agent.region.as_ref();
        let debug = self.debugger.clone().zip(self.debug_port);
        let debug = debug.map(|(program, port)| Debug { program, port });
        if let Some(debug) = &debug {
            let code = self.served.code_under_debugger();
            introduce(&self.agent, debug.port, &code, ui);
        }
        let begin = clock::now();
        let mut environment = observed.inputs.environment;
        if let Some(key) = &ground.emulator.key {
            environment.insert("AWS_ACCESS_KEY_ID".to_owned(), key.clone());
        }
        let python = Python {
            debug,
            interpreter: surroundings.python.clone(),
            dependencies: surroundings.dependencies.clone(),
            files: observed.shipped.files.clone(),
            entrypoint: self.agent.entrypoint.clone(),
        };
        let start = Start {
            program: Program::Python(python),
            contract: Contract::of_agent(&self.agent),
            region: region.map_or_else(|| REGION.to_owned(), ToString::to_string),
            address: ground.emulator.url.clone(),
            own_address: self.url(),
            environment,
        };
        match self.served.start(start).await {
            Ok(birth) => {
                self.standing = Standing::Serving;
                let how = how(&birth);
                let took = begin.elapsed().as_secs_f64();
                ui.status(
                    "Ready",
                    &format!("`{}` after {took:.2} s{how}", self.name()),
                );
            }
            Err(why) => {
                self.standing = Standing::Broken;
                let failure =
                    not_started(self.name(), &why, &observed.shipped.files, ground.project);
                ui.failure(&failure);
                self.served.break_with(words(&failure, &why.lines));
            }
        }
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
