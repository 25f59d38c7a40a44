//! How memories are compared and updated. UpdateMemory changes what it is sent and keeps the rest;
//! strategies are added, modified and deleted one by one.

use serde_json::{Map, Value, json};

use super::{Update, field, shown};

/// The settings that UpdateMemory takes, with their keys in the metadata.
const CHANGEABLE: [(&str, &str); 3] = [
    ("description", "description"),
    ("event-expiry", "eventExpiryDuration"),
    ("role", "memoryExecutionRoleArn"),
];

/// The types of strategies: in requests and in answers.
const TYPES: [(&str, &str); 5] = [
    ("semanticMemoryStrategy", "SEMANTIC"),
    ("summaryMemoryStrategy", "SUMMARIZATION"),
    ("userPreferenceMemoryStrategy", "USER_PREFERENCE"),
    ("episodicMemoryStrategy", "EPISODIC"),
    ("customMemoryStrategy", "CUSTOM"),
];

/// Compares the settings with the service's document. `hidden` means that a setting changed that
/// the document does not show.
pub(super) fn update(
    settings: &Map<String, Value>,
    there: &Map<String, Value>,
    hidden: bool,
) -> Update {
    let mut update = Update::default();
    for (key, member) in CHANGEABLE {
        let wanted = settings.get(member);
        // What the metadata does not set stays as it is, because it cannot be unset.
        if let Some(wanted) = wanted
            && there.get(member) != Some(wanted)
        {
            update.fields.extend(field(
                key,
                there.get(member).map(shown),
                Some(shown(wanted)),
            ));
            update.body.insert(member.to_owned(), wanted.clone());
        }
    }
    let key = (
        there.get("encryptionKeyArn"),
        settings.get("encryptionKeyArn"),
    );
    update
        .fixed
        .extend(field("kms-key", key.0.map(shown), key.1.map(shown)));
    strategies(settings, there, hidden, &mut update);
    update
}

fn strategies(
    settings: &Map<String, Value>,
    there: &Map<String, Value>,
    hidden: bool,
    update: &mut Update,
) {
    let list = |document: &Map<String, Value>, member: &str| -> Vec<Value> {
        document
            .get(member)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let mut left = list(there, "strategies");
    let (mut added, mut modified) = (Vec::new(), Vec::new());
    for wanted in list(settings, "memoryStrategies") {
        let Some((member, strategy)) = wanted.as_object().and_then(|one| one.iter().next()) else {
            continue;
        };
        let kind = TYPES
            .iter()
            .find(|(known, _)| known == member)
            .map_or("", |(_, kind)| kind);
        let name = strategy["name"].as_str().unwrap_or_default();
        let place = format!("strategies.{name}");
        let same = |there: &Value| there["name"] == name && there["type"] == kind;
        let Some(at) = left.iter().position(same) else {
            update
                .fields
                .extend(field(&place, None, Some(kind_word(kind))));
            added.push(wanted.clone());
            continue;
        };
        let there = left.swap_remove(at);
        let mut change = Map::new();
        for member in ["description", "namespaceTemplates"] {
            if let Some(value) = strategy.get(member)
                && *value != there[member]
            {
                let before = Some(&there[member])
                    .filter(|value| !value.is_null())
                    .map(shown);
                let key = if member == "description" {
                    member
                } else {
                    "namespaces"
                };
                update
                    .fields
                    .extend(field(&format!("{place}.{key}"), before, Some(shown(value))));
                change.insert(member.to_owned(), value.clone());
            }
        }
        if hidden && let Some(configuration) = strategy.get("configuration") {
            let place = format!("{place}.configuration");
            let after = Some("(as in the metadata)".to_owned());
            update
                .fields
                .extend(field(&place, Some("(an earlier one)".to_owned()), after));
            change.insert("configuration".to_owned(), configuration.clone());
        }
        if !change.is_empty() {
            change.insert("memoryStrategyId".to_owned(), there["strategyId"].clone());
            modified.push(Value::Object(change));
        }
    }
    let mut deleted = Vec::new();
    for there in left {
        let name = there["name"].as_str().unwrap_or_default();
        let kind = there["type"].as_str().unwrap_or_default();
        update.fields.extend(field(
            &format!("strategies.{name}"),
            Some(kind_word(kind)),
            None,
        ));
        update.loses.push(format!(
            "the strategy `{name}` and the records that it extracted"
        ));
        deleted.push(json!({ "memoryStrategyId": there["strategyId"] }));
    }
    let changes: Map<String, Value> = [
        ("addMemoryStrategies", added),
        ("modifyMemoryStrategies", modified),
        ("deleteMemoryStrategies", deleted),
    ]
    .into_iter()
    .filter(|(_, list)| !list.is_empty())
    .map(|(member, list)| (member.to_owned(), Value::Array(list)))
    .collect();
    if !changes.is_empty() {
        update
            .body
            .insert("memoryStrategies".to_owned(), changes.into());
    }
}

/// Returns the type as the metadata writes it.
fn kind_word(kind: &str) -> String {
    match kind {
        "SUMMARIZATION" => "summary".to_owned(),
        other => other.to_lowercase().replace('_', "-"),
    }
}
