//! The resource policy of a runtime or an endpoint, which allows calls from other accounts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Document, Statement};
use crate::config::{Caller, Protocol};

/// The prefix of our statements' names, because policies have no tags.
const SID: &str = "AgentCoreCallers";

/// Returns the policy for a runtime or an endpoint. The service requires its exact ARN in each
/// statement, and checks both the runtime's and the endpoint's policy for a caller.
/// Source:
/// <https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/resource-based-policies.html>
pub fn callers(callers: &BTreeSet<Caller>, protocol: Protocol, arn: &str) -> Document {
    let (accounts, principals): (Vec<&Caller>, Vec<&Caller>) =
        callers.iter().partition(|caller| caller.is_account());
    let statement = |name: &str, of: &[&Caller]| Statement {
        principal: BTreeMap::from([(
            "AWS".to_owned(),
            of.iter().map(|caller| caller.arn().to_owned()).collect(),
        )]),
        ..Statement::allow(format!("{SID}{name}"), actions(protocol), [arn])
    };
    let mut statements = Vec::new();
    if !accounts.is_empty() {
        let numbers: BTreeSet<&str> = accounts
            .iter()
            .map(|caller| caller.account().as_str())
            .collect();
        statements.push(statement("Accounts", &accounts).when(
            "StringEquals",
            "aws:PrincipalAccount",
            numbers,
        ));
    }
    if !principals.is_empty() {
        // For the principal alone, a role that is deleted and recreated with the same name is a
        // different one.
        let arns = principals.iter().map(|caller| caller.arn());
        statements.push(statement("Principals", &principals).when(
            "ArnEquals",
            "aws:PrincipalArn",
            arns,
        ));
    }
    Document::new(statements)
}

fn actions(protocol: Protocol) -> &'static [&'static str] {
    match protocol {
        Protocol::A2a => &[
            "bedrock-agentcore:GetAgentCard",
            "bedrock-agentcore:InvokeAgentRuntime",
        ],
        Protocol::Http | Protocol::Mcp | Protocol::Agui => {
            &["bedrock-agentcore:InvokeAgentRuntime"]
        }
    }
}

/// Returns whether a policy contains only our statements.
pub fn is_ours(policy: &Value) -> bool {
    let statements = match &policy["Statement"] {
        Value::Array(statements) => &statements[..],
        one => std::slice::from_ref(one),
    };
    let is_ours = |statement: &Value| {
        let sid = statement["Sid"].as_str();
        sid.is_some_and(|sid| sid.starts_with(SID))
    };
    !statements.is_empty() && statements.iter().all(is_ours)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(arns: &[&str]) -> BTreeSet<Caller> {
        arns.iter().map(|arn| Caller::parse(arn).unwrap()).collect()
    }

    #[test]
    fn each_kind_of_caller_has_its_condition_and_the_resource_is_exact() {
        let arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/a-AbCdEf1234";
        let all = set(&[
            "arn:aws:iam::210987654321:root",
            "arn:aws:iam::111122223333:role/apps/web",
            "arn:aws:iam::111122223333:user/ann",
        ]);
        let document = callers(&all, Protocol::Http, arn).to_value();
        assert_eq!(
            document["Statement"],
            json!([
                { "Sid": "AgentCoreCallersAccounts", "Effect": "Allow",
                    "Principal": { "AWS": "arn:aws:iam::210987654321:root" },
                    "Action": "bedrock-agentcore:InvokeAgentRuntime", "Resource": arn,
                    "Condition": { "StringEquals": { "aws:PrincipalAccount": "210987654321" } } },
                { "Sid": "AgentCoreCallersPrincipals", "Effect": "Allow",
                    "Principal": { "AWS": ["arn:aws:iam::111122223333:role/apps/web", "arn:aws:iam::111122223333:user/ann"] },
                    "Action": "bedrock-agentcore:InvokeAgentRuntime", "Resource": arn,
                    "Condition": { "ArnEquals": { "aws:PrincipalArn": [
                        "arn:aws:iam::111122223333:role/apps/web", "arn:aws:iam::111122223333:user/ann"] } } },
            ])
        );
        assert!(is_ours(&document));
        let card = callers(&all, Protocol::A2a, arn).to_json();
        assert!(card.contains("GetAgentCard"), "{card}");
    }

    #[test]
    fn a_policy_with_one_statement_of_others_is_not_ours() {
        let ours = callers(
            &set(&["arn:aws:iam::210987654321:root"]),
            Protocol::Http,
            "arn:x",
        );
        let mut document = ours.to_value();
        let more = json!({ "Sid": "Theirs", "Effect": "Deny" });
        document["Statement"].as_array_mut().unwrap().push(more);
        assert!(!is_ours(&document));
        assert!(!is_ours(&json!({})));
    }
}
