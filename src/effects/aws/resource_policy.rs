//! The resource policies for an account's logs. `deploy --enable-tracing` writes one.

use super::{AwsError, logs::Logs};
use crate::resources::tracing::POLICY;

impl Logs {
    /// Returns the policy that allows X-Ray to write, if it exists.
    pub(crate) async fn tracing_policy(&self) -> Result<Option<String>, AwsError> {
        let mut token = None;
        loop {
            let answer = self
                .client
                .describe_resource_policies()
                .set_next_token(token.take())
                .send()
                .await
                .map_err(AwsError::on(
                    "logs:DescribeResourcePolicies",
                    "the account's logs",
                ))?;
            let found = answer
                .resource_policies
                .unwrap_or_default()
                .into_iter()
                .find(|policy| policy.policy_name.as_deref() == Some(POLICY));
            if let Some(policy) = found {
                return Ok(policy.policy_document);
            }
            token = answer.next_token;
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    pub(crate) async fn put_tracing_policy(&self, document: &str) -> Result<(), AwsError> {
        self.client
            .put_resource_policy()
            .policy_name(POLICY)
            .policy_document(document)
            .send()
            .await
            .map(|_| ())
            .map_err(AwsError::on("logs:PutResourcePolicy", "the account's logs"))
    }
}
