//! Log groups of runtimes.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::Client;

use super::{AwsError, Session, runtime::gone_or};
use crate::{
    names::RuntimeName,
    plan::clean::{ObservedLogGroup, Tags},
};

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

    /// The log groups of every runtime that has, or had, this name.
    pub(crate) async fn observe(
        &self,
        runtime: &RuntimeName,
    ) -> Result<Vec<ObservedLogGroup>, AwsError> {
        let prefix = format!("/aws/bedrock-agentcore/runtimes/{runtime}-");
        let groups = self
            .client
            .describe_log_groups()
            .log_group_name_prefix(&prefix)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|error| {
                AwsError::new(
                    "logs:DescribeLogGroups",
                    format!("log groups `{prefix}…`"),
                    &error,
                )
            })?;
        let mut found = Vec::new();
        for group in groups {
            let Some(name) = group.log_group_name else {
                continue;
            };
            let arn = group.log_group_arn.or(group.arn).unwrap_or_default();
            let arn = arn.trim_end_matches(":*").to_owned();
            let tags = match self
                .client
                .list_tags_for_resource()
                .resource_arn(&arn)
                .send()
                .await
            {
                Ok(answer) => Tags::Known(answer.tags.unwrap_or_default().into_iter().collect()),
                Err(error) => Tags::of_error(AwsError::new(
                    "logs:ListTagsForResource",
                    shown(&name),
                    &error,
                ))?,
            };
            found.push(ObservedLogGroup { name, arn, tags });
        }
        Ok(found)
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
            .map_err(|error| AwsError::new("logs:TagResource", shown(name), &error))
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<(), AwsError> {
        gone_or(
            self.client
                .delete_log_group()
                .log_group_name(name)
                .send()
                .await
                .map_err(|error| AwsError::new("logs:DeleteLogGroup", shown(name), &error)),
        )
    }
}

fn shown(name: &str) -> String {
    format!("log group `{name}`")
}
