//! Makes and changes runtimes: what `plan::deploy` decides.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_bedrockagentcorecontrol::{
    operation::get_agent_runtime::GetAgentRuntimeOutput,
    types::{
        AgentManagedRuntimeType, AgentRuntimeArtifact, AuthorizerConfiguration, Code,
        CodeConfiguration, ContainerConfiguration, CustomJwtAuthorizerConfiguration,
        LifecycleConfiguration, NetworkConfiguration, NetworkMode, ProtocolConfiguration,
        RequestHeaderConfiguration, RuntimeMetadataConfiguration, S3Location, ServerProtocol,
        VpcConfig,
    },
};

use super::{
    AwsError,
    runtime::{Runtimes, shown},
};
use crate::{
    config::{Authorizer, Network},
    names::RuntimeName,
    plan::runtime_diff::{Artifact, CodeObject, RuntimeFields, effective_lifecycle},
};

/// What the service made of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) id: String,
    pub(crate) version: String,
}

/// Marks requests that mean the same, so that one which is sent again is carried out once.
#[derive(Debug, Clone)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }
}

impl Runtimes {
    pub(crate) async fn create(
        &self,
        name: &RuntimeName,
        fields: &RuntimeFields,
        tags: &BTreeMap<String, String>,
        token: &Token,
    ) -> Result<Written, AwsError> {
        let RuntimeFields {
            role_arn,
            description,
            artifact: wanted,
            env,
            lifecycle: _,
            network: vpc,
            protocol: server,
            authorizer: jwt,
            header_allowlist,
        } = fields;
        let answer = self
            .client
            .create_agent_runtime()
            .agent_runtime_name(name.as_str())
            .role_arn(role_arn)
            .set_description(description.clone())
            .set_agent_runtime_artifact(artifact(wanted))
            .set_environment_variables(Some(variables(env)))
            .lifecycle_configuration(lifecycle(fields))
            .network_configuration(network(vpc, None))
            .protocol_configuration(protocol(server, None))
            .set_authorizer_configuration(jwt.as_ref().map(|jwt| authorizer(jwt, None)))
            .set_request_header_configuration(headers(header_allowlist))
            .set_tags(Some(tags.clone().into_iter().collect()))
            .client_token(&token.0)
            .send()
            .await
            .map_err(AwsError::on(
                "bedrock-agentcore:CreateAgentRuntime",
                format!("runtime `{name}`"),
            ))?;
        Ok(Written {
            id: answer.agent_runtime_id,
            version: answer.agent_runtime_version,
        })
    }

    /// Replaces the runtime by these fields. The service resets what an update does not name, so that
    /// everything that `fields` does not know is read now and sent back.
    pub(crate) async fn update(
        &self,
        id: &str,
        fields: &RuntimeFields,
        token: &Token,
    ) -> Result<Written, AwsError> {
        let there = self.get(id, None).await?;
        let RuntimeFields {
            role_arn,
            description,
            artifact: wanted,
            env,
            lifecycle: _,
            network: vpc,
            protocol: server,
            authorizer: jwt,
            header_allowlist,
        } = fields;
        let old = Rest::of(there);
        let answer = self
            .client
            .update_agent_runtime()
            .agent_runtime_id(id)
            .role_arn(role_arn)
            .set_description(description.clone())
            .set_agent_runtime_artifact(artifact(wanted))
            .set_environment_variables(Some(variables(env)))
            .lifecycle_configuration(lifecycle(fields))
            .network_configuration(network(vpc, old.vpc))
            .protocol_configuration(protocol(server, old.protocol))
            .set_authorizer_configuration(jwt.as_ref().map(|jwt| authorizer(jwt, old.authorizer)))
            .set_request_header_configuration(headers(header_allowlist))
            // Runtimes without it cannot be invoked any more.
            .metadata_configuration(metadata())
            .set_filesystem_configurations(old.answer.filesystem_configurations)
            .set_capacity_provider_configuration(old.answer.capacity_provider_configuration)
            .set_platform_version(old.answer.platform_version)
            .set_allowed_ports(old.answer.allowed_ports)
            .client_token(&token.0)
            .send()
            .await
            .map_err(AwsError::on(
                "bedrock-agentcore:UpdateAgentRuntime",
                shown(id),
            ))?;
        Ok(Written {
            id: answer.agent_runtime_id,
            version: answer.agent_runtime_version,
        })
    }

    pub(crate) async fn tag(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        self.client
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(tags.clone().into_iter().collect()))
            .send()
            .await
            .map(|_| ())
            .map_err(AwsError::on(
                "bedrock-agentcore:TagResource",
                format!("runtime `{arn}`"),
            ))
    }

    pub(crate) async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), AwsError> {
        self.client
            .untag_resource()
            .resource_arn(arn)
            .set_tag_keys(Some(keys.to_vec()))
            .send()
            .await
            .map(|_| ())
            .map_err(AwsError::on(
                "bedrock-agentcore:UntagResource",
                format!("runtime `{arn}`"),
            ))
    }
}

