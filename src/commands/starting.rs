//! How commands that talk to AWS begin: with the project, the sessions of its agents and, for
//! `prepare` and `deploy`, the project's lock and the declared resources that the agents use.

use crate::{
    config::Config,
    effects::{local::Emulator, manifest::Project},
    engine::{
        declared::{self, DeclaredWork},
        run::Run,
        runtime::find::{self, Deployed},
    },
    error::Failure,
    options,
    project::{
        self,
        emulator::{self, Reach},
        partition,
        sessions::{self, Placed},
    },
    resources::role::Adopt,
    ui::Ui,
};

/// A project whose agents the command is about, and where they are.
pub(super) struct Opened<'a> {
    pub(super) project: Project,
    pub(super) config: Config,
    aws: &'a options::Aws,
    ui: &'a Ui,
}

impl<'a> Opened<'a> {
    pub(super) fn load(
        project: &options::Project,
        aws: &'a options::Aws,
        ui: &'a Ui,
    ) -> Result<Self, Failure> {
        let stage = project::stage(project, aws.local);
        Ok(Self::of(project::load(project, &stage, ui)?, aws, ui))
    }

    /// Loads the project of a command about one deployed agent. Refuses several agents, and an empty
    /// local AgentCore.
    pub(super) fn load_one(
        project: &options::Project,
        aws: &'a options::Aws,
        ui: &'a Ui,
    ) -> Result<Self, Failure> {
        let opened = Self::load(project, aws, ui)?;
        let agent = find::single(&opened.config.agents)?;
        if opened.is_empty()? {
            return Err(find::absent(agent));
        }
        Ok(opened)
    }

    pub(super) fn of(
        (project, config): (Project, Config),
        aws: &'a options::Aws,
        ui: &'a Ui,
    ) -> Self {
        Self {
            project,
            config,
            aws,
            ui,
        }
    }

    pub(super) fn place(&self) -> (&Project, &Config) {
        (&self.project, &self.config)
    }

    /// Returns true, with a note, for a local AgentCore that has never had anything.
    pub(super) fn is_empty(&self) -> Result<bool, Failure> {
        emulator::is_empty(self.aws, &self.project, &self.config, self.ui)
    }

    /// Acts on the agents with their sessions.
    pub(super) async fn with<T>(
        &self,
        reach: Reach,
        act: impl AsyncFnOnce(&[Placed<'_>], Option<&Emulator>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (aws, ui) = (self.aws, self.ui);
        emulator::with(reach, aws, self.place(), ui, async |emulator| {
            let agents = (&self.project, &self.config.agents[..]);
            let placed = sessions::place(agents, aws, emulator, ui).await?;
            act(&placed, emulator).await
        })
        .await
    }

    /// Acts on the only agent with the runtimes of its name.
    pub(super) async fn with_one<T>(
        &self,
        reach: Reach,
        act: impl AsyncFnOnce(&Deployed<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let agent = find::single(&self.config.agents)?;
        self.with(reach, async |placed, _| {
            let all = find::observe(placed).await?;
            act(all.first().ok_or_else(|| find::absent(agent))?).await
        })
        .await
    }
}

/// What the command was asked.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) place: (&'a Project, &'a Config),
    pub(super) aws: &'a options::Aws,
    pub(super) emulator: Option<&'a Emulator>,
    pub(super) applying: &'a options::Applying,
    pub(super) adopt: Adopt,
    pub(super) yes: bool,
    pub(super) ui: &'a Ui,
}

impl Asked<'_> {
    /// `check` may refuse the agents before anything is read or written.
    pub(super) async fn run(
        self,
        check: impl FnOnce(&[Placed<'_>]) -> Result<(), Failure>,
        act: impl AsyncFnOnce(Run<'_>, DeclaredWork<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Self {
            place: (project, config),
            aws,
            emulator,
            applying,
            adopt,
            yes,
            ui,
        } = self;
        let placed = sessions::place((project, &config.agents), aws, emulator, ui).await?;
        check(&placed)?;
        partition::warn_of_gaps(&placed, ui);
        let _lock = project::lock_to_apply(applying, project, ui)?;
        let run = Run {
            project,
            declared: &config.declared,
            placed: &placed,
            applying,
            adopt,
            yes,
            ui,
        };
        let (resources, agents) = declared::settle(&run).await?;
        let placed = sessions::with_agents(&placed, &agents);
        let run = Run {
            placed: &placed,
            ..run
        };
        act(run, resources).await
    }
}
