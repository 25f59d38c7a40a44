//! `{ allow = […], on = […] }`: any action on any resource, as narrow as the capabilities are.

use super::resource::Arn;
use crate::names::{AccountId, Region, is_hidden};

/// Actions on resources that no capability covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Allowed {
    /// Sorted; each is `service:Action`.
    pub actions: Vec<String>,
    /// Sorted ARNs, or `*` with a reason.
    pub on: Vec<String>,
    /// Why the agent needs more than the narrow rules allow.
    pub reason: Option<String>,
}

/// The problem with an action or a resource, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Objection {
    pub(super) what: String,
    pub(super) help: &'static str,
}

const ONE_BY_ONE: &str =
    "list the actions one by one, or attach a managed policy with `managed-policies`";
const REASON: &str = "if the agent needs it, say why with `reason = \"…\"`";
const NARROWER: &str = "name the resources, such as `arn:aws:SERVICE:REGION:ACCOUNT:TYPE/NAME`, or say why not with `reason = \"…\"`";

/// Checks an action. IAM's grammar is `service:Action` with optional wildcards, which are refused.
pub(super) fn action(text: &str, has_reason: bool) -> Result<(), Objection> {
    if text.contains(['*', '?']) {
        return Err(Objection {
            what: format!("`{text}` allows more than one action"),
            help: ONE_BY_ONE,
        });
    }
    let is_service = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .bytes()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
    };
    let is_name = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_alphanumeric());
    let Some((service, name)) = text
        .split_once(':')
        .filter(|(service, name)| is_service(service) && is_name(name))
    else {
        return Err(Objection {
            what: format!("invalid IAM action `{text}`"),
            help: "expected a service and an operation, such as `rds-data:ExecuteStatement`",
        });
    };
    match power(service, name) {
        Some(why) if !has_reason => Err(Objection {
            what: format!("`{text}` {why}"),
            help: REASON,
        }),
        _ => Ok(()),
    }
}

/// Returns why an action is dangerous on any resource.
fn power(service: &str, name: &str) -> Option<&'static str> {
    let tags = [
        "Tag",
        "Untag",
        "CreateTags",
        "DeleteTags",
        "AddTags",
        "RemoveTags",
    ];
    match service {
        "iam" | "organizations" | "account" | "sso" | "sso-admin" | "identitystore" => {
            Some("changes or reveals who may do what in the account")
        }
        "aws-marketplace" => Some("buys in the account's name"),
        _ if tags.iter().any(|verb| name.starts_with(verb)) => {
            Some("writes tags, which other policies may trust")
        }
        _ => None,
    }
}

/// Checks a resource: the ARN of one resource, or of several with a common prefix.
pub(super) fn resource(text: &str, has_reason: bool) -> Result<(), Objection> {
    let is_plain = |c: char| c.is_ascii_graphic() || ('\u{a1}'..='\u{ff}').contains(&c);
    if text.contains("${") {
        return Err(Objection {
            what: format!("`{text}` contains a policy variable"),
            help: "write out what it stands for",
        });
    }
    if !text.chars().all(|c| is_plain(c) && !is_hidden(c)) {
        return Err(Objection {
            what: format!("{text:?} contains characters that IAM does not take in a resource"),
            help: "an ARN has printable Latin characters and no spaces",
        });
    }
    let arn = Arn::parse(text).filter(|arn| !arn.service.is_empty() && !arn.resource.is_empty());
    if text != "*" && arn.is_none() {
        return Err(Objection {
            what: format!("invalid ARN `{text}`"),
            help: "expected a resource such as `arn:aws:SERVICE:REGION:ACCOUNT:TYPE/NAME`",
        });
    }
    match arn.map_or(Some("every resource"), |arn| breadth(&arn)) {
        Some(what) if !has_reason => Err(Objection {
            what: format!("`{text}` covers {what}"),
            help: NARROWER,
        }),
        _ => Ok(()),
    }
}

/// Returns what an ARN covers beyond several resources of one type in one account and region.
fn breadth(arn: &Arn<'_>) -> Option<&'static str> {
    let Arn {
        service,
        region,
        account,
        resource,
    } = *arn;
    let is_wild = |text: &str| text.contains(['*', '?']);
    if is_wild(service) {
        return Some("more than one service");
    }
    if !region.is_empty() && Region::parse(region).is_err() {
        return Some("more than one region");
    }
    if !["", "aws"].contains(&account) && AccountId::parse(account).is_err() {
        return Some("more than one account");
    }
    let wildcard = resource.find(['*', '?'])?;
    // The part before the first wildcard must name more than a type.
    let parts = resource[..wildcard].split(['/', ':']);
    let named = parts.filter(|part| !part.is_empty()).count();
    let is_enough = match service {
        // A bucket, then a key.
        "s3" => resource[..wildcard].contains('/'),
        // The name comes first. A queue has no part that ends in a colon or a slash.
        "sqs" => named >= 1 && !resource[..wildcard].ends_with([':', '/']),
        "sns" | "execute-api" => named >= 1,
        _ => named >= 2,
    };
    (!is_enough).then_some("every resource of a type")
}
