//! Agent runtimes: `bedrock-agentcore-control`.

use aws_sdk_bedrockagentcorecontrol::{
    Client,
    operation::get_agent_runtime::GetAgentRuntimeOutput,
    types::{AgentRuntimeArtifact, AgentRuntimeEndpoint, Code},
};

use super::{
    AwsError, Session, document::Received, found, gone_or, runtime_read::Named, session::Connection,
};
use crate::{
    names::RuntimeName,
    resources::{
        clean::{ObjectKey, ObservedRuntime, Tags},
        runtime::{document::Document, observed::DEFAULT_ENDPOINT},
    },
};

#[derive(Debug, Clone)]
pub(crate) struct Runtimes {
    pub(super) client: Client,
}

/// Whether a resource that is being deleted still exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Presence {
    Gone,
    /// It exists with this status, and a reason if it failed.
    There {
        status: String,
        failure: Option<String>,
    },
}

impl Presence {
    /// Returns true if it is gone or being deleted.
    pub(crate) fn is_going(&self) -> bool {
        match self {
            Self::Gone => true,
            Self::There { status, .. } => status == "DELETING",
        }
    }
}

impl Runtimes {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            client: Client::new(&session.sdk),
        }
    }

    /// Creates a client before the caller is identified.
    pub(crate) fn over(connection: &Connection) -> Self {
        Self {
            client: Client::new(&connection.sdk),
        }
    }

    /// Reads the newest version, or `version`.
    async fn get(&self, id: &str, version: Option<u32>) -> Result<GetAgentRuntimeOutput, AwsError> {
        Ok(self.get_whole(id, version).await?.0)
    }

    /// Like [`Runtimes::get`], with the service's own document.
    pub(super) async fn get_whole(
        &self,
        id: &str,
        version: Option<u32>,
    ) -> Result<(GetAgentRuntimeOutput, Document), AwsError> {
        let received = Received::default();
        let answer = self
            .client
            .get_agent_runtime()
            .agent_runtime_id(id)
            .set_agent_runtime_version(version.map(|version| version.to_string()))
            .customize()
            .interceptor(received.clone())
            .send()
            .await
            .map_err(AwsError::on("bedrock-agentcore:GetAgentRuntime", shown(id)))?;
        Ok((answer, received.take()))
    }

    /// Returns true if the runtime expects a JWT instead of a signature.
    pub(crate) async fn wants_jwt(&self, id: &str) -> Result<bool, AwsError> {
        let answer = self.get(id, None).await?;
        Ok(answer
            .authorizer_configuration
            .is_some_and(|authorizer| authorizer.is_custom_jwt_authorizer()))
    }

    /// Returns every runtime with this name from the account's list: at most one on AWS, but some
    /// emulators allow several. The service cannot filter by name, so all pages are read.
    pub(crate) async fn find(&self, name: &RuntimeName) -> Result<Vec<Named>, AwsError> {
        let mut all = self.list().await?;
        all.retain(|runtime| runtime.name == name.as_str());
        Ok(all)
    }

    /// Like [`Runtimes::find`], with all details.
    pub(crate) async fn observe(
        &self,
        name: &RuntimeName,
    ) -> Result<Vec<ObservedRuntime>, AwsError> {
        let mut found = Vec::new();
        for runtime in self.find(name).await? {
            match self.one(&runtime.id, &runtime.arn, name).await {
                Ok(runtime) => found.push(runtime),
                // It was deleted after it was listed.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn one(
        &self,
        id: &str,
        arn: &str,
        name: &RuntimeName,
    ) -> Result<ObservedRuntime, AwsError> {
        let answer = self.get(id, None).await?;
        Ok(ObservedRuntime {
            id: id.to_owned(),
            name: name.to_string(),
            role_arn: answer.role_arn,
            status: answer.status.as_str().to_owned(),
            tags: self.tags(arn).await?,
            endpoints: self
                .endpoints(id)
                .await?
                .into_iter()
                .map(|endpoint| endpoint.name)
                .collect(),
            code: answer.agent_runtime_artifact.as_ref().and_then(code),
        })
    }

    pub(crate) async fn tags(&self, arn: &str) -> Result<Tags, AwsError> {
        self.client
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
            .await
            .map_err(AwsError::on(
                "bedrock-agentcore:ListTagsForResource",
                format!("runtime `{arn}`"),
            ))
            .map(|answer| Tags::Known(answer.tags.unwrap_or_default().into_iter().collect()))
            .or_else(Tags::of_error)
    }

    /// Returns every endpoint except `DEFAULT`.
    async fn endpoints(&self, id: &str) -> Result<Vec<AgentRuntimeEndpoint>, AwsError> {
        let mut endpoints = self.list_endpoints(id).await?;
        endpoints.retain(|endpoint| endpoint.name != DEFAULT_ENDPOINT);
        Ok(endpoints)
    }

    pub(super) async fn list_endpoints(
        &self,
        id: &str,
    ) -> Result<Vec<AgentRuntimeEndpoint>, AwsError> {
        self.client
            .list_agent_runtime_endpoints()
            .agent_runtime_id(id)
            .max_results(100)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(AwsError::on(
                "bedrock-agentcore:ListAgentRuntimeEndpoints",
                shown(id),
            ))
    }

    pub(crate) async fn delete_endpoint(&self, id: &str, endpoint: &str) -> Result<(), AwsError> {
        gone_or(
            self.client
                .delete_agent_runtime_endpoint()
                .agent_runtime_id(id)
                .endpoint_name(endpoint)
                .send()
                .await
                .map_err(AwsError::on(
                    "bedrock-agentcore:DeleteAgentRuntimeEndpoint",
                    endpoint_shown(id, endpoint),
                )),
        )
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), AwsError> {
        gone_or(
            self.client
                .delete_agent_runtime()
                .agent_runtime_id(id)
                .send()
                .await
                .map_err(AwsError::on(
                    "bedrock-agentcore:DeleteAgentRuntime",
                    shown(id),
                )),
        )
    }

    pub(crate) async fn presence(&self, id: &str) -> Result<Presence, AwsError> {
        let answer = found(self.get(id, None).await)?;
        Ok(answer.map_or(Presence::Gone, |answer| Presence::There {
            status: answer.status.as_str().to_owned(),
            failure: answer.failure_reason,
        }))
    }

    pub(crate) async fn endpoint_presence(
        &self,
        id: &str,
        endpoint: &str,
    ) -> Result<Presence, AwsError> {
        let there = found(self.endpoints(id).await)?.unwrap_or_default();
        let found = there.into_iter().find(|found| found.name == endpoint);
        Ok(found.map_or(Presence::Gone, |found| Presence::There {
            status: found.status.as_str().to_owned(),
            failure: None,
        }))
    }
}

pub(super) fn shown(id: &str) -> String {
    format!("runtime `{id}`")
}

pub(super) fn endpoint_shown(id: &str, name: &str) -> String {
    format!("endpoint `{name}` of {}", shown(id))
}

fn code(artifact: &AgentRuntimeArtifact) -> Option<ObjectKey> {
    let configuration = artifact.as_code_configuration().ok()?;
    match configuration.code.as_ref()? {
        Code::S3(location) => Some(ObjectKey {
            bucket: location.bucket.clone(),
            key: location.prefix.clone(),
        }),
        _ => None,
    }
}

impl Tags {
    /// Accepts a service without tags, but not a refusal.
    pub(super) fn of_error(error: AwsError) -> Result<Self, AwsError> {
        match error.kind {
            super::Kind::Unsupported => Ok(Self::Unknown),
            _ => Err(error),
        }
    }
}
