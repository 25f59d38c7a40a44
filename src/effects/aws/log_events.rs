//! Reads the events of a log group, page by page.

use std::{
    collections::VecDeque,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{
    AwsError, found,
    json_client::{items, text},
    logs::Logs,
};
use crate::{plan::log_tail::LogEvent, protocol};

/// Enough for the end of a Python traceback.
const LAST_LINES: usize = 20;

/// A query; times in milliseconds since 1970.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) group: String,
    pub(crate) start: i64,
    pub(crate) end: Option<i64>,
    pub(crate) pattern: Option<String>,
}

pub(crate) struct Page {
    pub(crate) events: Vec<LogEvent>,
    pub(crate) next: Option<String>,
}

impl Logs {
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
        let query = Query {
            group,
            start: i64::try_from(since.as_millis()).unwrap_or_default(),
            end: None,
            pattern: None,
        };
        let mut lines = VecDeque::new();
        let mut token = None;
        loop {
            let Some(page) = self.page(&query, token).await? else {
                return Ok(Vec::new());
            };
            for event in page.events {
                // The other streams contain traces, not the agent's output.
                if event.stream.contains(protocol::logs::RUNTIME_LOGS) {
                    lines.extend(event.message.lines().map(str::to_owned));
                }
            }
            lines.drain(..lines.len().saturating_sub(LAST_LINES));
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        Ok(lines.into())
    }

    /// Returns one page, or `None` if the group does not exist yet.
    pub(crate) async fn page(
        &self,
        query: &Query,
        token: Option<String>,
    ) -> Result<Option<Page>, AwsError> {
        let mut body = json!({ "logGroupName": query.group, "startTime": query.start });
        if let Some(end) = query.end {
            body["endTime"] = end.into();
        }
        if let Some(pattern) = &query.pattern {
            body["filterPattern"] = pattern.as_str().into();
        }
        if let Some(token) = &token {
            body["nextToken"] = token.as_str().into();
        }
        let answer = self.call("logs:FilterLogEvents", &query.group, &body).await;
        let Some(answer) = found(answer)? else {
            return Ok(None);
        };
        let next = text(&answer, "nextToken");
        Ok(Some(Page {
            events: items(&answer, "events").iter().map(event).collect(),
            // A repeated token would cause an endless loop.
            next: next.filter(|next| !next.is_empty() && token.as_ref() != Some(next)),
        }))
    }
}

fn event(event: &Value) -> LogEvent {
    LogEvent {
        id: text(event, "eventId"),
        stream: text(event, "logStreamName").unwrap_or_default(),
        timestamp: event["timestamp"].as_i64().unwrap_or_default(),
        ingested: event["ingestionTime"].as_i64(),
        message: text(event, "message").unwrap_or_default(),
    }
}
