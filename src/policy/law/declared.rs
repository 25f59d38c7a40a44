//! What the deployer policies allow on declared resources and their roles.

use std::collections::BTreeMap;

use super::{
    deployer::deployer,
    evaluate::allows,
    fixture::{ACCOUNT, agent},
    project_tag::PROJECT_OF_RESOURCE,
};
use crate::{
    config::{Part, PartAgent, Resource, ResourceKind, ServiceRole},
    names::{AgentName, ResourceName, RuntimeName},
    policy::{Deployer, Document},
};

/// Returns whether the document allows an action on a resource with this project's tag.
fn allowed_by(document: &Document) -> impl Fn(&str, &str, &str) -> bool {
    |action, resource, project| {
        let context = [
            (PROJECT_OF_RESOURCE, project),
            ("iam:PassedToService", "bedrock-agentcore.amazonaws.com"),
        ];
        let context = context.map(|(key, value)| (key.to_owned(), value.to_owned()));
        allows(document, action, resource, &context.into())
    }
}

#[test]
fn a_declared_memory_is_managed_by_its_name_and_gets_its_role_and_no_other() {
    let mut agent = agent("a", &[]);
    let role = format!("arn:aws:iam::{ACCOUNT}:role/memory");
    agent.resources.push(Resource {
        kind: ResourceKind::Memory,
        name: ResourceName::parse("notes").unwrap(),
        service_name: "notes_prod".to_owned(),
        project: agent.project.clone(),
        stage: None,
        settings: [("memoryExecutionRoleArn".to_owned(), role.clone().into())]
            .into_iter()
            .collect(),
        parts: BTreeMap::new(),
        role: ServiceRole::Given(role.clone()),
        tags: BTreeMap::new(),
        retain: false,
    });
    let document = deployer(&agent, Deployer::WithRoles);
    let memory = |name: &str| {
        format!("arn:aws:bedrock-agentcore:us-west-2:{ACCOUNT}:memory/{name}-AbCdEf1234")
    };
    let allowed = allowed_by(&document);
    let ours = agent.project.as_str();
    for action in ["GetMemory", "UpdateMemory", "DeleteMemory", "UntagResource"] {
        let action = format!("bedrock-agentcore:{action}");
        assert!(allowed(&action, &memory("notes_prod"), ours), "{action}");
        for other in ["notes", "notes_prod_two", "other"] {
            assert!(!allowed(&action, &memory(other), ours), "{action} {other}");
        }
    }
    let untag = "bedrock-agentcore:UntagResource";
    assert!(!allowed(untag, &memory("notes_prod"), "other-7k2qpx"));
    assert!(allowed("iam:PassRole", &role, ours));
    let other = format!("arn:aws:iam::{ACCOUNT}:role/other");
    assert!(!allowed("iam:PassRole", &other, ours));
}

#[test]
fn a_declared_gateway_is_managed_by_its_name_with_its_role_and_identity() {
    let mut agent = agent("a", &[]);
    agent.resources.push(Resource {
        kind: ResourceKind::Gateway,
        name: ResourceName::parse("tools").unwrap(),
        service_name: "tools-prod".to_owned(),
        project: agent.project.clone(),
        stage: None,
        settings: serde_json::Map::new(),
        parts: BTreeMap::new(),
        role: ServiceRole::Own(Vec::new()),
        tags: BTreeMap::new(),
        retain: false,
    });
    let document = deployer(&agent, Deployer::WithRoles);
    let place = format!("arn:aws:bedrock-agentcore:us-west-2:{ACCOUNT}");
    let allowed = allowed_by(&document);
    let ours = agent.project.as_str();
    for action in [
        "GetGateway",
        "UpdateGateway",
        "DeleteGateway",
        "CreateGatewayTarget",
        "ListGatewayTargets",
    ] {
        let action = format!("bedrock-agentcore:{action}");
        let gateway = |name: &str| format!("{place}:gateway/{name}-abcdef1234");
        assert!(allowed(&action, &gateway("tools-prod"), ours), "{action}");
        for other in ["tools", "tools-prod-two", "other"] {
            assert!(!allowed(&action, &gateway(other), ours), "{action} {other}");
        }
    }
    let create = "bedrock-agentcore:CreateWorkloadIdentity";
    let identity = |name: &str| {
        format!("{place}:workload-identity-directory/default/workload-identity/{name}")
    };
    assert!(allowed(create, &identity("tools-prod-abcdef1234"), ours));
    assert!(!allowed(create, &identity("tools-abcdef1234"), ours));
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    for action in ["iam:PassRole", "iam:GetRole"] {
        let own = role("AgentCoreGateway-tools-prod");
        assert!(allowed(action, &own, ours), "{action}");
        let other = role("AgentCoreGateway-tools");
        assert!(!allowed(action, &other, ours), "{action}");
    }
}

#[test]
fn the_runtime_that_a_target_leads_to_may_be_read_and_no_more() {
    let mut agent = agent("a", &[]);
    let target = Part {
        settings: serde_json::Map::new(),
        file: None,
        agent: Some(PartAgent {
            name: AgentName::parse("b").unwrap(),
            runtime: RuntimeName::parse("b_prod").unwrap(),
            span: 0..0,
        }),
    };
    agent.resources.push(Resource {
        kind: ResourceKind::Gateway,
        name: ResourceName::parse("tools").unwrap(),
        service_name: "tools".to_owned(),
        project: agent.project.clone(),
        stage: None,
        settings: serde_json::Map::new(),
        parts: BTreeMap::from([("b".to_owned(), target)]),
        role: ServiceRole::Own(Vec::new()),
        tags: BTreeMap::new(),
        retain: false,
    });
    let document = deployer(&agent, Deployer::WithRoles);
    let allowed = |action: &str, runtime: &str| {
        let arn = format!("arn:aws:bedrock-agentcore:us-west-2:{ACCOUNT}:runtime/{runtime}");
        let action = format!("bedrock-agentcore:{action}");
        allows(&document, &action, &arn, &BTreeMap::new())
    };
    assert!(allowed("ListTagsForResource", "b_prod-AbCdEf1234"));
    assert!(!allowed("ListTagsForResource", "b-AbCdEf1234"));
    for action in [
        "GetAgentRuntime",
        "UpdateAgentRuntime",
        "InvokeAgentRuntime",
    ] {
        assert!(!allowed(action, "b_prod-AbCdEf1234"), "{action}");
    }
}
