//! The region, model and permissions of a new agent: from options, prompts or defaults.

use crate::{
    config::{Model, Permission, permission::OFFERED},
    effects::aws::session,
    error::{Failure, Message},
    names::Region,
    project::{hint_at_region, partition},
    scaffold,
    text::did_you_mean,
    ui::{Item, Ui, Unanswered},
};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Choices {
    /// AWS region [default: from the AWS configuration]
    #[arg(long, value_name = "REGION", env = "CARGO_AGENTCORE_REGION", value_parser = Region::read_option)]
    region: Option<Region>,
    /// Bedrock model ID [default: a current Claude Sonnet that serves the region]
    #[arg(long, value_name = "ID", value_parser = model)]
    model: Option<Model>,
    /// Allow the agent to use a service, such as `pricing`, `memory=ID` or `dynamodb=TABLE` (repeatable or
    /// comma-separated)
    #[arg(long, value_name = "PERMISSION", value_delimiter = ',', value_parser = |text: &str| Permission::from_flag(text))]
    permission: Vec<Permission>,
}

pub(crate) struct Decided {
    pub(crate) region: DecidedRegion,
    pub(crate) model: Option<Model>,
    pub(crate) permissions: Vec<Permission>,
}

/// What the project already says about its agents' region.
pub(crate) enum RegionPlace {
    /// A new project, or one without this tool's table.
    Open,
    /// A project of this tool, and the region that its agents share.
    Project(Option<Region>),
}

pub(crate) struct DecidedRegion {
    pub(crate) region: Option<Region>,
    /// The region from the option, not from the configuration.
    pub(crate) given: Option<Region>,
    /// True if the project declares its agents' regions, perhaps one by one.
    is_declared: bool,
}

impl DecidedRegion {
    pub(crate) async fn ask(
        given: Option<&Region>,
        place: RegionPlace,
        asking: bool,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let is_declared = matches!(place, RegionPlace::Project(_));
        let region = match (given, place) {
            (Some(region), _) => Some(region.clone()),
            (None, RegionPlace::Project(region)) => region,
            (None, RegionPlace::Open) => {
                let known = session::known_region().await;
                if asking {
                    ask_region(known.as_ref(), ui)?
                } else {
                    known
                }
            }
        };
        Ok(Self {
            region,
            given: given.cloned(),
            is_declared,
        })
    }

    /// Prints what is wrong with the region, after the questions.
    pub(crate) fn tell(&self, ui: &Ui) {
        match &self.region {
            Some(region) => hint_at_region(region, ui),
            None if self.is_declared => {}
            None => ui.note("no AWS region was given; set `region` in Cargo.toml, `--region` or AWS_REGION before you deploy to AWS"),
        }
    }
}

pub(crate) fn model(text: &str) -> Result<Model, String> {
    Model::parse(text).ok_or_else(|| {
        format!(
            "invalid model ID `{text}`: expected an ID such as `us.anthropic.claude-sonnet-4-6`"
        )
    })
}

/// Decides on region, model and permissions. `needs_model` says whether the agent needs a model,
/// and `own` are the permissions that its code needs in any case.
pub(crate) async fn decide(
    choices: &Choices,
    (needs_model, own): (bool, &[Permission]),
    place: RegionPlace,
    asking: bool,
    ui: &Ui,
) -> Result<Decided, Failure> {
    let region = DecidedRegion::ask(choices.region.as_ref(), place, asking, ui).await?;
    let model = match &choices.model {
        Some(model) => Some(model.clone()),
        None if !needs_model => None,
        None => Some(default_model(region.region.as_ref(), asking, ui)?),
    };
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

impl Decided {
    /// Prints what is wrong with the answers, after the questions.
    pub(crate) fn tell(&self, ui: &Ui) {
        self.region.tell(ui);
        tell_of_models(self.model.as_slice(), self.region.region.as_ref(), ui);
    }
}

/// Warns of models that are unknown or not available in the region.
pub(crate) fn tell_of_models(models: &[Model], region: Option<&Region>, ui: &Ui) {
    for model in models {
        if let Some((what, help)) = model.doubt() {
            ui.warning(&Message::new(what).help(help));
        } else if let Some(region) = region.filter(|region| !scaffold::serves(model, region)) {
            ui.warning(&misfit(model, region));
        }
    }
}

/// Reports a model that is not available in the region.
fn misfit(model: &Model, region: &Region) -> Message {
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

fn ask_region(known: Option<&Region>, ui: &Ui) -> Result<Option<Region>, Failure> {
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
                Some(near) => Err(format!("unknown region `{text}`; {}", did_you_mean(near))),
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
            match model(text)?.doubt() {
                Some((what, _)) => Err(format!("{what}, such as `{}`", default.id())),
                None => Ok(()),
            }
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
