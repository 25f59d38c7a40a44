//! A Rust agent under `dev`: cargo builds it, and the running binary stays until the next one
//! serves.

use std::{collections::BTreeMap, path::Path};

use super::{
    agent::{Developed, REGION, not_started, words},
    ground::Ground,
    rust_build::Inputs,
    within,
};
use crate::{
    config::RustPackage,
    effects::{
        cargo_build::{self, Sources},
        clock,
        dev::{Program, Standing, Start},
        manifest::Project,
    },
    error::Failure,
    project::building::{self, Binary, For},
    protocol::contract::Contract,
    ui::Ui,
};

impl Developed {
    /// Builds and restarts the agent if anything changed. Returns true if so.
    pub(crate) async fn refresh_binary(
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
        self.build.find_packages(package, &inputs.sources, ui);
        // Files of path dependencies count from now on.
        inputs.sources = self.sources(package, ground.project);
        self.build.last = Some(inputs.clone());
        self.adapt();
        let options = self.build.options.clone();
        let begin = clock::now();
        let built =
            building::build(&self.agent, ground.project, For::ThisMachine, &options, ui).await;
        match &built {
            Ok(binary) => self.build.watched.succeeded(binary.made_from.clone()),
            Err(_) => self.build.watched.failed(),
        }
        let now = self.sources(package, ground.project);
        let sources = cargo_build::since(&inputs.sources, now);
        self.build.last = Some(Inputs {
            sources,
            ..inputs.clone()
        });
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
        let of = |folder: &Path| OTHERS.map(|name| folder.join(name));
        let others = [of(&project.root), of(package.directory())].concat();
        let mut found = self.build.watched.sources(&others, &project.target_dir);
        let last = self.build.last.as_ref().map(|last| &last.sources);
        found.retain(|path, about| {
            let is_known = last.is_some_and(|last| last.get(path) == Some(about));
            is_known || !self.own_output.contains(path)
        });
        found
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

/// Files that cargo reads besides those of packages.
const OTHERS: [&str; 5] = [
    "Cargo.toml",
    "Cargo.lock",
    ".cargo/config.toml",
    "rust-toolchain.toml",
    "rust-toolchain",
];

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
