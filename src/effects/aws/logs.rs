//! The log groups of runtimes.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_cloudwatchlogs::Client;

use super::{AwsError, Session, found, gone_or, session::Connection};
use crate::{
    names::RuntimeName,
    protocol,
    resources::clean::{ObservedLogGroup, Tags},
};

/// Enough for the end of a Python traceback.
const LAST_LINES: usize = 20;

#[derive(Debug, Clone)]
pub(crate) struct Logs {
    pub(super) client: Client,
}

impl Logs {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            client: Client::new(&session.sdk),
        }
    }

    /// Creates a client before the caller is identified.
    pub(crate) fn over(connection: &Connection) -> Self {
        Self {
            client: Client::new(&connection.sdk),
        }
    }

    /// Returns the last lines that an endpoint's agent has printed since then, oldest first. Empty
    /// if the group does not exist yet: the service creates it with the first session.
    pub(crate) async fn last_lines(
        &self,
        runtime_id: &str,
        endpoint: &str,
        since: SystemTime,
    ) -> Result<Vec<String>, AwsError> {
        let group = protocol::logs::group(runtime_id, endpoint);
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut pages = self
            .client
            .filter_log_events()
            .log_group_name(&group)
            .start_time(i64::try_from(since.as_millis()).unwrap_or_default())
            .into_paginator()
            .send();
        let mut lines = VecDeque::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(AwsError::on("logs:FilterLogEvents", shown(&group)));
            let Some(page) = found(page)? else {
                return Ok(Vec::new());
            };
            for event in page.events.unwrap_or_default() {
                // The other streams contain traces, not the agent's output.
                let stream = event.log_stream_name.unwrap_or_default();
                if let Some(message) = event.message
                    && stream.contains(protocol::logs::RUNTIME_LOGS)
                {
                    lines.extend(message.lines().map(str::to_owned));
                }
            }
            lines.drain(..lines.len().saturating_sub(LAST_LINES));
        }
        Ok(lines.into())
    }

    /// Returns the log groups of all current and former runtimes with this name.
    pub(crate) async fn observe(
        &self,
        runtime: &RuntimeName,
    ) -> Result<Vec<ObservedLogGroup>, AwsError> {
        let prefix = protocol::logs::group_prefix(runtime.as_str());
        let groups = self
            .client
            .describe_log_groups()
            .log_group_name_prefix(&prefix)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(AwsError::on(
                "logs:DescribeLogGroups",
                format!("log groups `{prefix}…`"),
            ))?;
        let mut observed = Vec::new();
        for group in groups {
            let Some(name) = group.log_group_name else {
                continue;
            };
            let arn = group.log_group_arn.or(group.arn).unwrap_or_default();
            let arn = arn.trim_end_matches(":*").to_owned();
            let tags = self
                .client
                .list_tags_for_resource()
                .resource_arn(&arn)
                .send()
                .await
                .map_err(AwsError::on("logs:ListTagsForResource", shown(&name)))
                .map(|answer| Tags::Known(answer.tags.unwrap_or_default().into_iter().collect()))
                .or_else(Tags::of_error)?;
            observed.push(ObservedLogGroup { name, arn, tags });
        }
        Ok(observed)
    }

    pub(crate) async fn tag(
        &self,
        name: &str,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), AwsError> {
        self.client
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(tags.clone().into_iter().collect()))
            .send()
            .await
            .map(|_| ())
            .map_err(AwsError::on("logs:TagResource", shown(name)))
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<(), AwsError> {
        gone_or(
            self.client
                .delete_log_group()
                .log_group_name(name)
                .send()
                .await
                .map_err(AwsError::on("logs:DeleteLogGroup", shown(name))),
        )
    }
}

pub(super) fn shown(name: &str) -> String {
    format!("log group `{name}`")
}
