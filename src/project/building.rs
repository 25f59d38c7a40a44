//! Builds the binary of a Rust agent for every command that needs one.

use crate::{
    config::{Agent, RustPackage},
    effects::{
        self,
        cargo_build::{self, Flags},
        check::{self, Machine, Subject},
        manifest::Project,
        programs::{Checkout, Programs},
        staging,
    },
    error::Failure,
    package::{
        cargo::{
            binary::{self, Origin},
            route::{DOWNLOAD, Download, Found, Route, choose},
        },
        elf,
    },
    protocol::contract::Contract,
    ui::{Ui, Verbosity},
};

pub(crate) use crate::effects::cargo_build::{Binary, For};

/// The heading of the options that only Rust agents have.
pub(crate) const RUST: &str = "Options for Rust agents";

/// For an agent without a region.
const REGION: &str = "us-east-1";
/// An address at which nothing answers: an agent serves before it calls AWS.
const NO_AWS: &str = "http://127.0.0.1:9";

/// Options for cargo.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct CargoOptions {
    /// Cargo features to activate (repeatable or comma-separated)
    #[arg(short = 'F', long, value_name = "FEATURES", value_delimiter = ',', help_heading = RUST)]
    features: Vec<String>,
    /// Number of parallel jobs of cargo
    #[arg(short = 'j', long, value_name = "N", help_heading = RUST)]
    jobs: Option<String>,
    /// Cargo profile to build with
    #[arg(long, value_name = "PROFILE-NAME", help_heading = RUST)]
    cargo_profile: Option<String>,
}

impl CargoOptions {
    /// Returns the first option that is given.
    pub(crate) fn first(&self) -> Option<&'static str> {
        let Self {
            features,
            jobs,
            cargo_profile,
        } = self;
        [
            (!features.is_empty(), "--features"),
            (jobs.is_some(), "--jobs"),
            (cargo_profile.is_some(), "--cargo-profile"),
        ]
        .into_iter()
        .find_map(|(is_given, option)| is_given.then_some(option))
    }
}

/// How a binary is built.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) cargo: CargoOptions,
    pub(crate) locked: bool,
    pub(crate) offline: bool,
    /// Don't ask before a download.
    pub(crate) yes: bool,
    /// Build the program even if it does not start.
    pub(crate) force: bool,
}

impl Options {
    /// Returns what cargo is told.
    pub(crate) fn flags(&self, ui: &Ui) -> Flags {
        let CargoOptions {
            features,
            jobs,
            cargo_profile,
        } = &self.cargo;
        Flags {
            locked: self.locked,
            offline: self.offline,
            features: features.clone(),
            jobs: jobs.clone(),
            profile: cargo_profile.clone(),
            quiet: ui.verbosity() == Verbosity::Quiet,
        }
    }
}

/// Builds the agent's binary. One for the service is checked.
pub(crate) async fn build(
    agent: &Agent,
    project: &Project,
    purpose: For,
    options: &Options,
    ui: &Ui,
) -> Result<Binary, Failure> {
    let Some(package) = agent.rust() else {
        return Err(Failure::config(format!(
            "the agent `{}` is not written in Rust, so cargo cannot build it",
            agent.name
        )));
    };
    let flags = options.flags(ui);
    let route = match purpose {
        For::ThisMachine => Route::Cargo,
        For::Service => route(package, project, options, &flags, ui).await?,
    };
    if purpose == For::Service {
        ui.detail(
            "Linking",
            &format!(
                "`{}` for `{}` with {}",
                package.bin,
                package.target.triple(),
                route.words()
            ),
        );
    }
    let built = cargo_build::run(package, purpose, &route, &flags).await?;
    if purpose == For::Service {
        let bytes = cargo_build::content(&built.path)?;
        binary::check(&built.path.display().to_string(), &bytes, Origin::Built)?;
        // What is loaded by something else is refused when it gets into an image.
        if !options.force && elf::loader(&bytes[..]).is_none() {
            try_start(agent, project, &built, ui).await?;
        }
    }
    Ok(built)
}

/// Starts the program once if this machine can run it.
async fn try_start(
    agent: &Agent,
    project: &Project,
    built: &Binary,
    ui: &Ui,
) -> Result<(), Failure> {
    let programs = Programs::outside(Checkout::around(&project.root));
    let Some(machine) = Machine::this(&programs) else {
        return Ok(());
    };
    ui.detail("Starting", &format!("`{}` once", agent.name));
    let how = match &machine {
        Machine::Itself => "it was started on this machine".to_owned(),
        Machine::Under(emulator) => {
            format!("it was started under `{}`", emulator.display())
        }
    };
    let home = staging::empty()?;
    let region = agent.region.as_ref();
    let subject = Subject {
        program: machine.program(built.path.clone()),
        contract: Contract::of_agent(agent),
        region: region.map_or_else(|| REGION.to_owned(), ToString::to_string),
        aws: NO_AWS.to_owned(),
        environment: agent.env.clone(),
        home: home.path().to_owned(),
    };
    let tried = check::try_start(&subject).await;
    tried.map_err(|failure| {
        failure
            .note(format!(
                "`{}` was built for AgentCore, and {how}",
                agent.name
            ))
            .help("`cargo agentcore check` tests the agent; `--force` ships it anyway")
    })
}

/// Chooses what links the binary, and asks before a download.
async fn route(
    package: &RustPackage,
    project: &Project,
    options: &Options,
    flags: &Flags,
    ui: &Ui,
) -> Result<Route, Failure> {
    let download = match (options.yes, ui.is_interactive()) {
        (true, _) => Download::Allowed,
        (false, true) => Download::Ask,
        (false, false) => Download::Refused,
    };
    let (observed, root, given) = (package.clone(), project.root.clone(), flags.clone());
    let found: Found = effects::runtime::aside(
        move |_: &(dyn Fn(()) + Sync)| cargo_build::observe(&observed, &root, &given, download),
        |()| {},
    )
    .await?;
    let route = choose(&found)?;
    if !matches!(route, Route::ZigbuildOfUv { uv: _, asks: true }) {
        return Ok(route);
    }
    let question = format!(
        "A binary for `{}` needs a linker. Let uv download cargo-zigbuild and Zig ({DOWNLOAD}, once)?",
        package.target.triple()
    );
    let is_allowed = ui.confirm(&question).unwrap_or(false);
    choose(&Found {
        download: if is_allowed {
            Download::Allowed
        } else {
            Download::Refused
        },
        ..found
    })
}
