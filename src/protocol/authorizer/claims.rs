//! Checks a token's claims.

use serde_json::{Map, Value};

use super::{Issuer, Rules};

/// The clock difference that is tolerated, in seconds.
const SKEW: u64 = 60;

/// The longest value that a message quotes.
const SHOWN: usize = 100;

/// A rule for a custom claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRule {
    pub name: String,
    /// True if the claim is a list of strings.
    pub is_list: bool,
    pub operator: Operator,
    pub values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equals,
    Contains,
    ContainsAny,
    /// An operator that this version does not know. It never matches.
    Unknown,
}

impl ClaimRule {
    pub(super) fn read(rule: &Value) -> Self {
        let wanted = &rule["authorizingClaimMatchValue"];
        let value = &wanted["claimMatchValue"];
        let list = value["matchValueStringList"]
            .as_array()
            .into_iter()
            .flatten();
        let values = value["matchValueString"].as_str().into_iter();
        Self {
            name: rule["inboundTokenClaimName"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            is_list: rule["inboundTokenClaimValueType"] == "STRING_ARRAY",
            operator: match wanted["claimMatchOperator"].as_str() {
                Some("EQUALS") => Operator::Equals,
                Some("CONTAINS") => Operator::Contains,
                Some("CONTAINS_ANY") => Operator::ContainsAny,
                _ => Operator::Unknown,
            },
            values: values
                .chain(list.filter_map(Value::as_str))
                .map(str::to_owned)
                .collect(),
        }
    }

    fn holds(&self, claims: &Map<String, Value>) -> bool {
        let found: Vec<&str> = match (self.is_list, claims.get(&self.name)) {
            (false, Some(Value::String(text))) => vec![text],
            (true, Some(Value::Array(items))) => items.iter().filter_map(Value::as_str).collect(),
            _ => return false,
        };
        let is_among = |value: &String| found.contains(&value.as_str());
        match self.operator {
            Operator::Equals => {
                found.len() == 1 && self.values.len() == 1 && is_among(&self.values[0])
            }
            Operator::Contains | Operator::ContainsAny => self.values.iter().any(is_among),
            Operator::Unknown => false,
        }
    }
}

/// Checks the claims. The error starts with the service's wording and adds what the token contains.
pub(super) fn check(
    rules: &Rules,
    issuer: &Issuer,
    claims: &Map<String, Value>,
    now: u64,
) -> Result<(), String> {
    times(claims, now)?;
    let given = claims.get("iss").and_then(Value::as_str);
    let is_issuer = match &issuer.name {
        Some(name) => given == Some(name),
        // Only the discovery document, which could not be read, tells whether the name ends in a
        // slash.
        None => given.is_some_and(|given| {
            given.trim_end_matches('/') == rules.expected_issuer().trim_end_matches('/')
        }),
    };
    if !is_issuer {
        let expected = issuer
            .name
            .clone()
            .unwrap_or_else(|| rules.expected_issuer());
        return Err(mismatch("iss", claims, &[expected]));
    }
    if !rules.audience.is_empty() && !shares(&rules.audience, &strings(claims.get("aud"))) {
        return Err(mismatch("aud", claims, &rules.audience));
    }
    if !rules.clients.is_empty() {
        let client = claims.get("client_id").and_then(Value::as_str);
        if !client.is_some_and(|client| rules.clients.iter().any(|allowed| allowed == client)) {
            let mut message = mismatch("client_id", claims, &rules.clients);
            message += &elsewhere(claims, &rules.clients);
            return Err(message);
        }
    }
    if !rules.scopes.is_empty() {
        let given: Vec<&str> = ["scope", "scp"]
            .into_iter()
            .flat_map(|name| strings(claims.get(name)))
            .flat_map(str::split_ascii_whitespace)
            .collect();
        if !shares(&rules.scopes, &given) {
            return Err(mismatch("scope", claims, &rules.scopes));
        }
    }
    for rule in &rules.claims {
        if !rule.holds(claims) {
            return Err(mismatch(&rule.name, claims, &rule.values));
        }
    }
    Ok(())
}

fn times(claims: &Map<String, Value>, now: u64) -> Result<(), String> {
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(format!("Claim '{name}' is not a number of seconds.")),
        },
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds of the next million years are exact"
    )]
    let (early, late) = ((now + SKEW) as f64, now.saturating_sub(SKEW) as f64);
    match time("exp")? {
        Some(expires) if expires > late => {}
        Some(_) => return Err("The token has expired.".to_owned()),
        None => return Err("Claim 'exp' is missing: a token has to expire.".to_owned()),
    }
    if time("nbf")?.is_some_and(|begins| begins > early) {
        return Err("The token is not valid yet.".to_owned());
    }
    Ok(())
}

/// Returns a string, or the strings of a list.
fn strings(claim: Option<&Value>) -> Vec<&str> {
    match claim {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn shares(allowed: &[String], given: &[&str]) -> bool {
    allowed
        .iter()
        .any(|allowed| given.contains(&allowed.as_str()))
}

fn mismatch(name: &str, claims: &Map<String, Value>, allowed: &[String]) -> String {
    let given = match (name, claims.get(name)) {
        // Some issuers use this name.
        ("scope", None) => claims.get("scp"),
        (_, given) => given,
    };
    let given = match given {
        None => "The token has none".to_owned(),
        Some(given) => format!("The token has {}", shown(given)),
    };
    let allowed: Vec<String> = allowed.iter().map(|value| format!("`{value}`")).collect();
    format!(
        "Claim '{name}' value mismatch with configuration. {given}; the authorizer takes {}.",
        allowed.join(", ")
    )
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Explains which other claim names an allowed client. The service only reads `client_id`.
fn elsewhere(claims: &Map<String, Value>, clients: &[String]) -> String {
    let found = ["azp", "appid", "cid", "aud"]
        .into_iter()
        .find(|name| shares(clients, &strings(claims.get(*name))));
    match found {
        Some("aud") => " Its `aud` is that client, as in an ID token: send the access token, or allow the audience instead.".to_owned(),
        Some(name) => format!(" Its `{name}` is that client, and the service looks at `client_id` only: allow the audience instead."),
        None => String::new(),
    }
}
