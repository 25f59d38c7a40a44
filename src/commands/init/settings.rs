//! The options of an adopted agent, and the project's region.

use crate::{
    config::{Model, Permission},
    effects::aws::session,
    error::Failure,
    names::Region,
    project::{self, prompts},
    ui::Ui,
};

#[derive(Debug, Clone, clap::Args)]
pub(super) struct SettingsOptions {
    /// AWS region [default: from the AWS configuration]
    #[arg(long, value_name = "REGION", env = "CARGO_AGENTCORE_REGION", value_parser = Region::read)]
    region: Option<Region>,
    /// Bedrock model that the agent invokes, such as `us.anthropic.claude-sonnet-4-6` (repeatable)
    #[arg(long, value_name = "ID", value_parser = prompts::model)]
    pub(super) model: Vec<Model>,
    /// Allow the agent to use a service, such as `pricing`, `memory=ID` or `dynamodb=TABLE` (repeatable)
    #[arg(long, value_name = "PERMISSION", value_parser = |text: &str| Permission::from_flag(text))]
    pub(super) permission: Vec<Permission>,
}

pub(super) struct Decided {
    pub(super) region: Option<Region>,
    /// The region from the option, not from the configuration.
    pub(super) given_region: Option<Region>,
}

/// What the project already says about its agents' region.
pub(super) enum Place {
    /// A new project, or one without this tool's table.
    Open,
    /// A project of this tool, and the region that its agents share.
    Project(Option<Region>),
}

pub(super) async fn decide(
    options: &SettingsOptions,
    place: Place,
    asking: bool,
    ui: &Ui,
) -> Result<Decided, Failure> {
    let joins = matches!(place, Place::Project(_));
    let region = match (&options.region, place) {
        (Some(region), _) => Some(region.clone()),
        (None, Place::Project(region)) => region,
        (None, Place::Open) => {
            let known = session::known_region().await;
            if asking {
                prompts::ask_region(known.as_ref(), ui)?
            } else {
                known
            }
        }
    };
    match &region {
        Some(region) => project::hint_at_region(region, ui),
        // The project declares its agents' regions, perhaps one by one.
        None if joins => {}
        None => prompts::note_no_region(ui),
    }
    Ok(Decided {
        given_region: options.region.clone(),
        region,
    })
}
