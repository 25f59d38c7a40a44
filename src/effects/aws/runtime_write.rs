//! Creates and updates runtimes, as `resources::runtime` decides.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    AwsError, Kind,
    control::text,
    idempotency::Token,
    runtime::{Runtimes, shown},
};
use crate::{
    names::RuntimeName,
    protocol::control::runtime,
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

impl Runtimes {
    pub(crate) async fn create(
        &self,
        name: &RuntimeName,
        fields: &RuntimeFields,
        tags: &BTreeMap<String, String>,
        token: &Token,
    ) -> Result<Written, AwsError> {
        let document = document::create(name.as_str(), fields, tags, token.as_str());
        let resource = format!("runtime `{name}`");
        let answer = self
            .control
            .document(runtime::CREATE, &[], &resource, Some(&document.into()))
            .await?;
        Ok(written(&answer))
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
        let there = self.get(id, None).await?;
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
            .control
            .document(runtime::UPDATE, &[id], &shown(id), Some(&document.into()))
            .await?;
        Ok(written(&answer))
    }

    pub(crate) async fn tag(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        let resource = format!("runtime `{arn}`");
        self.control.tag(arn, &resource, tags).await
    }

    pub(crate) async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), AwsError> {
        let resource = format!("runtime `{arn}`");
        self.control.untag(arn, &resource, keys).await
    }
}

fn written(answer: &Document) -> Written {
    Written {
        id: text(answer, "agentRuntimeId").unwrap_or_default(),
        version: text(answer, "agentRuntimeVersion").unwrap_or_default(),
        refused: Vec::new(),
    }
}
