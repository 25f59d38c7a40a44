//! Who may assume an execution role.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Document, Effect, SERVICE_PRINCIPAL, Statement};
use crate::names::{AccountId, Partition, Region};

/// Returns the trust policy: AgentCore, for this account, in these regions.
pub fn trust(partition: Partition, account: &AccountId, regions: &BTreeSet<Region>) -> Document {
    let sources = regions
        .iter()
        .map(|region| format!("arn:{partition}:bedrock-agentcore:{region}:{account}:*"));
    let statement = Statement {
        sid: "AgentCoreRuntime".to_owned(),
        effect: Effect::Allow,
        principal: BTreeMap::from([("Service".to_owned(), vec![SERVICE_PRINCIPAL.to_owned()])]),
        action: vec!["sts:AssumeRole".to_owned()],
        resource: Vec::new(),
        condition: BTreeMap::new(),
    };
    Document::new(vec![
        statement
            .when("StringEquals", "aws:SourceAccount", [account.as_str()])
            .when("ArnLike", "aws:SourceArn", sources),
    ])
}

/// Returns every principal that a trust policy allows, of any type.
pub fn principals(trust: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for statement in as_list(&trust["Statement"]) {
        if statement["Effect"] != "Allow" {
            continue;
        }
        match &statement["Principal"] {
            Value::Object(kinds) => {
                for names in kinds.values() {
                    found.extend(
                        as_list(names)
                            .into_iter()
                            .filter_map(Value::as_str)
                            .map(str::to_owned),
                    );
                }
            }
            Value::String(all) => {
                found.insert(all.clone());
            }
            _ => {
                // `NotPrincipal` allows everyone except those that it names.
                found.insert("*".to_owned());
            }
        }
    }
    found
}

fn as_list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}
