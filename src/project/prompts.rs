//! The region, model and permissions of a new agent: from options, prompts or defaults.

use crate::{
    config::{Model, Permission, permission::OFFERED},
    effects::aws::session,
    error::{Failure, Message},
    names::Region,
    project::{hint_at_region, partition},
    scaffold,
    ui::{Item, Ui, Unanswered},
};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Choices {
    /// AWS region [default: from the AWS configuration]
    #[arg(long, value_name = "REGION", env = "CARGO_AGENTCORE_REGION", value_parser = Region::read)]
    region: Option<Region>,
    /// Bedrock model ID [default: a current Claude Sonnet that serves the region]
    #[arg(long, value_name = "ID", value_parser = model)]
    model: Option<Model>,
    /// Allow the agent to use a service, such as `pricing`, `memory=ID` or `dynamodb=TABLE` (repeatable)
    #[arg(long, value_name = "PERMISSION", value_parser = |text: &str| Permission::from_flag(text))]
    permission: Vec<Permission>,
}

pub(crate) struct Decided {
    pub(crate) region: Option<Region>,
    pub(crate) model: Option<Model>,
    pub(crate) permissions: Vec<Permission>,
}

pub(crate) fn model(text: &str) -> Result<Model, String> {
    Model::parse(text).ok_or_else(|| {
        format!("`{text}` is not a model's id, such as `us.anthropic.claude-sonnet-4-6`")
    })
}

/// Decides on region, model and permissions. `needs_model` says whether the agent needs a model,
/// and `own` are the permissions that its code needs in any case.
pub(crate) async fn decide(
    choices: &Choices,
    (needs_model, own): (bool, &[Permission]),
    asking: bool,
    ui: &Ui,
) -> Result<Decided, Failure> {
    let known = match &choices.region {
        Some(region) => Some(region.clone()),
        None => session::known_region().await,
    };
    let region = if asking && choices.region.is_none() {
        ask_region(known.as_ref(), ui)?
    } else {
        known
    };
    match &region {
        Some(region) => hint_at_region(region, ui),
        None => note_no_region(ui),
    }
    let model = match &choices.model {
        Some(model) => Some(model.clone()),
        None if !needs_model => None,
        None => Some(default_model(region.as_ref(), asking, ui)?),
    };
    if let (Some(model), Some(region)) = (&model, &region)
        && !scaffold::serves(model, region)
    {
        ui.warning(&misfit(model, region));
    }
    let mut permissions = own.to_vec();
    permissions.extend(choices.permission.iter().cloned());
    if asking && choices.permission.is_empty() {
        permissions.extend(ask_permissions(ui)?);
    }
    permissions.sort();
    permissions.dedup();
    Ok(Decided {
        region,
        model,
        permissions,
    })
}

pub(crate) fn note_no_region(ui: &Ui) {
    ui.note("no AWS region was given; set `region` in Cargo.toml, `--region` or AWS_REGION before you deploy to AWS");
}

pub(crate) fn ask_region(known: Option<&Region>, ui: &Ui) -> Result<Option<Region>, Failure> {
    const NONE: &str = "none";
    let regions = Region::offered().map(|(code, place)| Item::new(code, place));
    let items: Vec<Item> = [Item::new(NONE, "set it later")]
        .into_iter()
        .chain(regions)
        .collect();
    let known = known.map_or(NONE, Region::as_str);
    let answer = ui
        .pick("AWS region", &items, known, |text| {
            match Region::read(text)?.slip() {
                Some(near) => Err(format!(
                    "`{text}` is not an AWS region; did you mean `{near}`?"
                )),
                None => Ok(()),
            }
        })
        .map_err(cut_off)?;
    Ok(Region::parse(&answer).ok())
}

fn default_model(region: Option<&Region>, asking: bool, ui: &Ui) -> Result<Model, Failure> {
    let default = scaffold::default_model(region);
    if !asking {
        return Ok(default);
    }
    let answer = ui
        .input("Bedrock model", &default.id(), |text| {
            model(text).map(|_| ())
        })
        .map_err(cut_off)?;
    Ok(Model::parse(&answer).unwrap_or(default))
}

pub(crate) fn ask_permissions(ui: &Ui) -> Result<Vec<Permission>, Failure> {
    let items = OFFERED.map(|offered| Item::new(offered.flag, offered.about));
    let chosen = ui
        .pick_several("Further permissions", &items, |text| {
            let words = text.split([',', ' ']).filter(|word| !word.is_empty());
            words
                .map(|word| Permission::from_flag(word).map(|_| word.to_owned()))
                .collect()
        })
        .map_err(cut_off)?;
    let mut permissions = Vec::new();
    for flag in chosen {
        let open = OFFERED.iter().find(|offered| offered.flag == flag);
        let flag = match open.and_then(|offered| Some((offered.about, offered.open()?))) {
            Some((about, (key, value))) => {
                let flag = |value: &str| format!("{key}={value}");
                let prompt = format!("{value} for `{key}` ({about})");
                let value = ui
                    .input(&prompt, "", |value| {
                        Permission::from_flag(&flag(value)).map(|_| ())
                    })
                    .map_err(cut_off)?;
                flag(&value)
            }
            None => flag,
        };
        permissions.extend(Permission::from_flag(&flag));
    }
    Ok(permissions)
}

/// The prompt was canceled: nothing was written.
pub(crate) fn cut_off(why: Unanswered) -> Failure {
    Failure::new(why.exit(), "stopped; nothing was written")
}

/// Reports a model that is not available in the region.
pub(crate) fn misfit(model: &Model, region: &Region) -> Message {
    if !region.partition().has_bedrock() {
        return partition::no_bedrock(model, region);
    }
    Message::new(format!(
        "the model `{}` cannot be invoked from {region}",
        model.id()
    ))
    .help(format!(
        "in {region}, `{}` can",
        scaffold::default_model(Some(region)).id()
    ))
}
