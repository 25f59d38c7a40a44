//! A Rust agent under `dev`: cargo builds it, and the running binary stays until the next one
//! serves.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    agent::{Developed, REGION, not_started, words},
    crew::Ground,
    within,
};
use crate::{
    config::{Agent, RustPackage},
    effects::{
        cargo_build::{self, Sources},
        clock,
        dev::{Program, Standing, Start},
        manifest::Project,
    },
    error::Failure,
    project::building::{self, Binary, CargoOptions, For},
    protocol::contract::Contract,
    ui::Ui,
};

/// What a Rust agent was built from and what runs.
#[derive(Default)]
pub(super) struct Build {
    options: building::Options,
    /// The directories of the package and of its path dependencies.
    directories: Vec<PathBuf>,
    last: Option<Inputs>,
    /// The hash of the running binary, with what it was started with.
    running: Option<(String, BTreeMap<String, String>, Agent)>,
}

/// Everything that determines how the agent runs.
#[derive(Clone, PartialEq, Eq)]
struct Inputs {
    sources: Sources,
    environment: BTreeMap<String, String>,
    agent: Agent,
}

impl Build {
    pub(super) fn new(cargo: CargoOptions) -> Self {
        Self {
            options: building::Options {
                cargo,
                ..building::Options::default()
            },
            ..Self::default()
        }
    }

    /// Returns the directories to watch.
    pub(super) fn roots(&self, package: &RustPackage) -> Vec<PathBuf> {
        match &self.directories[..] {
            [] => vec![package.directory().to_owned()],
            directories => directories.to_vec(),
        }
    }

    /// Returns the files to watch.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let last = self.last.iter();
        last.flat_map(|last| last.sources.keys().cloned())
    }

    /// Looks again which packages the binary is built from, if a manifest changed.
    fn find_directories(&mut self, package: &RustPackage, sources: &Sources, ui: &Ui) {
        let of_manifests = |sources: &Sources| -> Sources {
            let files = sources
                .iter()
                .filter(|(path, _)| path.ends_with("Cargo.toml"));
            files.map(|(path, about)| (path.clone(), *about)).collect()
        };
        let before = self.last.as_ref().map(|last| of_manifests(&last.sources));
        if self.directories.is_empty() || before != Some(of_manifests(sources)) {
            // cargo itself reports what is wrong when it builds.
            let found = cargo_build::watched(package, &self.options.flags(ui));
            self.directories = found.unwrap_or_default();
        }
    }
}

impl Developed {
    /// Builds and restarts the agent if anything changed. Returns true if so.
    pub(super) async fn refresh_binary(
        &mut self,
        package: &RustPackage,
        ground: &Ground<'_>,
        reported: &mut Vec<Failure>,
        ui: &Ui,
    ) -> bool {
        let environment = match ground.given.of(&self.agent.env, &self.agent.dir) {
            Ok(environment) => environment,
            Err(failure) => {
                let is_new = self.trouble.as_ref() != Some(&failure);
                self.fail(&failure, reported, ui);
                return is_new;
            }
        };
        let mut inputs = Inputs {
            sources: self.sources(package, ground.project),
            environment,
            agent: self.agent.clone(),
        };
        let why = match &self.build.last {
            Some(last) if *last == inputs => return false,
            Some(last) => Some(change(last, &inputs, ground.project)),
            None => None,
        };
        if let Some(why) = why {
            ui.status("Rebuilding", &format!("`{}`: {why}", self.name()));
        }
        self.build.find_directories(package, &inputs.sources, ui);
        // Files of path dependencies count from now on.
        inputs.sources = self.sources(package, ground.project);
        self.build.last = Some(inputs.clone());
        self.adapt();
        let options = self.build.options.clone();
        let begin = clock::now();
        let built =
            building::build(&self.agent, ground.project, For::ThisMachine, &options, ui).await;
        match built {
            Ok(binary) => self.run(binary, inputs.environment, ground, ui).await,
            Err(failure) => self.keep_running(&failure, reported, ui),
        }
        ui.detail(
            "Built",
            &format!("after {:.2} s", begin.elapsed().as_secs_f64()),
        );
        true
    }

    fn sources(&self, package: &RustPackage, project: &Project) -> Sources {
        let others = ["Cargo.toml", "Cargo.lock"].map(|name| project.root.join(name));
        let roots = self.build.roots(package);
        cargo_build::sources(&roots, &others, &project.target_dir)
    }

    /// Starts a new binary beside the running one, unless it is the same.
    async fn run(
        &mut self,
        binary: Binary,
        environment: BTreeMap<String, String>,
        ground: &Ground<'_>,
        ui: &Ui,
    ) {
        let identity = (binary.sha256, environment.clone(), self.agent.clone());
        self.trouble = None;
        if self.build.running.as_ref() == Some(&identity) && self.standing == Standing::Serving {
            return;
        }
        let mut environment = environment;
        if let Some(key) = &ground.emulator.key {
            environment.insert("AWS_ACCESS_KEY_ID".to_owned(), key.clone());
        }
        let region = self.agent.region.as_ref();
        let start = Start {
            program: Program::Binary(binary.path),
            contract: Contract::of_agent(&self.agent),
            region: region.map_or_else(|| REGION.to_owned(), ToString::to_string),
            address: ground.emulator.url.clone(),
            own_address: self.url(),
            environment,
        };
        let begin = clock::now();
        match self.served.replace(start).await {
            Ok(_) => {
                self.standing = Standing::Serving;
                self.build.running = Some(identity);
                let took = begin.elapsed().as_secs_f64();
                ui.status("Ready", &format!("`{}` after {took:.2} s", self.name()));
            }
            Err(why) => {
                let failure = not_started(self.name(), &why, &BTreeMap::new(), ground.project);
                if self.build.running.is_some() {
                    ui.failure(&failure);
                    ui.note(STILL_RUNS);
                    return;
                }
                self.standing = Standing::Broken;
                ui.failure(&failure);
                self.served.break_with(words(&failure, &why.lines));
            }
        }
    }

    /// Reports why there is no new binary.
    fn keep_running(&mut self, failure: &Failure, reported: &mut Vec<Failure>, ui: &Ui) {
        if self.build.running.is_some() {
            ui.failure(failure);
            ui.note(STILL_RUNS);
            return;
        }
        let last = self.build.last.take();
        self.fail(failure, reported, ui);
        // The same sources would fail again.
        self.build.last = last;
    }
}

const STILL_RUNS: &str = "the previous build still runs";

fn change(before: &Inputs, now: &Inputs, project: &Project) -> String {
    let Inputs {
        sources,
        environment,
        agent,
    } = before;
    let others = now
        .sources
        .keys()
        .filter(|path| !sources.contains_key(*path));
    let mut changed = sources.keys().chain(others);
    let changed = changed.find(|path| sources.get(*path) != now.sources.get(*path));
    match changed {
        Some(path) => format!("`{}` changed", within(path, &project.root)),
        None if *environment != now.environment => "its environment changed".to_owned(),
        None if *agent != now.agent => "its table changed".to_owned(),
        None => "it can run again".to_owned(),
    }
}