/// What a runtime has beside the fields that the metadata decides, parts of those fields included.
struct Rest {
    vpc: Option<VpcConfig>,
    protocol: Option<ProtocolConfiguration>,
    authorizer: Option<CustomJwtAuthorizerConfiguration>,
    answer: GetAgentRuntimeOutput,
}

impl Rest {
    fn of(mut answer: GetAgentRuntimeOutput) -> Self {
        Self {
            vpc: answer
                .network_configuration
                .take()
                .and_then(|network| network.network_mode_config),
            protocol: answer.protocol_configuration.take(),
            authorizer: match answer.authorizer_configuration.take() {
                Some(AuthorizerConfiguration::CustomJwtAuthorizer(jwt)) => Some(jwt),
                _ => None,
            },
            answer,
        }
    }
}

fn variables(env: &BTreeMap<String, String>) -> HashMap<String, String> {
    env.clone().into_iter().collect()
}

fn artifact(artifact: &Artifact) -> Option<AgentRuntimeArtifact> {
    match artifact {
        Artifact::Code {
            object,
            runtime,
            entry_point,
        } => Some(AgentRuntimeArtifact::CodeConfiguration(
            CodeConfiguration::builder()
                .set_code(object.as_ref().map(code))
                .runtime(AgentManagedRuntimeType::from(runtime.as_str()))
                .set_entry_point(Some(entry_point.clone()))
                .build()
                .expect("a code configuration has runtime and entry point"),
        )),
        Artifact::Container { uri } => Some(AgentRuntimeArtifact::ContainerConfiguration(
            ContainerConfiguration::builder()
                .container_uri(uri)
                .build()
                .expect("a container configuration has a URI"),
        )),
        Artifact::Unknown => None,
    }
}

fn code(object: &CodeObject) -> Code {
    let CodeObject {
        bucket,
        key,
        version,
    } = object;
    Code::S3(
        S3Location::builder()
            .bucket(bucket)
            .prefix(key)
            .set_version_id(version.clone())
            .build()
            .expect("a location has bucket and key"),
    )
}

/// Said in full: a store may keep what an update leaves out.
fn lifecycle(fields: &RuntimeFields) -> LifecycleConfiguration {
    let (idle, lifetime) = effective_lifecycle(fields.lifecycle);
    let seconds = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    LifecycleConfiguration::builder()
        .idle_runtime_session_timeout(seconds(idle))
        .max_lifetime(seconds(lifetime))
        .build()
}

fn network(network: &Network, old: Option<VpcConfig>) -> NetworkConfiguration {
    let builder = NetworkConfiguration::builder();
    let builder = match network {
        Network::Public => builder.network_mode(NetworkMode::Public),
        Network::Vpc {
            subnets,
            security_groups,
        } => builder.network_mode(NetworkMode::Vpc).network_mode_config(
            VpcConfig::builder()
                .set_subnets(Some(subnets.clone()))
                .set_security_groups(Some(security_groups.clone()))
                .set_require_service_s3_endpoint(
                    old.and_then(|old| old.require_service_s3_endpoint),
                )
                .build()
                .expect("a VPC has subnets and security groups"),
        ),
    };
    builder.build().expect("a network has a mode")
}

/// Port and path stay as long as the protocol does.
fn protocol(server: &str, old: Option<ProtocolConfiguration>) -> ProtocolConfiguration {
    let old = old.filter(|old| old.server_protocol.as_str() == server);
    ProtocolConfiguration::builder()
        .server_protocol(ServerProtocol::from(server))
        .set_port(old.as_ref().and_then(|old| old.port))
        .set_path(old.and_then(|old| old.path))
        .build()
        .expect("a protocol has a name")
}

/// What the metadata does not know of an authorizer stays as long as the issuer does.
fn authorizer(
    wanted: &Authorizer,
    old: Option<CustomJwtAuthorizerConfiguration>,
) -> AuthorizerConfiguration {
    let Authorizer {
        discovery_url,
        allowed_audience,
        allowed_clients,
        allowed_scopes,
    } = wanted;
    let some = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    let mut builder = CustomJwtAuthorizerConfiguration::builder()
        .discovery_url(discovery_url)
        .set_allowed_audience(some(allowed_audience))
        .set_allowed_clients(some(allowed_clients))
        .set_allowed_scopes(some(allowed_scopes));
    if let Some(old) = old.filter(|old| old.discovery_url == *discovery_url) {
        builder = builder
            .set_advertised_scope_mapping(old.advertised_scope_mapping)
            .set_custom_claims(old.custom_claims)
            .set_private_endpoint(old.private_endpoint)
            .set_private_endpoint_overrides(old.private_endpoint_overrides)
            .set_allowed_workload_configuration(old.allowed_workload_configuration);
    }
    AuthorizerConfiguration::CustomJwtAuthorizer(
        builder.build().expect("an authorizer has a discovery URL"),
    )
}

fn headers(names: &[String]) -> Option<RequestHeaderConfiguration> {
    (!names.is_empty()).then(|| RequestHeaderConfiguration::RequestHeaderAllowlist(names.to_vec()))
}

fn metadata() -> RuntimeMetadataConfiguration {
    RuntimeMetadataConfiguration::builder()
        .require_mmdsv2(true)
        .build()
        .expect("metadata configuration says whether version 2 is required")
}
