//! Where agents are tested: gets each ready, starts it and asks it.

use std::path::{Path, PathBuf};

use super::Args;
use crate::{
    check::Report,
    config::{Agent, Config, Language, Protocol},
    effects::{
        check::{self, Manner, Program, Subject},
        clock,
        local::{Emulator, code},
        manifest::Project,
        programs::{Checkout, Programs},
        runtime, staging,
    },
    error::{Exit, Failure, Message},
    package::installer::minor_version,
    project::{
        self,
        building::{self, For},
        consent, emulator,
        environment::Given,
        own_files,
        packaging::{self, Options},
    },
    protocol::contract::Contract,
    ui::Ui,
};

/// For an agent without a region.
const REGION: &str = "us-east-1";

/// An agent and its test report.
pub(super) struct Tested {
    pub(super) name: String,
    pub(super) protocol: Protocol,
    pub(super) report: Report,
}

/// What all tests share.
pub(super) struct Ground<'a> {
    pub(super) args: &'a Args,
    pub(super) given: &'a Given,
    pub(super) manner: &'a Manner,
    pub(super) project: &'a Project,
    pub(super) config: &'a Config,
    pub(super) emulator: &'a Emulator,
}

/// Starts and tests the project's agents, one after the other.
pub(super) async fn start_and_test(
    args: &Args,
    manner: &Manner,
    ui: &Ui,
) -> Result<(Vec<Tested>, Vec<Failure>), Failure> {
    let stage = project::stage(&args.project, false);
    let given = Given::read(&args.env, args.env_file.as_deref())?;
    let (project, mut config) = project::load(&args.project, &stage, ui)?;
    consent::sources(&project, &mut config.agents, None, ui)?;
    let using = (
        "Using",
        "an AWS emulator for AWS calls; it runs for this command only",
    );
    let models = emulator::models_for(&project, &config, None, ui)?;
    let testing = emulator::visit_for(
        (&project, &config),
        Some(&models),
        using,
        ui,
        async |emulator| {
            let ground = Ground {
                args,
                given: &given,
                manner,
                project: &project,
                config: &config,
                emulator,
            };
            ground.test(ui).await
        },
    );
    let tested = clock::unless_interrupted(Box::pin(testing)).await;
    tested.unwrap_or_else(|| Err(interrupted()))
}

fn interrupted() -> Failure {
    Failure::new(Exit::Interrupted, "interrupted")
        .note("the agent that was being tested is stopped")
}

impl Ground<'_> {
    /// Tests one agent after the other, so that they do not affect each other's timing.
    pub(super) async fn test(&self, ui: &Ui) -> Result<(Vec<Tested>, Vec<Failure>), Failure> {
        let (mut reports, mut failures) = (Vec::new(), Vec::new());
        for agent in &self.config.agents {
            match self.test_one(agent, ui).await {
                Ok(report) => reports.push(Tested {
                    name: agent.name.to_string(),
                    protocol: agent.protocol,
                    report,
                }),
                Err(failure) => failures.push(failure),
            }
        }
        Ok((reports, failures))
    }

    pub(super) async fn test_one(&self, agent: &Agent, ui: &Ui) -> Result<Report, Failure> {
        let home = staging::empty()?;
        let program = match &agent.language {
            Language::Python => self.python(agent, home.path(), ui).await?,
            Language::Rust(_) => self.binary(agent, ui).await?,
        };
        let subject = self.subject(agent, program, home.path().to_owned())?;
        ui.status("Checking", &format!("`{}`", agent.name));
        let report = Report::begin(agent.protocol, |rule| self.args.is_wanted(rule));
        let work = ui.working("Testing", &format!("agent `{}`", agent.name));
        let say = |what: &str| {
            work.says("Testing", what, None);
            ui.detail("Testing", what);
        };
        check::run(&subject, self.manner, report, &say).await
    }

    /// Returns the binary, built for this machine.
    pub(super) async fn binary(&self, agent: &Agent, ui: &Ui) -> Result<Program, Failure> {
        let options = building::Options {
            cargo: self.args.cargo.clone(),
            ..building::Options::default()
        };
        let built = building::build(agent, self.project, For::ThisMachine, &options, ui).await?;
        Ok(Program::Binary {
            path: built.path,
            emulator: None,
        })
    }

    /// Builds the agent as it would be deployed, for this machine.
    pub(super) async fn python(
        &self,
        agent: &Agent,
        home: &Path,
        ui: &Ui,
    ) -> Result<Program, Failure> {
        let own = own_files::observe(agent, self.project, &self.config.declared)?;
        own.tell(ui);
        own.tell_shared(ui);
        let output = packaging::directory(agent, self.project)?;
        let shipped = packaging::from_project(agent, self.project, &own, output.clone())?;
        let options = Options {
            rebuild: false,
            // The test itself reports code that cannot start.
            force: true,
            sources: packaging::Sources::default(),
        };
        let lock = project::lock(self.project, ui)?;
        let built = packaging::build(agent, self.project, &own, output, &options, ui).await?;
        drop(lock);
        let version = minor_version(agent.runtime);
        let (root, unpacked) = (self.project.root.clone(), home.join("archive"));
        let code = runtime::aside(
            move |_: &(dyn Fn(()) + Sync)| {
                let programs = Programs::outside(Checkout::around(&root));
                code::prepare(&built.archive.path, &unpacked, version, &programs)
            },
            |()| {},
        )
        .await?;
        if let Some(warning) = &code.warning {
            ui.warning(&Message::new(warning));
        }
        Ok(Program::Python {
            code,
            files: shipped.files,
            entrypoint: agent.entrypoint.clone(),
        })
    }

    pub(super) fn subject(
        &self,
        agent: &Agent,
        program: Program,
        home: PathBuf,
    ) -> Result<Subject, Failure> {
        let region = agent.region.as_ref();
        let mut environment = self.given.of(&agent.env, &agent.dir)?;
        if let Some(key) = &self.emulator.key {
            environment.insert("AWS_ACCESS_KEY_ID".to_owned(), key.clone());
        }
        Ok(Subject {
            program,
            contract: Contract::of_agent(agent),
            region: region.map_or_else(|| REGION.to_owned(), ToString::to_string),
            aws: self.emulator.url.clone(),
            environment,
            home,
        })
    }
}
