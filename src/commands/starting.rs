//! Starts a run of `prepare` or `deploy`: with the sessions of its agents, the project's lock, and
//! the declared resources that the agents use.

use crate::{
    config::Config,
    effects::{local::Emulator, manifest::Project},
    engine::{
        declared::{self, DeclaredWork},
        run::Run,
    },
    error::Failure,
    options,
    project::{
        self, partition,
        sessions::{self, Placed},
    },
    resources::role::Adopt,
    ui::Ui,
};

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
