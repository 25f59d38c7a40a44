//! One layer of settings (workspace, package, agent or stage), before defaults are applied.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use toml::Spanned;

use super::{
    Caller, LocalModels, Network, Platform, Settings, caller,
    read::{Problems, Table, one_of},
    role::RoleLayer,
    settings, variable,
};
use crate::names::{AccountId, ProjectId, Region};

#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub(super) project: Option<ProjectId>,
    pub(super) region: Option<Region>,
    pub(super) account: Option<AccountId>,
    pub(super) profile: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) network: Option<Network>,
    pub(super) platform: Option<Platform>,
    pub(super) settings: Settings,
    pub(super) callers: Option<BTreeSet<Caller>>,
    pub(super) role: RoleLayer,
    /// A setting of the project, like its name.
    pub(super) local_models: Option<LocalModels>,
}

impl Layer {
    /// Takes the keys that every layer has from `table`.
    pub(super) fn read(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Self {
        Self {
            project: None,
            region: table.parsed("region", problems, Region::read),
            account: table.parsed("account", problems, AccountId::parse),
            profile: table.parsed("profile", problems, not_empty),
            tags: tags(table, problems),
            env: env(table, problems),
            network: network(table, problems),
            platform: table.parsed("platform-version", problems, platform),
            settings: settings::keys::of_layer(table, problems),
            callers: caller::read(table, problems),
            role: RoleLayer::read(table, problems),
            local_models: None,
        }
    }

    /// Merges `self` over `below`: values in `self` win, tags and variables are merged by key.
    pub(super) fn over(self, below: Self) -> Self {
        let Self {
            project,
            region,
            account,
            profile,
            tags,
            env,
            network,
            platform,
            settings,
            callers,
            role,
            local_models,
        } = self;
        Self {
            project: project.or(below.project),
            region: region.or(below.region),
            account: account.or(below.account),
            profile: profile.or(below.profile),
            tags: joined(below.tags, tags),
            env: joined(below.env, env),
            network: network.or(below.network),
            platform: platform.or(below.platform),
            settings: settings.over(below.settings),
            callers: callers.or(below.callers),
            role: role.over(below.role),
            local_models: local_models.or(below.local_models),
        }
    }
}

fn joined(
    mut below: BTreeMap<String, String>,
    above: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    below.extend(above);
    below
}

fn not_empty(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() {
        Err("this must not be empty")
    } else {
        Ok(text.to_owned())
    }
}

pub(super) fn tags(table: &mut Table<'_>, problems: &mut Problems<'_>) -> BTreeMap<String, String> {
    let legal = |text: &str| {
        text.chars()
            .all(|c| c.is_alphanumeric() || " _.:/=+@-".contains(c))
    };
    let mut tags = BTreeMap::new();
    for (key, value) in table.map("tags", problems) {
        let span = value.span();
        let text = value.into_inner();
        let reserved = ["aws:", "cargo-agentcore:"]
            .into_iter()
            .find(|prefix| key.to_ascii_lowercase().starts_with(prefix));
        if let Some(prefix) = reserved {
            problems.at(
                span,
                format!("the tag `{key}` begins with `{prefix}`, which is reserved"),
                "",
            );
        } else if !(1..=128).contains(&key.chars().count()) || !legal(&key) {
            problems.at(span, format!("invalid tag key `{key}`: expected 1 to 128 letters, digits, spaces and `_.:/=+@-`"), "");
        } else if text.chars().count() > 256 || !legal(&text) {
            problems.at(span, format!("invalid value of tag `{key}`: expected up to 256 letters, digits, spaces and `_.:/=+@-`"), "");
        } else {
            tags.insert(key, text);
        }
    }
    tags
}

fn env(table: &mut Table<'_>, problems: &mut Problems<'_>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for (key, (value_span, value)) in table.map_with_values("env", problems) {
        let span = value.span();
        let text = value.into_inner();
        if variable::replaces_role(&key) {
            let what =
                format!("`{key}` in `env` would replace the credentials of the agent's role");
            let message = problems.masked(span, value_span, what);
            problems.push(message.help(variable::ROLE_INSTEAD));
        } else if !(1..=100).contains(&key.len()) || key.contains(['=', '\0']) {
            problems.at(
                span,
                format!("invalid variable name `{key}`: expected 1 to 100 characters without `=`"),
                "",
            );
        } else if text.chars().count() > 5000 {
            problems.at(
                span,
                format!("the value of `{key}` is longer than 5000 characters"),
                "",
            );
        } else {
            let places = (span, value_span);
            let readers = ("env", "the runtime");
            variable::warn_of_secret((&key, &text), places, readers, problems);
            env.insert(key, text);
        }
    }
    env
}

fn platform(text: &str) -> Result<Platform, String> {
    let known = Platform::ALL.map(|platform| (platform.word(), platform));
    let lower = text.to_lowercase();
    let is_known = known.iter().any(|(word, _)| *word == lower);
    one_of(
        "platform version",
        if is_known { &lower } else { text },
        &known,
    )
}

fn network(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Option<Network> {
    let mut network = table.table("network", problems)?;
    let subnets = network.strings("subnets", problems);
    let security_groups = network.strings("security-groups", problems);
    let span = network.span.clone();
    let name = network.name().to_owned();
    network.finish(problems);
    let subnets = ids("subnets", "subnet-", &name, subnets, &span, problems);
    let security_groups = ids(
        "security-groups",
        "sg-",
        &name,
        security_groups,
        &span,
        problems,
    );
    Some(Network::Vpc {
        subnets: subnets?,
        security_groups: security_groups?,
    })
}

fn ids(
    key: &str,
    prefix: &str,
    table: &str,
    list: Option<Vec<Spanned<String>>>,
    span: &Range<usize>,
    problems: &mut Problems<'_>,
) -> Option<Vec<String>> {
    let list = list.unwrap_or_default();
    if !(1..=16).contains(&list.len()) {
        problems.at(
            span.clone(),
            format!("`{key}` in `{table}` must list 1 to 16 IDs (`{prefix}…`)"),
            "",
        );
        return None;
    }
    let mut ids = Vec::new();
    for id in list {
        let legal = id.get_ref().strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|c| c.is_ascii_alphanumeric())
        });
        if legal {
            ids.push(id.into_inner());
        } else {
            problems.at(
                id.span(),
                format!(
                    "invalid ID `{}` in `{key}`: expected `{prefix}…`",
                    id.get_ref()
                ),
                "",
            );
        }
    }
    Some(ids)
}
