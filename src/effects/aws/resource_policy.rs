//! The resource policies for an account's logs. `deploy --enable-tracing` writes one.

use serde_json::json;

use super::{AwsError, json_client::text, logs::Logs};
use crate::resources::tracing::POLICY;

const SHOWN: &str = "the account's logs";

impl Logs {
    /// Returns the policy that allows X-Ray to write, if it exists.
    pub(crate) async fn tracing_policy(&self) -> Result<Option<String>, AwsError> {
        let action = "logs:DescribeResourcePolicies";
        let all = self
            .client
            .all(action, SHOWN, json!({}), "resourcePolicies");
        let all = all.await?;
        let ours = all.iter().find(|policy| policy["policyName"] == POLICY);
        Ok(ours.and_then(|policy| text(policy, "policyDocument")))
    }

    pub(crate) async fn put_tracing_policy(&self, document: &str) -> Result<(), AwsError> {
        let body = json!({ "policyName": POLICY, "policyDocument": document });
        let put = self.client.call("logs:PutResourcePolicy", SHOWN, &body);
        put.await.map(|_| ())
    }
}
