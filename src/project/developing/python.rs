//! A Python agent under `dev`: restarted from its sources after every edit, with its dependencies
//! installed for this machine.

use std::{collections::BTreeSet, path::PathBuf};

use super::{
    agent::{Developed, LOOK, REGION, WRITING, not_started, words},
    debugger::introduce,
    events::how,
    ground::Ground,
};
use crate::{
    effects::{
        clock,
        dev::{Debug, Program, Python, Standing, Start},
        files,
        local::code::{self, Surroundings, debugger},
        manifest::Project,
        packaging::FromProject,
        programs::{Checkout, Programs},
        runtime,
    },
    error::{Exit, Failure, Message},
    package::installer::minor_version,
    plan::reload::{Change, Inputs},
    project::{
        own_files::{self, OwnFiles},
        packaging,
    },
    protocol::contract::Contract,
    ui::Ui,
};

/// What a start would use now.
struct Observed {
    own: OwnFiles,
    shipped: FromProject,
    inputs: Inputs,
    /// The files without content.
    empty: BTreeSet<PathBuf>,
}

impl Developed {
    /// Observes the files, and restarts the agent if anything changed. Returns true if so.
    pub(crate) async fn refresh_python(
        &mut self,
        ground: &Ground<'_>,
        reported: &mut Vec<Failure>,
        ui: &Ui,
    ) -> bool {
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
}
