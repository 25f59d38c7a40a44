//! `memories.<name>`: the members of CreateMemory that a table sets.
//!
//! Source: the model of `bedrock-agentcore-control` in botocore 1.44.8.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use toml::{Spanned, de::DeValue};

use super::{Content, ServiceRole, given_role, kms_key, texts};
use crate::{
    config::{
        agent::description,
        read::{Problems, Table, one_of},
        settings::escape,
    },
    names::ResourceName,
};

/// How long events are kept without `event-expiry`, in days. The service requires a value.
const EVENT_EXPIRY: u32 = 90;

/// The types of strategies, with the member of the service's document.
const STRATEGIES: [(&str, &str); 5] = [
    ("semantic", "semanticMemoryStrategy"),
    ("summary", "summaryMemoryStrategy"),
    ("user-preference", "userPreferenceMemoryStrategy"),
    ("episodic", "episodicMemoryStrategy"),
    ("custom", "customMemoryStrategy"),
];

pub(super) fn read(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Content {
    let mut settings = Map::new();
    let mut set = |member: &str, value: Option<Value>| {
        settings.extend(value.map(|value| (member.to_owned(), value)));
    };
    let description = table.parsed("description", problems, description);
    set("description", description.map(Value::from));
    let expiry = table.integer("event-expiry", 3..=365, problems);
    set(
        "eventExpiryDuration",
        Some(expiry.unwrap_or(EVENT_EXPIRY).into()),
    );
    set(
        "encryptionKeyArn",
        kms_key(table, problems).map(Value::from),
    );
    let role = given_role(table, problems);
    set("memoryExecutionRoleArn", role.as_deref().map(Value::from));
    let strategies = strategies(table, problems);
    if !strategies.is_empty() {
        set("memoryStrategies", Some(strategies.into()));
    }
    Content {
        settings,
        parts: BTreeMap::new(),
        role: role.map_or(ServiceRole::None, ServiceRole::Given),
    }
}

fn strategies(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Vec<Value> {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    let place = format!("{}.strategies", table.name().trim_end_matches(']'));
    for item in table.items("strategies", problems).into_iter().flatten() {
        let Some((member, name, strategy)) = strategy(&format!("{place}]"), item, problems) else {
            continue;
        };
        if !names.insert(name.clone()) {
            problems.at(
                item.span(),
                format!("two strategies are called `{name}`"),
                "give one of them another `name`",
            );
        }
        found.push(json!({ member: strategy }));
    }
    found
}

/// Returns the member of the document, the strategy's name, and the strategy.
fn strategy<'t>(
    place: &str,
    item: &'t Spanned<DeValue<'t>>,
    problems: &mut Problems<'_>,
) -> Option<(&'static str, String, Map<String, Value>)> {
    if let DeValue::String(word) = item.get_ref() {
        return match one_of("strategy", word, &STRATEGIES) {
            Ok("customMemoryStrategy") => {
                let what = "a custom strategy needs a table with its `configuration`";
                problems.at(item.span(), what, "");
                None
            }
            Ok(member) => {
                let name = word.replace('-', "_");
                let strategy = Map::from_iter([("name".to_owned(), name.clone().into())]);
                Some((member, name, strategy))
            }
            Err(what) => {
                problems.at(item.span(), what, "");
                None
            }
        };
    }
    let mut table = Table::of_item(place, item, problems)?;
    let kind = table.parsed("type", problems, |text| {
        one_of("strategy", text, &STRATEGIES).map(|member| (text.to_owned(), member))
    });
    let name = table.parsed("name", problems, ResourceName::parse);
    let description = table.parsed("description", problems, description);
    let namespaces = texts(table.strings("namespaces", problems));
    let configuration = table
        .members("configuration", problems)
        .and_then(|members| escape::members("configuration", members, problems));
    let has_type = table.is_meant("type");
    table.finish(problems);
    let Some((word, member)) = kind else {
        if !has_type {
            problems.at(
                item.span(),
                format!("a strategy of `{place}` needs a `type`"),
                "",
            );
        }
        return None;
    };
    let is_custom = member == "customMemoryStrategy";
    if is_custom != configuration.is_some() {
        let what = if is_custom {
            "a custom strategy needs a `configuration`"
        } else {
            "only a custom strategy has a `configuration`"
        };
        problems.at(item.span(), what, "");
    }
    let name = name.map_or_else(|| word.replace('-', "_"), |name| name.to_string());
    let mut strategy = Map::new();
    strategy.insert("name".to_owned(), name.clone().into());
    strategy.extend(description.map(|text| ("description".to_owned(), text.into())));
    strategy.extend(namespaces.map(|list| ("namespaceTemplates".to_owned(), list)));
    strategy.extend(configuration.map(|value| ("configuration".to_owned(), value.into())));
    Some((member, name, strategy))
}
