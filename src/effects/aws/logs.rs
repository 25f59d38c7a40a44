//! The log groups of runtimes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    AwsError, Session, found, gone_or,
    json_client::{JsonClient, items, text},
    session::Connection,
};
use crate::{
    names::RuntimeName,
    protocol::{self, json_services},
    resources::{
        log_group::{LogGroupStep, ObservedLogGroup},
        tags::Tags,
    },
};

#[derive(Debug, Clone)]
pub(crate) struct Logs {
    pub(super) client: JsonClient,
}

impl Logs {
    pub(crate) fn new(session: &Session) -> Self {
        Self::over(&session.connection())
    }

    /// Creates a client before the caller is identified.
    pub(crate) fn over(connection: &Connection) -> Self {
        Self {
            client: JsonClient::new(connection.clone(), &json_services::LOGS),
        }
    }

    /// Returns whether a log group exists.
    pub(crate) async fn exists(&self, group: &str) -> Result<bool, AwsError> {
        let body = json!({ "logGroupNamePrefix": group });
        let shown_group = shown(group);
        let groups = self
            .client
            .all("logs:DescribeLogGroups", &shown_group, body, "logGroups")
            .await?;
        Ok(groups.iter().any(|found| found["logGroupName"] == group))
    }

    /// Returns the lines of a stream from this token on, and the next token; `None` if there is no
    /// such stream yet.
    pub(crate) async fn stream(
        &self,
        group: &str,
        stream: &str,
        token: Option<&str>,
    ) -> Result<Option<(Vec<String>, Option<String>)>, AwsError> {
        let mut body = json!({
            "logGroupName": group,
            "logStreamName": stream,
            "startFromHead": true,
        });
        if let Some(token) = token {
            body["nextToken"] = token.into();
        }
        let answer = found(self.call("logs:GetLogEvents", group, &body).await)?;
        Ok(answer.map(|answer| {
            let events = items(&answer, "events").iter();
            let messages = events.filter_map(|event| text(event, "message"));
            let lines = messages.flat_map(|message| {
                let lines = message.lines().map(str::to_owned);
                lines.collect::<Vec<_>>()
            });
            (lines.collect(), text(&answer, "nextForwardToken"))
        }))
    }

    /// Returns the log groups of all current and former runtimes with this name.
    pub(crate) async fn observe(
        &self,
        runtime: &RuntimeName,
    ) -> Result<Vec<ObservedLogGroup>, AwsError> {
        let prefix = protocol::logs::group_prefix(runtime.as_str());
        let body = json!({ "logGroupNamePrefix": prefix });
        let shown_groups = format!("log groups `{prefix}…`");
        let groups = self
            .client
            .all("logs:DescribeLogGroups", &shown_groups, body, "logGroups")
            .await?;
        let mut observed = Vec::new();
        for group in groups {
            let Some(name) = text(&group, "logGroupName") else {
                continue;
            };
            let arn = text(&group, "logGroupArn").or_else(|| text(&group, "arn"));
            let arn = arn.unwrap_or_default().trim_end_matches(":*").to_owned();
            let tags = self.tags(&name, &arn).await?;
            observed.push(ObservedLogGroup { name, arn, tags });
        }
        Ok(observed)
    }

    async fn tags(&self, name: &str, arn: &str) -> Result<Tags, AwsError> {
        let body = json!({ "resourceArn": arn });
        let answer = self.call("logs:ListTagsForResource", name, &body).await;
        answer
            .map(|answer| Tags::of_object(&answer["tags"]))
            .or_else(Tags::of_error)
    }

    pub(crate) async fn tag(
        &self,
        name: &str,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        let body = json!({ "resourceArn": arn, "tags": tags });
        self.call("logs:TagResource", name, &body).await.map(|_| ())
    }

    /// Carries out a step.
    pub(crate) async fn apply(&self, step: &LogGroupStep) -> Result<(), AwsError> {
        match step {
            LogGroupStep::Tag { name, arn, tags } => self.tag(name, arn, tags).await,
            LogGroupStep::Delete { name } => {
                let body = json!({ "logGroupName": name });
                gone_or(self.call("logs:DeleteLogGroup", name, &body).await)
            }
        }
    }

    /// Calls an operation on a log group.
    pub(super) async fn call(
        &self,
        action: &'static str,
        group: &str,
        body: &Value,
    ) -> Result<Value, AwsError> {
        self.client.call(action, &shown(group), body).await
    }
}

fn shown(name: &str) -> String {
    format!("log group `{name}`")
}
