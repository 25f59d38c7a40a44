//! Declared resources in AWS: every kind through the same requests, as its `Api` describes them.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{
    AwsError, Session, found, gone_or,
    rest::{Call, Rest},
    runtime_write::Token,
};
use crate::{
    config::{Resource, ResourceKind},
    protocol::control::{Api, Operation, TAGS, api},
    resources::{
        clean::Tags,
        declared::{ObservedResource, identity},
    },
};

/// How many resources are read in parallel.
const AT_ONCE: usize = 8;

/// The declared resources of one account and region.
#[derive(Debug)]
pub(crate) struct Resources<'a> {
    rest: Rest<'a>,
}

impl<'a> Resources<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        let service = ("bedrock-agentcore-control", "Bedrock AgentCore Control");
        Self {
            rest: Rest::new(session, service, "bedrock-agentcore"),
        }
    }

    /// Finds the resource by its tags, or by its name, which its ID begins with.
    pub(crate) async fn find(
        &self,
        resource: &Resource,
    ) -> Result<Option<ObservedResource>, AwsError> {
        let api = api(resource.kind);
        let all = self.list(resource.kind).await?;
        let prefix = format!("{}-", resource.service_name);
        let text = |item: &Value, member: &str| item[member].as_str().map(str::to_owned);
        let listed = |item: &Value| Some((text(item, api.id)?, text(item, api.arn)?));
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
        let text = |member: &str| document.get(member).and_then(Value::as_str);
        Ok(Some(ObservedResource {
            id: id.to_owned(),
            arn,
            status: text("status").unwrap_or_default().to_owned(),
            failure: text("failureReason").map(str::to_owned),
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
        let answer = self.call(api.read, id, &shown(resource), None).await?;
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
            .call(api.create, "", &shown(resource), Some(&body))
            .await?;
        let document = inner(api, answer);
        let text = |member: &str| {
            let text = document.get(member).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        Ok((text(api.id), text(api.arn)))
    }

    pub(crate) async fn update(
        &self,
        resource: &Resource,
        id: &str,
        body: &Map<String, Value>,
        token: &Token,
    ) -> Result<(), AwsError> {
        let body = with_token(body, token);
        let operation = api(resource.kind).update;
        self.call(operation, id, &shown(resource), Some(&body))
            .await
            .map(|_| ())
    }

    pub(crate) async fn delete(&self, resource: &Resource, id: &str) -> Result<(), AwsError> {
        let operation = api(resource.kind).delete;
        gone_or(self.call(operation, id, &shown(resource), None).await)
    }

    pub(crate) async fn tags(&self, arn: &str) -> Result<Tags, AwsError> {
        let answer = self.tagging(TAGS[0], "GET", arn, "", None).await;
        answer
            .map(|answer| {
                let tags = answer["tags"].as_object().cloned().unwrap_or_default();
                let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
                Tags::Known(
                    tags.into_iter()
                        .map(|(key, value)| (key, text(value)))
                        .collect(),
                )
            })
            .or_else(Tags::of_error)
    }

    pub(crate) async fn tag(
        &self,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        let body = json!({ "tags": tags });
        self.tagging(TAGS[1], "POST", arn, "", Some(&body))
            .await
            .map(|_| ())
    }

    pub(crate) async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), AwsError> {
        let keys: Vec<String> = keys
            .iter()
            .map(|key| format!("tagKeys={}", encoded(key)))
            .collect();
        let query = format!("?{}", keys.join("&"));
        self.tagging(TAGS[2], "DELETE", arn, &query, None)
            .await
            .map(|_| ())
    }

    /// Lists all resources of the kind.
    async fn list(&self, kind: ResourceKind) -> Result<Vec<Value>, AwsError> {
        let api = api(kind);
        let what = format!("the account's {}", kind.table());
        let mut all = Vec::new();
        let mut next = None;
        loop {
            let mut body = json!({ "maxResults": 100 });
            if let Some(token) = next {
                body["nextToken"] = token;
            }
            let mut answer = self.call(api.list, "", &what, Some(&body)).await?;
            if let Some(Value::Array(items)) = answer.get_mut(api.listed).map(Value::take) {
                all.extend(items);
            }
            next = answer.get_mut("nextToken").map(Value::take);
            if next
                .as_ref()
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                return Ok(all);
            }
        }
    }

    async fn call(
        &self,
        operation: Operation,
        id: &str,
        resource: &str,
        body: Option<&Value>,
    ) -> Result<Value, AwsError> {
        let path = operation.path.replace("{id}", &encoded(id));
        let call = Call {
            action: operation.action,
            resource,
            method: operation.method,
            path: &path,
            body,
        };
        self.rest.send(&call).await
    }

    async fn tagging(
        &self,
        action: &'static str,
        method: &'static str,
        arn: &str,
        query: &str,
        body: Option<&Value>,
    ) -> Result<Value, AwsError> {
        let call = Call {
            action,
            resource: &format!("`{arn}`"),
            method,
            path: &format!("/tags/{}{query}", encoded(arn)),
            body,
        };
        self.rest.send(&call).await
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

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
