//! `authorizer.custom-claims`: the requirements for tokens besides audience, client and scopes.

use serde_json::{Value, json};

use super::{CLAIMS, Settings};
use crate::config::read::{Problems, Table};

/// Reads the claims. Returns whether there are any.
pub(in crate::config) fn read(
    authorizer: &mut Table<'_>,
    settings: &mut Settings,
    problems: &mut Problems<'_>,
) -> bool {
    let Some(items) = authorizer.items("custom-claims", problems) else {
        return false;
    };
    let mut claims = Vec::new();
    let mut count = 0;
    for item in items {
        count += 1;
        if let Some(table) = Table::of_item("custom-claims", item, problems) {
            claims.extend(claim(table, problems));
        }
    }
    if !claims.is_empty() {
        settings.set(CLAIMS, Value::Array(claims));
    }
    count > 0
}

fn claim(mut table: Table<'_>, problems: &mut Problems<'_>) -> Option<Value> {
    let name = table.parsed("claim", problems, claim_name);
    let equals = table.parsed("equals", problems, claim_value);
    let contains = table.parsed("contains", problems, claim_value);
    let any = table.strings("contains-any", problems);
    let span = table.span.clone();
    let needs_name = !table.is_meant("claim");
    let ways = ["equals", "contains", "contains-any"];
    let given = ways.iter().filter(|way| table.is_meant(way)).count();
    table.finish(problems);
    if needs_name || given != 1 {
        problems.at(
            span,
            "a custom claim needs `claim` and one of `equals`, `contains` and `contains-any`",
            "such as `{ claim = \"team\", equals = \"research\" }`",
        );
        return None;
    }
    let (kind, operator, value) = if let Some(text) = equals {
        ("STRING", "EQUALS", json!({ "matchValueString": text }))
    } else if let Some(text) = contains {
        (
            "STRING_ARRAY",
            "CONTAINS",
            json!({ "matchValueString": text }),
        )
    } else {
        let mut list = Vec::new();
        for text in any? {
            match claim_value(text.get_ref()) {
                Ok(text) => list.push(text),
                Err(what) => problems.at(text.span(), what, ""),
            }
        }
        if list.is_empty() {
            problems.at(span, "`contains-any` needs at least one value", "");
            return None;
        }
        (
            "STRING_ARRAY",
            "CONTAINS_ANY",
            json!({ "matchValueStringList": list }),
        )
    };
    Some(json!({
        "inboundTokenClaimName": name?,
        "inboundTokenClaimValueType": kind,
        "authorizingClaimMatchValue": { "claimMatchValue": value, "claimMatchOperator": operator },
    }))
}

fn claim_name(text: &str) -> Result<String, String> {
    checked(text, b"_.-:", "claim name")
}

fn claim_value(text: &str) -> Result<String, String> {
    checked(text, b"_.-", "claim value")
}

fn checked(text: &str, others: &[u8], what: &str) -> Result<String, String> {
    let legal = |c: u8| c.is_ascii_alphanumeric() || others.contains(&c);
    if (1..=255).contains(&text.len()) && text.bytes().all(legal) {
        return Ok(text.to_owned());
    }
    let shown: Vec<String> = others
        .iter()
        .map(|&c| format!("`{}`", char::from(c)))
        .collect();
    Err(format!(
        "invalid {what} `{text}`: expected 1 to 255 letters, digits and {}",
        shown.join(", ")
    ))
}
