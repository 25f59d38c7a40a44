//! What the service expects of an agent's process: where it listens, and what its environment
//! contains.

use serde_json::Value;

use super::{Operation, Refusal, RuntimeArn, logs, refusal::Kind};
use crate::{
    config::{Agent, Protocol},
    names::EndpointName,
};

/// The path of an agent's health check.
pub const PING: &str = "/ping";

/// How the service talks to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    pub protocol: Protocol,
    pub port: u16,
    /// The path that requests go to.
    pub path: String,
}

impl Contract {
    /// Uses the port and the path of the runtime's `protocolConfiguration`, or the protocol's
    /// defaults.
    pub fn of(protocol: Protocol, port: Option<u16>, path: Option<&str>) -> Self {
        let (default_port, default_path) = match protocol {
            Protocol::Http | Protocol::Agui => (8080, "/invocations"),
            Protocol::Mcp => (8000, "/mcp"),
            Protocol::A2a => (9000, "/"),
        };
        Self {
            protocol,
            port: port.unwrap_or(default_port),
            path: path.unwrap_or(default_path).to_owned(),
        }
    }

    /// Returns the contract of an agent in the metadata.
    pub fn of_agent(agent: &Agent) -> Self {
        Self::of(agent.protocol, agent.settings.port(), agent.settings.path())
    }

    /// Reads the contract from a runtime as the service describes it.
    pub fn read(runtime: &Value) -> Result<Self, Refusal> {
        let configuration = &runtime["protocolConfiguration"];
        let name = configuration["serverProtocol"].as_str().unwrap_or("HTTP");
        let protocol = Protocol::ALL
            .into_iter()
            .find(|protocol| protocol.service_name() == name)
            .ok_or_else(|| {
                Refusal::new(
                    Kind::Internal,
                    format!("the runtime speaks the protocol `{name}`, which this version does not support"),
                )
            })?;
        let port = configuration["port"].as_u64();
        Ok(Self::of(
            protocol,
            port.and_then(|port| u16::try_from(port).ok()),
            configuration["path"].as_str(),
        ))
    }

    /// Returns the agent's path for an operation, or `None` if the agent's protocol does not have
    /// the operation.
    pub fn path_of(&self, operation: Operation) -> Option<&str> {
        match (operation, self.protocol) {
            (Operation::Invoke, _) => Some(&self.path),
            (Operation::AgentCard, Protocol::A2a) => Some("/.well-known/agent-card.json"),
            (Operation::WebSocket, Protocol::Http | Protocol::Agui) => Some("/ws"),
            (
                Operation::AgentCard
                | Operation::WebSocket
                | Operation::ResourceMetadata
                | Operation::Shell
                | Operation::StopSession
                | Operation::Command,
                _,
            ) => None,
        }
    }

    /// Returns the path of the health check. An MCP server has none: it is ready when it accepts a
    /// connection.
    pub fn ping(&self) -> Option<&'static str> {
        match self.protocol {
            Protocol::Http | Protocol::A2a | Protocol::Agui => Some(PING),
            Protocol::Mcp => None,
        }
    }
}

/// Returns the variables that the service sets for an agent. The runtime's own variables override
/// them. It is not documented whether the service sets the region for zip packages; boto3 reads one
/// of the two variables, the other SDKs the other. `cloud.resource_id` tells the Python SDK which
/// runtime it runs in.
pub fn environment(runtime: &RuntimeArn, endpoint: &EndpointName) -> Vec<(&'static str, String)> {
    let name = runtime
        .id
        .rsplit_once('-')
        .map_or(runtime.id.as_str(), |(name, _)| name);
    let group = logs::group(&runtime.id, endpoint.as_str());
    vec![
        ("AWS_REGION", runtime.region.to_string()),
        ("AWS_DEFAULT_REGION", runtime.region.to_string()),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            format!(
                "service.name={name}.{endpoint},aws.log.group.names={group},cloud.resource_id={}/runtime-endpoint/{endpoint}",
                runtime.arn
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_protocol_has_its_port_and_its_path() {
        for (name, port, path, ping) in [
            ("HTTP", 8080, "/invocations", true),
            ("AGUI", 8080, "/invocations", true),
            ("MCP", 8000, "/mcp", false),
            ("A2A", 9000, "/", true),
        ] {
            let runtime = json!({ "protocolConfiguration": { "serverProtocol": name } });
            let contract = Contract::read(&runtime).unwrap();
            assert_eq!(
                (contract.port, contract.path.as_str()),
                (port, path),
                "{name}"
            );
            assert_eq!(contract.ping().is_some(), ping, "{name}");
        }
        assert_eq!(Contract::read(&json!({})).unwrap().protocol, Protocol::Http);
    }

    #[test]
    fn the_runtimes_port_and_path_go_before_the_protocols() {
        let runtime = json!({ "protocolConfiguration": {
            "serverProtocol": "MCP", "port": 9001, "path": "/tools",
        } });
        let contract = Contract::read(&runtime).unwrap();
        assert_eq!(
            (contract.port, contract.path_of(Operation::Invoke)),
            (9001, Some("/tools"))
        );
        let unknown = json!({ "protocolConfiguration": { "serverProtocol": "SMTP" } });
        assert!(
            Contract::read(&unknown)
                .unwrap_err()
                .message
                .contains("SMTP")
        );
    }

    #[test]
    fn a_protocol_serves_what_it_has() {
        for protocol in Protocol::ALL {
            let contract = Contract::of(protocol, None, None);
            assert_eq!(
                contract.path_of(Operation::AgentCard).is_some(),
                protocol == Protocol::A2a
            );
            assert_eq!(
                contract.path_of(Operation::WebSocket),
                matches!(protocol, Protocol::Http | Protocol::Agui).then_some("/ws")
            );
            assert_eq!(contract.path_of(Operation::StopSession), None);
        }
    }

    #[test]
    fn the_environment_says_where_the_agent_is() {
        let arn = "arn:aws:bedrock-agentcore:us-west-2:000000000000:runtime/a_b-AbCdEf1234";
        let runtime = RuntimeArn::parse(arn).unwrap();
        let environment = environment(&runtime, &EndpointName::parse("prod").unwrap());
        assert_eq!(
            environment,
            [
                ("AWS_REGION", "us-west-2"),
                ("AWS_DEFAULT_REGION", "us-west-2"),
                (
                    "OTEL_RESOURCE_ATTRIBUTES",
                    &format!("service.name=a_b.prod,aws.log.group.names=/aws/bedrock-agentcore/runtimes/a_b-AbCdEf1234-prod,cloud.resource_id={arn}/runtime-endpoint/prod"),
                ),
            ]
            .map(|(name, value)| (name, value.to_owned()))
        );
    }
}
