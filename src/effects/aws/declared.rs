//! Declared resources in AWS: every kind through the same requests, as its `Api` describes them.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Map, Value};

use super::{
    AwsError, Session,
    control::{Control, text},
    found, gone_or,
    idempotency::Token,
};
use crate::{
    config::{Resource, ResourceKind},
    protocol::control::{Api, Parts, api},
    resources::{
        declared::{ObservedPart, ObservedResource},
        ownership::Identity,
        tags::Tags,
    },
};

/// How many resources are read in parallel.
const AT_ONCE: usize = 8;

/// The declared resources of one account and region.
#[derive(Debug)]
pub(crate) struct Resources {
    control: Control,
    /// The beginning of every ARN.
    place: String,
}

impl Resources {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            control: Control::new(session.connection()),
            place: format!(
                "arn:{}:bedrock-agentcore:{}:{}",
                session.partition, session.region, session.account
            ),
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
        let listed = |item: &Value| {
            let item = item.as_object()?;
            let id = text(item, api.id)?;
            // Not every list contains ARNs.
            let arn = text(item, api.arn)
                .unwrap_or_else(|| format!("{}:{}/{id}", self.place, api.arn_type));
            Some((id, arn))
        };
        let ids: Vec<(String, String)> = all.iter().filter_map(listed).collect();
        let named = ids.iter().find(|(id, _)| resource.is_named_by(id)).cloned();
        // AWS begins an ID with the name. Not every store does; there, the tags tell.
        let candidates = named.clone().map_or(ids, |named| vec![named]);
        let ours = Identity::of_resource(resource).tags();
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

    /// Reads the tags of the resource with this ID.
    pub(crate) async fn tags_of(&self, kind: ResourceKind, id: &str) -> Result<Tags, AwsError> {
        let arn = format!("{}:{}/{id}", self.place, api(kind).arn_type);
        self.tags(&arn).await
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
            failure: failure(&document),
            parts: self.parts(resource, id).await?,
            document,
            tags,
        }))
    }

    /// Reads the parts of a resource, by name.
    async fn parts(
        &self,
        resource: &Resource,
        id: &str,
    ) -> Result<BTreeMap<String, ObservedPart>, AwsError> {
        let Some(parts) = api(resource.kind).parts else {
            return Ok(BTreeMap::new());
        };
        let what = shown(resource);
        let all = self.control.all(parts.list, &[id], &what).await?;
        let ids = all
            .iter()
            .filter_map(|item| text(item.as_object()?, parts.id));
        let read = stream::iter(ids)
            .map(|part| async move {
                let document = found(self.part(resource, parts, (id, &part)).await)?;
                Ok(document.and_then(|document| {
                    let name = text(&document, "name")?;
                    Some((name, ObservedPart { id: part, document }))
                }))
            })
            .buffered(AT_ONCE);
        let read: Vec<_> = read.try_collect().await?;
        Ok(read.into_iter().flatten().collect())
    }

    /// Reads the service's document of a part. The pair is the IDs of the whole and the part.
    pub(crate) async fn part(
        &self,
        resource: &Resource,
        parts: &Parts,
        (whole, id): (&str, &str),
    ) -> Result<Map<String, Value>, AwsError> {
        self.control
            .document(parts.read, &[whole, id], &shown(resource), None)
            .await
    }

    /// Creates a part and returns its ID.
    pub(crate) async fn create_part(
        &self,
        resource: &Resource,
        (parts, whole): (&Parts, &str),
        body: &Map<String, Value>,
        token: &Token,
    ) -> Result<String, AwsError> {
        let body = with_token(body, token);
        let answer = self
            .control
            .document(parts.create, &[whole], &shown(resource), Some(&body))
            .await?;
        Ok(text(&answer, parts.id).unwrap_or_default())
    }

    pub(crate) async fn update_part(
        &self,
        resource: &Resource,
        (parts, whole): (&Parts, &str),
        id: &str,
        body: &Map<String, Value>,
    ) -> Result<(), AwsError> {
        let body = body.clone().into();
        self.control
            .call(parts.update, &[whole, id], &shown(resource), Some(&body))
            .await
            .map(|_| ())
    }

    pub(crate) async fn delete_part(
        &self,
        resource: &Resource,
        (parts, whole): (&Parts, &str),
        id: &str,
    ) -> Result<(), AwsError> {
        gone_or(
            self.control
                .call(parts.delete, &[whole, id], &shown(resource), None)
                .await
                .map(|_| ()),
        )
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

    /// Creates the resource.
    pub(crate) async fn create(
        &self,
        resource: &Resource,
        body: &Map<String, Value>,
        token: &Token,
    ) -> Result<Created, AwsError> {
        let api = api(resource.kind);
        let body = with_token(body, token);
        let answer = self
            .control
            .call(api.create, &[], &shown(resource), Some(&body))
            .await?;
        let document = inner(api, answer);
        let text = |member: &str| text(&document, member).unwrap_or_default();
        Ok(Created {
            id: text(api.id),
            arn: text(api.arn),
        })
    }

    pub(crate) async fn update(
        &self,
        resource: &Resource,
        id: &str,
        body: &Map<String, Value>,
        token: &Token,
    ) -> Result<(), AwsError> {
        let api = api(resource.kind);
        let body = if api.takes_tokens {
            with_token(body, token)
        } else {
            body.clone().into()
        };
        self.control
            .call(api.update, &[id], &shown(resource), Some(&body))
            .await
            .map(|_| ())
    }

    pub(crate) async fn delete(&self, resource: &Resource, id: &str) -> Result<(), AwsError> {
        let api = api(resource.kind);
        let what = shown(resource);
        let token = Token::new();
        gone_or(if api.takes_tokens {
            let (names, token) = (&[id], token.as_str());
            self.control.delete(api.delete, names, &what, token).await
        } else {
            let deleted = self.control.call(api.delete, &[id], &what, None).await;
            deleted.map(|_| ())
        })
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

/// What identifies a new resource.
pub(crate) struct Created {
    pub(crate) id: String,
    pub(crate) arn: String,
}

/// Returns why a resource or a part could not be created or changed.
pub(crate) fn failure(document: &Map<String, Value>) -> Option<String> {
    let reasons = document.get("statusReasons").and_then(Value::as_array);
    let reasons: Vec<&str> = reasons
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    text(document, "failureReason").or_else(|| (!reasons.is_empty()).then(|| reasons.join("; ")))
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
