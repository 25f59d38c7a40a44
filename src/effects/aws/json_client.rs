//! A client for the services in `protocol::json_services`.

use serde_json::Value;

use super::{
    AwsError,
    rest::{Call, Rest},
    session::Connection,
};
use crate::protocol::json_services::JsonService;

#[derive(Debug, Clone)]
pub(super) struct JsonClient {
    rest: Rest,
}

impl JsonClient {
    pub(super) fn new(connection: Connection, service: &JsonService) -> Self {
        Self {
            rest: Rest::json(connection, service),
        }
    }

    /// Calls the operation that the IAM action is named after. `resource` is in the user's terms.
    pub(super) async fn call(
        &self,
        action: &'static str,
        resource: &str,
        body: &Value,
    ) -> Result<Value, AwsError> {
        let call = Call {
            action,
            resource,
            method: "POST",
            path: "/",
            body: Some(body),
        };
        self.rest.send(&call).await
    }

    /// Returns the items of all pages; `items` is their member of the answer.
    pub(super) async fn all(
        &self,
        action: &'static str,
        resource: &str,
        mut body: Value,
        items: &str,
    ) -> Result<Vec<Value>, AwsError> {
        let mut all = Vec::new();
        loop {
            let mut answer = self.call(action, resource, &body).await?;
            if let Value::Array(items) = answer[items].take() {
                all.extend(items);
            }
            let next = answer["nextToken"].take();
            // A repeated token would cause an endless loop.
            if next.as_str().is_none_or(str::is_empty) || next == body["nextToken"] {
                return Ok(all);
            }
            body["nextToken"] = next;
        }
    }
}

/// Returns the text of a member.
pub(super) fn text(document: &Value, member: &str) -> Option<String> {
    document[member].as_str().map(str::to_owned)
}

/// Returns the items of a list.
pub(super) fn items<'a>(document: &'a Value, member: &str) -> &'a [Value] {
    document[member].as_array().map_or(&[], Vec::as_slice)
}
