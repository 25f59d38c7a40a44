//! Resources that an agent may use, according to its role.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    config::{Agent, Resource, ResourceKind},
    names::{Region, ours::RESOURCE},
    protocol::control::api,
    resources::{
        change::Subject,
        deletion::Kept,
        ownership::{Identity, Owner, Ownership},
        role::{ObservedRole, POLICY_PREFIX},
        tags::Tags,
    },
};

/// A resource of AgentCore, by its ID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Used {
    pub(crate) kind: ResourceKind,
    pub(crate) id: String,
}

/// Returns the resources that the role's policy for the region names.
pub(crate) fn used_by(role: &ObservedRole, region: &Region) -> BTreeSet<Used> {
    let policy = role.inline.get(&format!("{POLICY_PREFIX}{region}"));
    let policy = policy.and_then(Option::as_ref);
    policy.map(used_in).unwrap_or_default()
}

/// Returns the resources that a policy names.
pub(crate) fn used_in(policy: &Value) -> BTreeSet<Used> {
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let resources = statements.flat_map(|statement| match &statement["Resource"] {
        Value::Array(several) => &several[..],
        one => std::slice::from_ref(one),
    });
    let arns = resources.filter_map(Value::as_str);
    arns.filter_map(Used::of).collect()
}

impl Used {
    /// Reads an ARN.
    fn of(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        if parts.nth(2) != Some("bedrock-agentcore") {
            return None;
        }
        let (word, id) = parts.nth(2)?.split_once('/')?;
        let kinds = [ResourceKind::Gateway, ResourceKind::Memory];
        let kind = kinds.into_iter().find(|kind| api(*kind).arn_type == word)?;
        let is_exact = !id.contains(['*', '?', '/']);
        is_exact.then(|| Self {
            kind,
            id: id.to_owned(),
        })
    }

    pub(crate) fn is_of(&self, resource: &Resource) -> bool {
        resource.kind == self.kind && resource.is_named_by(&self.id)
    }

    /// Returns the resource as something that is kept, if its tags prove that it belongs to the
    /// agent's project and stage, and it is not declared.
    pub(crate) fn left(
        &self,
        agent: &Agent,
        tags: &Tags,
        region: &Region,
        declared: &[Resource],
    ) -> Option<Kept> {
        let Tags::Known(tags) = tags else { return None };
        let name = tags.get(RESOURCE)?;
        // Not every store begins an ID with the name.
        if declared.iter().any(|resource| resource.path() == *name) {
            return None;
        }
        let identity = Identity {
            owner: Owner::Resource(name.clone()),
            ..Identity::of(agent)
        };
        if identity.ownership(tags) != Ownership::Ours {
            return None;
        }
        let word = self.kind.word();
        let why = format!(
            "this project created it as `{name}`, which is no longer in Cargo.toml; \
             `aws bedrock-agentcore-control delete-{word} --{word}-{} {} --region {region}` deletes it{}",
            match self.kind {
                ResourceKind::Gateway => "identifier",
                ResourceKind::Memory => "id",
            },
            self.id,
            match self.kind {
                ResourceKind::Gateway => " once its targets are deleted",
                ResourceKind::Memory => "",
            },
        );
        Some(Kept::fine(Subject::new(word, &self.id).at(region), why))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn exact_ids_of_gateways_and_memories_are_found_in_a_policy() {
        let place = "arn:aws:bedrock-agentcore:us-east-1:123456789012";
        let policy = json!({ "Statement": [
            { "Resource": [format!("{place}:memory/notes-AbCdEf1234"), format!("{place}:memory/notes-*")] },
            { "Resource": format!("{place}:gateway/tools-abcdefghij") },
            { "Resource": format!("{place}:gateway/tools-??????????") },
            { "Resource": format!("{place}:runtime/one-AbCdEf1234") },
            { "Resource": ["*", "arn:aws:s3:::memory/x"] },
        ] });
        let used = used_in(&policy);
        let ids: Vec<&str> = used.iter().map(|used| &*used.id).collect();
        assert_eq!(ids, ["tools-abcdefghij", "notes-AbCdEf1234"]);
    }
}
