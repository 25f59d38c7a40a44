//! Declared resources in AWS: every kind through the same requests, as its `Api` describes them.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Map, Value};

use super::{
    AwsError, Session,
    control::{Control, text},
    found, gone_or,
    runtime_write::Token,
};
use crate::{
    config::Resource,
    protocol::control::{Api, api},
    resources::{
        clean::Tags,
        declared::{ObservedResource, identity},
    },
};

/// How many resources are read in parallel.
const AT_ONCE: usize = 8;

/// The declared resources of one account and region.
#[derive(Debug)]
pub(crate) struct Resources {
    control: Control,
}

impl Resources {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            control: Control::new(session.connection()),
        }
    }

    /// Finds the resource by its tags, or by its name, which its ID begins with.
    pub(crate) async fn find(
        &self,
        resource: &Resource,
    ) -> Result<Option<ObservedResource>, AwsError> {
        let api = api(resource.kind);
        let what = format!("the account's {}", resource.kind.table());
        let all = self.control.all(api.list, &[], &what).await?;
        let prefix = format!("{}-", resource.service_name);
        let listed = |item: &Value| {
            let item = item.as_object()?;
            Some((text(item, api.id)?, text(item, api.arn)?))
        };
        let ids: Vec<(String, String)> = all.iter().filter_map(listed).collect();
        let named = ids.iter().find(|(id, _)| id.starts_with(&prefix)).cloned();
        // AWS begins an ID with the name. Not every store does; there, the tags tell.
        let candidates = named.clone().map_or(ids, |named| vec![named]);
        let ours = identity(resource);
        let mut tagged = stream::iter(candidates)
            .map(|(id, arn)| async move { Ok((id, self.tags(&arn).await?, arn)) })
            .buffered(AT_ONCE);
        while let Some((id, tags, arn)) = tagged.try_next().await? {
            let is_ours = matches!(&tags, Tags::Known(tags)
                if ours.iter().all(|(key, value)| tags.get(key) == Some(value)));
            if is_ours || named.is_some() {
                return self.read(resource, &id, arn, tags).await;
            }
        }
        Ok(None)
    }

    async fn read(
        &self,
        resource: &Resource,
        id: &str,
        arn: String,
        tags: Tags,
    ) -> Result<Option<ObservedResource>, AwsError> {
        let Some(document) = found(self.get(resource, id).await)? else {
            return Ok(None);
        };
        Ok(Some(ObservedResource {
            id: id.to_owned(),
            arn,
            status: text(&document, "status").unwrap_or_default(),
            failure: text(&document, "failureReason"),
            document,
            tags,
        }))
    }

    /// Reads the service's document.
    pub(crate) async fn get(
        &self,
        resource: &Resource,
        id: &str,
    ) -> Result<Map<String, Value>, AwsError> {
        let api = api(resource.kind);
        let answer = self
            .control
            .call(api.read, &[id], &shown(resource), None)
            .await?;
        Ok(inner(api, answer))
    }

    /// Creates the resource and returns its ID and ARN.
    pub(crate) async fn create(
        &self,
        resource: &Resource,
        body: &Map<String, Value>,
        token: &Token,
    ) -> Result<(String, String), AwsError> {
        let api = api(resource.kind);
        let body = with_token(body, token);
        let answer = self
            .control
            .call(api.create, &[], &shown(resource), Some(&body))
            .await?;
        let document = inner(api, answer);
        let text = |member: &str| text(&document, member).unwrap_or_default();
        Ok((text(api.id), text(api.arn)))
    }

    pub(crate) async fn update(
        &self,
        resource: &Resource,
        id: &str,
        body: &Map<String, Value>,
        token: &Token,
    ) -> Result<(), AwsError> {
        let operation = api(resource.kind).update;
        let body = with_token(body, token);
        self.control
            .call(operation, &[id], &shown(resource), Some(&body))
            .await
            .map(|_| ())
    }

    pub(crate) async fn delete(&self, resource: &Resource, id: &str) -> Result<(), AwsError> {
        let operation = api(resource.kind).delete;
        let token = Token::new();
        gone_or(
            self.control
                .delete(operation, &[id], &shown(resource), token.as_str())
                .await,
        )
    }

    async fn tags(&self, arn: &str) -> Result<Tags, AwsError> {
        self.control.tags(arn, &format!("`{arn}`")).await
    }

    pub(crate) async fn tag(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        self.control.tag(arn, &format!("`{arn}`"), tags).await
    }

    pub(crate) async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), AwsError> {
        self.control.untag(arn, &format!("`{arn}`"), keys).await
    }
}

fn shown(resource: &Resource) -> String {
    format!("{} `{}`", resource.kind.word(), resource.service_name)
}

/// Returns the resource in an answer.
fn inner(api: &Api, mut answer: Value) -> Map<String, Value> {
    let wrapped = answer.get_mut(api.resource).map(Value::take);
    match wrapped.unwrap_or(answer) {
        Value::Object(document) => document,
        _ => Map::new(),
    }
}

fn with_token(body: &Map<String, Value>, token: &Token) -> Value {
    let mut body = body.clone();
    body.insert("clientToken".to_owned(), token.as_str().into());
    body.into()
}
