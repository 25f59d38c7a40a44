//! Reads runtimes, their versions and endpoints into plain data, and writes endpoints.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::{
    operation::{
        get_agent_runtime::GetAgentRuntimeOutput,
        get_agent_runtime_endpoint::GetAgentRuntimeEndpointOutput,
    },
    types::AgentRuntimeEndpoint,
};

use super::{
    AwsError,
    document::{Received, Sent},
    found,
    runtime::{Runtimes, endpoint_shown, shown},
    runtime_write::Token,
};
use crate::resources::runtime::{
    document::{self, Document},
    observed::{EndpointState, RuntimeState, VersionState},
};

/// A runtime in the account's list, with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) name: String,
}

/// The desired state of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndpointWish<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: u32,
    pub(crate) description: Option<&'a str>,
}

impl Runtimes {
    /// Lists every runtime of the account and region, once for all agents.
    pub(crate) async fn list(&self) -> Result<Vec<Named>, AwsError> {
        let all = self
            .client
            .list_agent_runtimes()
            .max_results(100)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(AwsError::on(
                "bedrock-agentcore:ListAgentRuntimes",
                "the account's runtimes",
            ))?;
        Ok(all
            .into_iter()
            .map(|runtime| Named {
                id: runtime.agent_runtime_id,
                arn: runtime.agent_runtime_arn,
                name: runtime.agent_runtime_name,
            })
            .collect())
    }

    /// Reads the runtime's newest version, or `version`. Returns `None` if it does not exist.
    pub(crate) async fn read(
        &self,
        id: &str,
        version: Option<u32>,
    ) -> Result<Option<RuntimeState>, AwsError> {
        let answer = found(self.get_whole(id, version).await)?;
        Ok(answer.map(state))
    }

    /// Returns every endpoint, sorted by name. Failed endpoints include the reason.
    pub(crate) async fn read_endpoints(&self, id: &str) -> Result<Vec<EndpointState>, AwsError> {
        let mut endpoints = Vec::new();
        for endpoint in self.list_endpoints(id).await? {
            let endpoint = listed_endpoint(endpoint);
            // The list contains no reasons.
            let failed = if endpoint.status.ends_with("_FAILED") {
                self.read_endpoint(id, &endpoint.name).await?
            } else {
                None
            };
            endpoints.push(failed.unwrap_or(endpoint));
        }
        endpoints.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(endpoints)
    }

    pub(crate) async fn read_endpoint(
        &self,
        id: &str,
        name: &str,
    ) -> Result<Option<EndpointState>, AwsError> {
        let answer = found(self.get_endpoint(id, name).await)?;
        Ok(answer.map(|(answer, _)| EndpointState {
            name: answer.name,
            arn: answer.agent_runtime_endpoint_arn,
            live: said(answer.live_version),
            target: said(answer.target_version),
            status: answer.status.as_str().to_owned(),
            failure: said(answer.failure_reason),
            description: said(answer.description),
        }))
    }

    /// Reads an endpoint with the service's own document.
    async fn get_endpoint(
        &self,
        id: &str,
        name: &str,
    ) -> Result<(GetAgentRuntimeEndpointOutput, Document), AwsError> {
        let received = Received::default();
        let answer = self
            .client
            .get_agent_runtime_endpoint()
            .agent_runtime_id(id)
            .endpoint_name(name)
            .customize()
            .interceptor(received.clone())
            .send()
            .await
            .map_err(AwsError::on(
                "bedrock-agentcore:GetAgentRuntimeEndpoint",
                endpoint_shown(id, name),
            ))?;
        Ok((answer, received.take()))
    }

    /// Returns every version, newest first.
    pub(crate) async fn versions(&self, id: &str) -> Result<Vec<VersionState>, AwsError> {
        let listed = self
            .client
            .list_agent_runtime_versions()
            .agent_runtime_id(id)
            .max_results(100)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(AwsError::on(
                "bedrock-agentcore:ListAgentRuntimeVersions",
                shown(id),
            ))?;
        let mut versions: Vec<VersionState> = listed
            .into_iter()
            .filter_map(|version| {
                Some(VersionState {
                    number: version.agent_runtime_version.parse().ok()?,
                    status: version.status.as_str().to_owned(),
                    created: version.last_updated_at.secs(),
                })
            })
            .collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.number));
        Ok(versions)
    }

    pub(crate) async fn create_endpoint(
        &self,
        id: &str,
        wish: EndpointWish<'_>,
        tags: BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        self.client
            .create_agent_runtime_endpoint()
            .agent_runtime_id(id)
            .name(wish.name)
            .agent_runtime_version(wish.version.to_string())
            .set_description(wish.description.map(str::to_owned))
            .set_tags(Some(tags.into_iter().collect()))
            .send()
            .await
            .map(|_| ())
            .map_err(AwsError::on(
                "bedrock-agentcore:CreateAgentRuntimeEndpoint",
                endpoint_shown(id, wish.name),
            ))
    }

    /// Points an endpoint at a version. An update resets every member that it does not contain, so
    /// the members that this version does not know are read now and sent back.
    pub(crate) async fn update_endpoint(
        &self,
        id: &str,
        wish: EndpointWish<'_>,
    ) -> Result<(), AwsError> {
        let (_, there) = self.get_endpoint(id, wish.name).await?;
        let token = Token::new();
        let document =
            document::update_endpoint(&there, wish.version, wish.description, token.as_str());
        self.client
            .update_agent_runtime_endpoint()
            .agent_runtime_id(id)
            .endpoint_name(wish.name)
            .customize()
            .interceptor(Sent::new(document))
            .send()
            .await
            .map(|_| ())
            .map_err(AwsError::on(
                "bedrock-agentcore:UpdateAgentRuntimeEndpoint",
                endpoint_shown(id, wish.name),
            ))
    }
}

/// Some services return an empty text for unset members.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn listed_endpoint(endpoint: AgentRuntimeEndpoint) -> EndpointState {
    EndpointState {
        name: endpoint.name,
        arn: endpoint.agent_runtime_endpoint_arn,
        live: said(endpoint.live_version),
        target: said(endpoint.target_version),
        status: endpoint.status.as_str().to_owned(),
        failure: None,
        description: said(endpoint.description),
    }
}

fn state((answer, document): (GetAgentRuntimeOutput, Document)) -> RuntimeState {
    RuntimeState {
        id: answer.agent_runtime_id,
        arn: answer.agent_runtime_arn,
        name: answer.agent_runtime_name,
        version: answer.agent_runtime_version,
        status: answer.status.as_str().to_owned(),
        failure: said(answer.failure_reason),
        created: answer.created_at.secs(),
        updated: answer.last_updated_at.secs(),
        fields: document::fields(&document),
        platform: document::platform(&document),
        set_elsewhere: document::set_elsewhere(&document),
    }
}
