//! The tables for AgentCore, control plane and data plane. Method and path determine the operation.
//! Some operations need a permission on two resources, or additional permissions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::actions::{Asked, Call, decoded, flat, request_tags};

/// The user that a call is made for.
pub const USER: &str = "x-amzn-bedrock-agentcore-runtime-user-id";

/// The service-linked role, which the first runtime creates in an account.
const SERVICE: &str = "runtime-identity.bedrock-agentcore.amazonaws.com";
const SERVICE_ROLE: &str = "AWSServiceRoleForBedrockAgentCoreRuntimeIdentity";

/// Returns every permission that a request needs, the called action first.
pub fn calls(asked: &Asked) -> Vec<Call> {
    let body = asked.json();
    let segments: Vec<String> = asked.path.split('/').skip(1).map(decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let Some((operation, resources)) = operation(asked, &segments) else {
        return vec![asked.unknown()];
    };
    let mut calls: Vec<Call> = resources
        .into_iter()
        .map(|resource| Call {
            keys: request_tags(&body),
            ..asked.call(operation, resource, flat(&body))
        })
        .collect();
    // The same action on additional resources is not another call.
    for call in calls.iter_mut().skip(1) {
        call.implied = true;
    }
    let beside = beside(asked, operation, &calls[0], &body);
    calls.extend(beside);
    calls
}

fn operation(asked: &Asked, segments: &[&str]) -> Option<(&'static str, Vec<String>)> {
    let runtime = |id: &str| {
        if id.starts_with("arn:") {
            id.to_owned()
        } else {
            asked.arn("bedrock-agentcore", &format!("runtime/{id}"))
        }
    };
    let memory = |id: &str| vec![asked.arn("bedrock-agentcore", &format!("memory/{id}"))];
    let gateway = |id: &str| vec![asked.arn("bedrock-agentcore", &format!("gateway/{id}"))];
    let everything = || vec!["*".to_owned()];
    let endpoint = |id: &str, name: &str| {
        vec![
            format!("{}/runtime-endpoint/{name}", runtime(id)),
            runtime(id),
        ]
    };
    let qualified = |id: &str| {
        let name = asked
            .query
            .get("qualifier")
            .map_or("DEFAULT", String::as_str);
        endpoint(id, name)
    };
    Some(match (asked.method.as_str(), segments) {
        ("PUT", ["runtimes"]) => ("CreateAgentRuntime", everything()),
        ("POST", ["runtimes"]) => ("ListAgentRuntimes", everything()),
        ("GET", ["runtimes", id]) => ("GetAgentRuntime", vec![runtime(id)]),
        ("PUT", ["runtimes", id]) => ("UpdateAgentRuntime", vec![runtime(id)]),
        ("DELETE", ["runtimes", id]) => ("DeleteAgentRuntime", vec![runtime(id)]),
        ("POST", ["runtimes", _, "versions"]) => ("ListAgentRuntimeVersions", everything()),
        ("PUT", ["runtimes", id, "runtime-endpoints"]) => {
            ("CreateAgentRuntimeEndpoint", vec![runtime(id)])
        }
        ("POST", ["runtimes", _, "runtime-endpoints"]) => {
            ("ListAgentRuntimeEndpoints", everything())
        }
        ("GET", ["runtimes", id, "runtime-endpoints", name]) => {
            ("GetAgentRuntimeEndpoint", endpoint(id, name))
        }
        ("PUT", ["runtimes", id, "runtime-endpoints", name]) => {
            ("UpdateAgentRuntimeEndpoint", endpoint(id, name))
        }
        ("DELETE", ["runtimes", id, "runtime-endpoints", name]) => {
            ("DeleteAgentRuntimeEndpoint", endpoint(id, name))
        }
        ("POST", ["runtimes", id, "invocations"]) => ("InvokeAgentRuntime", qualified(id)),
        (
            "GET",
            [
                "runtimes",
                id,
                "invocations",
                ".well-known",
                "agent-card.json",
            ],
        ) => ("GetAgentCard", qualified(id)),
        ("POST", ["runtimes", id, "stopruntimesession"]) => ("StopRuntimeSession", qualified(id)),
        ("POST", ["memories"]) => ("ListMemories", everything()),
        ("POST", ["memories", "create"]) => ("CreateMemory", everything()),
        ("GET", ["memories", id, "details"]) => ("GetMemory", memory(id)),
        ("PUT", ["memories", id, "update"]) => ("UpdateMemory", memory(id)),
        ("DELETE", ["memories", id, "delete"]) => ("DeleteMemory", memory(id)),
        ("POST", ["gateways"]) => ("CreateGateway", everything()),
        ("GET", ["gateways"]) => ("ListGateways", everything()),
        ("GET", ["gateways", id]) => ("GetGateway", gateway(id)),
        ("PUT", ["gateways", id]) => ("UpdateGateway", gateway(id)),
        ("DELETE", ["gateways", id]) => ("DeleteGateway", gateway(id)),
        ("POST", ["gateways", id, "targets"]) => ("CreateGatewayTarget", gateway(id)),
        ("GET", ["gateways", id, "targets"]) => ("ListGatewayTargets", gateway(id)),
        ("GET", ["gateways", id, "targets", _]) => ("GetGatewayTarget", gateway(id)),
        ("PUT", ["gateways", id, "targets", _]) => ("UpdateGatewayTarget", gateway(id)),
        ("DELETE", ["gateways", id, "targets", _]) => ("DeleteGatewayTarget", gateway(id)),
        ("GET", ["resourcepolicy", arn]) => ("GetResourcePolicy", vec![(*arn).to_owned()]),
        ("PUT", ["resourcepolicy", arn]) => ("PutResourcePolicy", vec![(*arn).to_owned()]),
        ("DELETE", ["resourcepolicy", arn]) => ("DeleteResourcePolicy", vec![(*arn).to_owned()]),
        ("GET", ["tags", arn]) => ("ListTagsForResource", vec![(*arn).to_owned()]),
        ("POST", ["tags", arn]) => ("TagResource", vec![(*arn).to_owned()]),
        ("DELETE", ["tags", arn]) => ("UntagResource", vec![(*arn).to_owned()]),
        _ => return None,
    })
}

/// Returns the additional permissions: tags need their own permission, a role must be passed, the
/// caller reads the archive, a workload identity is created and deleted with its runtime. Assumes
/// that the account has had no runtime before.
fn beside(asked: &Asked, operation: &str, call: &Call, body: &Value) -> Vec<Call> {
    let implied = |action: &str, resource: String| Call {
        action: action.to_owned(),
        resource,
        parameters: BTreeMap::new(),
        keys: BTreeMap::new(),
        implied: true,
    };
    let creates = operation.starts_with("Create");
    // The service generates the end of an ID.
    let name = body["agentRuntimeName"].as_str();
    let made = name.map(|name| format!("{name}-AbCdEf1234"));
    let mut calls = Vec::new();
    if creates && !call.keys.is_empty() {
        let resource = match &made {
            Some(id) => asked.arn("bedrock-agentcore", &format!("runtime/{id}")),
            None if operation == "CreateMemory" || operation == "CreateGateway" => {
                let name = body["name"].as_str().unwrap_or_default();
                let kind = operation.trim_start_matches("Create").to_lowercase();
                asked.arn("bedrock-agentcore", &format!("{kind}/{name}-AbCdEf1234"))
            }
            None => {
                let name = body["name"].as_str().unwrap_or_default();
                format!("{}/runtime-endpoint/{name}", call.resource)
            }
        };
        calls.push(Call {
            keys: call.keys.clone(),
            ..implied("bedrock-agentcore:TagResource", resource)
        });
    }
    if let Some(role) = body["roleArn"].as_str() {
        let keys = [(
            "iam:PassedToService".to_owned(),
            "bedrock-agentcore.amazonaws.com".to_owned(),
        )];
        calls.push(Call {
            keys: keys.into(),
            ..implied("iam:PassRole", role.to_owned())
        });
    }
    if operation == "CreateAgentRuntime" {
        let resource = asked.iam_arn(&format!("role/aws-service-role/{SERVICE}/{SERVICE_ROLE}"));
        calls.push(Call {
            keys: [("iam:AWSServiceName".to_owned(), SERVICE.to_owned())].into(),
            ..implied("iam:CreateServiceLinkedRole", resource)
        });
    }
    let code = &body["agentRuntimeArtifact"]["codeConfiguration"]["code"]["s3"];
    if let (Some(bucket), Some(key)) = (code["bucket"].as_str(), code["prefix"].as_str()) {
        let object = format!("arn:{}:s3:::{bucket}/{key}", asked.partition());
        calls.push(implied("s3:GetObject", object));
    }
    if asked.headers.contains_key(USER) {
        let resource = call.resource.clone();
        calls.push(implied(
            "bedrock-agentcore:InvokeAgentRuntimeForUser",
            resource,
        ));
    }
    let identity = match (operation, made) {
        ("CreateAgentRuntime", Some(id)) => Some(("CreateWorkloadIdentity", id)),
        ("CreateGateway", _) => {
            let name = body["name"].as_str().unwrap_or_default();
            Some(("CreateWorkloadIdentity", format!("{name}-AbCdEf1234")))
        }
        ("DeleteAgentRuntime" | "DeleteGateway", _) => {
            let id = call.resource.rsplit('/').next().unwrap_or_default();
            Some(("DeleteWorkloadIdentity", id.to_owned()))
        }
        _ => None,
    };
    if let Some((action, id)) = identity {
        let directory = asked.arn("bedrock-agentcore", "workload-identity-directory/default");
        let action = format!("bedrock-agentcore:{action}");
        calls.push(implied(
            &action,
            format!("{directory}/workload-identity/{id}"),
        ));
        calls.push(implied(&action, directory));
    }
    calls
}
