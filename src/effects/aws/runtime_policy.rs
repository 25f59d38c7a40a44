//! The resource policies of runtimes and their endpoints.

use serde_json::{Value, json};

use super::{AwsError, found, gone_or, runtime::Runtimes};
use crate::protocol::control::resource_policy;

impl Runtimes {
    /// Returns the policy of a runtime or an endpoint, if it has one.
    pub(crate) async fn policy(&self, arn: &str) -> Result<Option<Value>, AwsError> {
        let (names, shown) = (&[arn], shown(arn));
        let reading = self
            .control
            .call(resource_policy::READ, names, &shown, None);
        let answer = found(reading.await)?;
        let text = answer.and_then(|answer| answer["policy"].as_str().map(str::to_owned));
        let text = text.filter(|text| !text.trim().is_empty());
        // An unreadable policy still belongs to someone.
        Ok(text.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub(crate) async fn put_policy(&self, arn: &str, document: &Value) -> Result<(), AwsError> {
        let body = json!({ "policy": document.to_string() });
        self.control
            .call(resource_policy::SET, &[arn], &shown(arn), Some(&body))
            .await
            .map(|_| ())
    }

    pub(crate) async fn delete_policy(&self, arn: &str) -> Result<(), AwsError> {
        gone_or(
            self.control
                .call(resource_policy::REMOVE, &[arn], &shown(arn), None)
                .await,
        )
    }
}

fn shown(arn: &str) -> String {
    format!("the resource policy of `{arn}`")
}
