//! Reads the events of a log group, page by page.

use super::{
    AwsError, found,
    logs::{Logs, shown},
};
use crate::plan::log_tail::LogEvent;

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
    /// Returns one page, or `None` if the group does not exist yet.
    pub(crate) async fn page(
        &self,
        query: &Query,
        token: Option<String>,
    ) -> Result<Option<Page>, AwsError> {
        let answer = self
            .client
            .filter_log_events()
            .log_group_name(&query.group)
            .start_time(query.start)
            .set_end_time(query.end)
            .set_filter_pattern(query.pattern.clone())
            .set_next_token(token.clone())
            .send()
            .await
            .map_err(AwsError::on("logs:FilterLogEvents", shown(&query.group)));
        let Some(answer) = found(answer)? else {
            return Ok(None);
        };
        let events = answer.events.unwrap_or_default();
        Ok(Some(Page {
            events: events
                .into_iter()
                .map(|event| LogEvent {
                    id: event.event_id,
                    stream: event.log_stream_name.unwrap_or_default(),
                    timestamp: event.timestamp.unwrap_or_default(),
                    ingested: event.ingestion_time,
                    message: event.message.unwrap_or_default(),
                })
                .collect(),
            // A repeated token would cause an endless loop.
            next: answer
                .next_token
                .filter(|next| token.as_ref() != Some(next)),
        }))
    }
}
