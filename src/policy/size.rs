//! IAM's size limits for policies, which no emulator checks. White space does not count.

use serde_json::Value;

use super::{Document, Grant, document_of};
use crate::{error::Message, names::RoleName};

/// The limit for all inline policies of a role together.
pub const INLINE_TOTAL: usize = 10_240;
/// The limit for a role's trust policy, unless the account's quota was raised.
pub const TRUST: usize = 2_048;
/// The limit for a managed policy, including a boundary.
pub const MANAGED: usize = 6_144;

/// Returns the number of characters of an existing policy that count against IAM's quotas.
pub fn size_of(document: &Value) -> usize {
    document
        .to_string()
        .chars()
        .filter(|c| !c.is_whitespace())
        .count()
}

/// Returns the problem if the inline policies of a role exceed the limit together. Each has a name
/// and a size; `None` is a policy that was not read.
pub fn inline_problem<'a>(
    role: &RoleName,
    policies: impl IntoIterator<Item = (&'a str, Option<usize>)>,
) -> Option<Message> {
    let mut shares: Vec<(&str, Option<usize>)> = policies.into_iter().collect();
    let total: usize = shares.iter().filter_map(|(_, size)| *size).sum();
    if total <= INLINE_TOTAL {
        return None;
    }
    shares.sort_by_key(|(name, size)| (std::cmp::Reverse(*size), *name));
    let message = Message::new(format!(
        "the inline policies of the role `{role}` would hold {total} characters; IAM allows {INLINE_TOTAL}"
    ));
    let message = shares
        .iter()
        .fold(message, |message, (name, size)| match size {
            Some(size) => message.note(format!("{size} in `{name}`")),
            None => message.note(format!("`{name}` is not ours and was not counted")),
        });
    Some(message.help(
        "declare fewer models and permissions, or give this region a role of its own: a stage with its own `region`",
    ))
}

/// Returns the problem if a trust policy is too long because of too many regions.
pub fn trust_problem(role: &RoleName, trust: &Document) -> Option<Message> {
    let size = trust.size();
    (size > TRUST).then(|| {
        Message::new(format!(
            "the trust policy of the role `{role}` would hold {size} characters; IAM allows {TRUST}"
        ))
        .note("each region that the role serves adds one `aws:SourceArn`")
        .help("`cargo agentcore clean --region <region>` removes a region that is no longer used")
    })
}

/// Splits the statements in order into as few policies as possible, each within the limit of a
/// managed policy. Attached together, they allow the same as one. A statement that exceeds the
/// limit gets its own part.
pub fn parts(grants: &[Grant]) -> Vec<&[Grant]> {
    let mut parts = Vec::new();
    let mut rest = grants;
    while !rest.is_empty() {
        let fitting = (1..=rest.len())
            .take_while(|count| document_of(&rest[..*count]).size() <= MANAGED)
            .last();
        let (part, behind) = rest.split_at(fitting.unwrap_or(1));
        parts.push(part);
        rest = behind;
    }
    parts
}

/// Returns the problem if `what` exceeds a managed policy, with its largest statements.
pub fn managed_problem(what: &str, grants: &[Grant]) -> Option<Message> {
    let size = document_of(grants).size();
    if size <= MANAGED {
        return None;
    }
    let mut shares: Vec<(usize, &str)> = grants
        .iter()
        .map(|grant| {
            let alone = Document::new(vec![grant.statement.clone()]).size();
            (alone, grant.statement.sid.as_str())
        })
        .collect();
    shares.sort_by(|a, b| b.cmp(a));
    let message = Message::new(format!(
        "{what} has {size} characters; IAM allows {MANAGED} in a managed policy"
    ));
    let message = shares.iter().take(5).fold(message, |message, (size, sid)| {
        message.note(format!("{size} in `{sid}`"))
    });
    Some(message.help("`--agent` and `--region` print one for fewer agents or regions"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        names::{AccountId, Partition, Region},
        policy::trust,
    };

    fn role() -> RoleName {
        RoleName::parse("AgentCoreRole-a").unwrap()
    }

    #[test]
    fn the_inline_policies_of_all_regions_count_together_and_each_share_is_said() {
        let fits = [
            ("AgentCore-us-west-2", Some(5_000)),
            ("AgentCore-us-east-1", Some(5_240)),
        ];
        assert_eq!(inline_problem(&role(), fits), None);
        let over = [
            ("AgentCore-us-west-2", Some(5_000)),
            ("AgentCore-us-east-1", Some(5_241)),
            ("Other", None),
        ];
        let problem = inline_problem(&role(), over).unwrap();
        assert_eq!(
            problem.what,
            "the inline policies of the role `AgentCoreRole-a` would hold 10241 characters; IAM allows 10240"
        );
        assert_eq!(
            problem.notes,
            [
                "5241 in `AgentCore-us-east-1`",
                "5000 in `AgentCore-us-west-2`",
                "`Other` is not ours and was not counted"
            ]
        );
    }

    #[test]
    fn a_trust_policy_of_too_many_regions_is_refused() {
        let account = AccountId::parse("123456789012").unwrap();
        let regions = |count: u32| -> BTreeSet<Region> {
            (1..=count)
                .map(|n| Region::parse(&format!("us-west-{n}")).unwrap())
                .collect()
        };
        let of = |count| trust(Partition::Aws, &account, &regions(count));
        assert_eq!(trust_problem(&role(), &of(20)), None);
        assert!(trust_problem(&role(), &of(60)).is_some());
    }

    #[test]
    fn white_space_does_not_count() {
        let value = serde_json::json!({"a b": "c d"});
        assert_eq!(size_of(&value), "{\"ab\":\"cd\"}".len());
    }
}
