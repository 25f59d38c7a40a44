//! The resource policies of runtimes and their endpoints.

use serde_json::Value;

use super::{AwsError, found, gone_or, runtime::Runtimes};

impl Runtimes {
    /// Returns the policy of a runtime or an endpoint, if it has one.
    pub(crate) async fn policy(&self, arn: &str) -> Result<Option<Value>, AwsError> {
        let answer = self
            .client
            .get_resource_policy()
            .resource_arn(arn)
            .send()
            .await
            .map_err(AwsError::on(
                "bedrock-agentcore:GetResourcePolicy",
                shown(arn),
            ));
        let text = found(answer)?.and_then(|answer| answer.policy);
        let text = text.filter(|text| !text.trim().is_empty());
        // An unreadable policy still belongs to someone.
        Ok(text.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub(crate) async fn put_policy(&self, arn: &str, document: &Value) -> Result<(), AwsError> {
        self.client
            .put_resource_policy()
            .resource_arn(arn)
            .policy(document.to_string())
            .send()
            .await
            .map(|_| ())
            .map_err(AwsError::on(
                "bedrock-agentcore:PutResourcePolicy",
                shown(arn),
            ))
    }

    pub(crate) async fn delete_policy(&self, arn: &str) -> Result<(), AwsError> {
        gone_or(
            self.client
                .delete_resource_policy()
                .resource_arn(arn)
                .send()
                .await
                .map_err(AwsError::on(
                    "bedrock-agentcore:DeleteResourcePolicy",
                    shown(arn),
                )),
        )
    }
}

fn shown(arn: &str) -> String {
    format!("the resource policy of `{arn}`")
}
