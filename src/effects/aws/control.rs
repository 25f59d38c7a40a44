//! AgentCore's control plane: its operations with the service's own documents, and the tags of its
//! resources.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{
    AwsError,
    rest::{Call, Rest},
    session::Connection,
};
use crate::{
    protocol::control::{List, Operation, Paging, tags},
    resources::tags::Tags,
};

/// The characters that are not encoded in a path or a query.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// How many items a page has at most.
const PAGE: u32 = 100;

#[derive(Debug, Clone)]
pub(super) struct Control {
    rest: Rest,
}

impl Control {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            rest: Rest::new(connection, "bedrock-agentcore-control", "bedrock-agentcore"),
        }
    }

    /// Calls an operation. `names` fills its path, and `resource` is in the user's terms.
    pub(super) async fn call(
        &self,
        operation: Operation,
        names: &[&str],
        resource: &str,
        body: Option<&Value>,
    ) -> Result<Value, AwsError> {
        self.ask(operation, (names, ""), resource, body).await
    }

    /// Like [`Control::call`], and returns the document in the answer.
    pub(super) async fn document(
        &self,
        operation: Operation,
        names: &[&str],
        resource: &str,
        body: Option<&Value>,
    ) -> Result<Map<String, Value>, AwsError> {
        let answer = self.call(operation, names, resource, body).await?;
        Ok(document(answer))
    }

    /// Like [`Control::document`], with a parameter in the query.
    pub(super) async fn document_with(
        &self,
        operation: Operation,
        names: &[&str],
        parameter: Option<(&str, String)>,
        resource: &str,
    ) -> Result<Map<String, Value>, AwsError> {
        let query = parameter.map_or(String::new(), |(name, value)| {
            format!("?{name}={}", encoded(&value))
        });
        let answer = self.ask(operation, (names, &query), resource, None).await?;
        Ok(document(answer))
    }

    /// Returns the items of all pages.
    pub(super) async fn all(
        &self,
        list: List,
        names: &[&str],
        resource: &str,
    ) -> Result<Vec<Value>, AwsError> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let mut answer = match list.paging {
                Paging::Body => {
                    let mut body = json!({ "maxResults": PAGE });
                    if let Some(token) = &next {
                        body["nextToken"] = token.as_str().into();
                    }
                    let body = Some(&body);
                    self.ask(list.operation, (names, ""), resource, body)
                        .await?
                }
                Paging::Query => {
                    let token = next.as_deref().map(encoded);
                    let token = token.map_or(String::new(), |token| format!("&nextToken={token}"));
                    let query = format!("?maxResults={PAGE}{token}");
                    self.ask(list.operation, (names, &query), resource, None)
                        .await?
                }
            };
            if let Some(Value::Array(items)) = answer.get_mut(list.items).map(Value::take) {
                all.extend(items);
            }
            next = answer["nextToken"].as_str().map(str::to_owned);
            if next.as_deref().is_none_or(str::is_empty) {
                return Ok(all);
            }
        }
    }

    /// Deletes a resource. The token makes a repeated request harmless.
    pub(super) async fn delete(
        &self,
        operation: Operation,
        names: &[&str],
        resource: &str,
        token: &str,
    ) -> Result<(), AwsError> {
        let query = format!("?clientToken={token}");
        self.ask(operation, (names, &query), resource, None)
            .await
            .map(|_| ())
    }

    pub(super) async fn tags(&self, arn: &str, resource: &str) -> Result<Tags, AwsError> {
        let answer = self.call(tags::READ, &[arn], resource, None).await;
        answer
            .map(|answer| Tags::of_object(&answer["tags"]))
            .or_else(Tags::of_error)
    }

    pub(super) async fn tag(
        &self,
        arn: &str,
        resource: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        let body = json!({ "tags": tags });
        self.call(tags::SET, &[arn], resource, Some(&body))
            .await
            .map(|_| ())
    }

    pub(super) async fn untag(
        &self,
        arn: &str,
        resource: &str,
        keys: &[String],
    ) -> Result<(), AwsError> {
        let keys: Vec<String> = keys
            .iter()
            .map(|key| format!("tagKeys={}", encoded(key)))
            .collect();
        let query = format!("?{}", keys.join("&"));
        self.ask(tags::REMOVE, (&[arn], &query), resource, None)
            .await
            .map(|_| ())
    }

    async fn ask(
        &self,
        operation: Operation,
        (names, query): (&[&str], &str),
        resource: &str,
        body: Option<&Value>,
    ) -> Result<Value, AwsError> {
        let path = names.iter().fold(operation.path.to_owned(), |path, name| {
            path.replacen("{}", &encoded(name), 1)
        });
        let call = Call {
            action: operation.action,
            resource,
            method: operation.method,
            path: &format!("{path}{query}"),
            body,
        };
        self.rest.send(&call).await
    }
}

impl Tags {
    /// Reads an object with the tags' keys as its members.
    pub(super) fn of_object(tags: &Value) -> Self {
        let tags = tags.as_object().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self::Known(
            tags.map(|(key, value)| (key.clone(), text(value)))
                .collect(),
        )
    }

    /// Accepts a service without tags, but not a refusal.
    pub(super) fn of_error(error: AwsError) -> Result<Self, AwsError> {
        match error.kind {
            super::Kind::Unsupported => Ok(Self::Unknown),
            _ => Err(error),
        }
    }
}

fn document(answer: Value) -> Map<String, Value> {
    match answer {
        Value::Object(document) => document,
        _ => Map::new(),
    }
}

/// Returns the text of a member; an empty one counts as unset, as some services send it.
pub(super) fn text(document: &Map<String, Value>, member: &str) -> Option<String> {
    let text = document.get(member)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns a time in seconds since 1970, or 0.
pub(super) fn seconds(document: &Map<String, Value>, member: &str) -> i64 {
    document.get(member).and_then(timestamp).unwrap_or_default()
}

/// Returns a time in seconds since 1970. The services write it as a number or as a text.
pub(super) fn timestamp(time: &Value) -> Option<i64> {
    match time {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(whole)),
        Value::String(text) => {
            let format = aws_smithy_types::date_time::Format::DateTimeWithOffset;
            let time = aws_smithy_types::DateTime::from_str(text, format);
            time.ok().map(|time| time.secs())
        }
        _ => None,
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "a time in seconds fits for billions of years"
)]
fn whole(seconds: f64) -> i64 {
    seconds as i64
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}
