//! Region, models and permissions of an adopted agent.

use super::choice;
use crate::{
    config::{Model, Permission},
    effects::aws::session,
    error::Failure,
    names::Region,
    scaffold,
    ui::Ui,
};

#[derive(Debug, Clone, clap::Args)]
pub(super) struct SettingsOptions {
    /// AWS region [default: the AWS configuration's]
    #[arg(long, value_name = "REGION", env = "CARGO_AGENTCORE_REGION", value_parser = Region::read)]
    region: Option<Region>,
    /// A Bedrock model that the agent invokes, such as `us.anthropic.claude-sonnet-4-6` (repeatable)
    #[arg(long, value_name = "ID", value_parser = choice::model)]
    model: Vec<Model>,
    /// What the agent may use, such as `pricing`, `memory=ID`, `dynamodb=TABLE` (repeatable)
    #[arg(long, value_name = "PERMISSION", value_parser = |text: &str| Permission::from_flag(text))]
    permission: Vec<Permission>,
}

pub(super) struct Decided {
    pub(super) region: Option<Region>,
    /// The one that was asked for, rather than found.
    pub(super) given_region: Option<Region>,
    pub(super) models: Vec<Model>,
    pub(super) permissions: Vec<Permission>,
}

/// What the project says already about where its agents run.
pub(super) enum Place {
    /// A new project, or one without our table.
    Open,
    /// A project with our table, and the region that its agents have in common.
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
                choice::ask_region(known.as_ref(), ui)?
            } else {
                known
            }
        }
    };
    match &region {
        Some(region) => crate::commands::hint_at_region(region, ui),
        // The project says where its agents run, each by itself perhaps.
        None if joins => {}
        None => choice::note_no_region(ui),
    }
    let mut models = options.model.clone();
    let mut permissions = options.permission.clone();
    if asking && models.is_empty() {
        models = ask_models(ui)?;
    }
    if models.is_empty() {
        ui.note("no model is declared, so the role will allow none; `models` in Cargo.toml names what the agent invokes");
    }
    if let Some(region) = &region {
        for model in models
            .iter()
            .filter(|model| !scaffold::serves(model, region))
        {
            ui.warning(&crate::commands::new::misfit(model, region));
        }
    }
    if asking && permissions.is_empty() {
        permissions = choice::ask_permissions(ui)?;
    }
    models.sort();
    models.dedup();
    permissions.sort();
    permissions.dedup();
    Ok(Decided {
        given_region: options.region.clone(),
        region,
        models,
        permissions,
    })
}

fn ask_models(ui: &Ui) -> Result<Vec<Model>, Failure> {
    let split = |text: &str| -> Result<Vec<Model>, String> {
        text.split([',', ' '])
            .filter(|word| !word.is_empty())
            .map(choice::model)
            .collect()
    };
    let answer = ui
        .input("Bedrock models that it invokes (empty: none)", "", |text| {
            split(text).map(|_| ())
        })
        .map_err(choice::cut_off)?;
    Ok(split(&answer).unwrap_or_default())
}
