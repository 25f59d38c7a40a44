//! Creates and updates runtimes, as `plan::deploy` decides.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    AwsError, Kind,
    document::Sent,
    runtime::{Runtimes, shown},
};
use crate::{
    names::RuntimeName,
    resources::runtime::{
        document::{self, Document},
        fields::RuntimeFields,
    },
};

/// The result of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) id: String,
    pub(crate) version: String,
    /// Members that the service returns but refuses in an update.
    pub(crate) refused: Vec<String>,
}

/// An idempotency token: a request that is sent twice is carried out once.
#[derive(Debug, Clone)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
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
        let document = document::create(name.as_str(), fields, tags, token.as_str());
        let answer = self
            .client
            .create_agent_runtime()
            .customize()
            .interceptor(Sent::new(document))
            .send()
            .await
            .map_err(AwsError::on(
                "bedrock-agentcore:CreateAgentRuntime",
                format!("runtime `{name}`"),
            ))?;
        Ok(Written {
            id: answer.agent_runtime_id,
            version: answer.agent_runtime_version,
            refused: Vec::new(),
        })
    }

    /// Replaces the runtime's fields. An update resets every member that it does not contain, so
    /// everything outside `fields` is read now and sent back.
    pub(crate) async fn update(
        &self,
        id: &str,
        fields: &RuntimeFields,
        withdrawn: &BTreeSet<String>,
        token: &Token,
    ) -> Result<Written, AwsError> {
        let (_, there) = self.get_whole(id, None).await?;
        let mut document = document::update(&there, fields, withdrawn, token.as_str());
        let error = match self.replace(id, document.clone()).await {
            Err(error) if error.kind == Kind::Other => error,
            answer => return answer,
        };
        let mut refused = document::refused(&document, &error.message);
        // Settings in the metadata must not be omitted.
        refused.retain(|name| {
            let mut places = fields.settings.iter().map(|(place, _)| place);
            !places.any(|place| place.first() == Some(name))
        });
        if refused.is_empty() {
            return Err(error);
        }
        document.retain(|name, _| !refused.contains(name));
        // A changed document needs a new token.
        document.insert("clientToken".to_owned(), Token::new().as_str().into());
        let written = self.replace(id, document).await?;
        Ok(Written { refused, ..written })
    }

    async fn replace(&self, id: &str, document: Document) -> Result<Written, AwsError> {
        let answer = self
            .client
            .update_agent_runtime()
            .agent_runtime_id(id)
            .customize()
            .interceptor(Sent::new(document))
            .send()
            .await
            .map_err(AwsError::on(
                "bedrock-agentcore:UpdateAgentRuntime",
                shown(id),
            ))?;
        Ok(Written {
            id: answer.agent_runtime_id,
            version: answer.agent_runtime_version,
            refused: Vec::new(),
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
