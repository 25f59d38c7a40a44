//! Which lines of a log are new, how to query them, and how to print them.
//!
//! Events arrive late and out of order, so a follower repeats the query for the last minutes and
//! skips the events that it has printed. The number of remembered events is limited: at the limit,
//! the time window shrinks.

use std::{
    collections::{BTreeSet, HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use serde_json::{Value, json};

use super::table::time_in_millis;
use crate::{error::Failure, names::SessionId};

/// How much later than a newer event an event may arrive without being missed, in milliseconds.
const OVERLAP: i64 = 5 * 60 * 1000;

/// How many events are remembered.
const REMEMBERED: usize = 50_000;

/// One event in a log group; times in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogEvent {
    /// Some emulators return none.
    pub(crate) id: Option<String>,
    pub(crate) stream: String,
    pub(crate) timestamp: i64,
    pub(crate) ingested: Option<i64>,
    pub(crate) message: String,
}

/// The events that a follower has printed, and the start of its next query.
#[derive(Debug)]
pub(crate) struct Window {
    start: i64,
    newest: Option<i64>,
    seen: BTreeSet<(i64, u64)>,
    remembered: usize,
    /// How often each event without an ID has occurred in this poll, to tell equal lines apart.
    alike: HashMap<u64, u32>,
}

impl Window {
    pub(crate) fn since(start: i64) -> Self {
        Self {
            start,
            newest: None,
            seen: BTreeSet::new(),
            remembered: REMEMBERED,
            alike: HashMap::new(),
        }
    }

    /// Starts a poll and returns the start of its query. The previous poll may have failed.
    pub(crate) fn begin(&mut self) -> i64 {
        self.alike.clear();
        self.start
    }

    /// Returns the events of a page that were not printed yet, sorted by time.
    pub(crate) fn fresh(&mut self, page: Vec<LogEvent>) -> Vec<LogEvent> {
        let mut fresh: Vec<LogEvent> = page
            .into_iter()
            .filter(|event| {
                let key = self.key(event);
                self.newest = self.newest.max(Some(event.timestamp));
                event.timestamp >= self.start && self.seen.insert((event.timestamp, key))
            })
            .collect();
        fresh.sort_by_key(|event| event.timestamp);
        fresh
    }

    fn key(&mut self, event: &LogEvent) -> u64 {
        let mut hasher = DefaultHasher::new();
        if let Some(id) = &event.id {
            id.hash(&mut hasher);
            return hasher.finish();
        }
        (&event.stream, event.timestamp, &event.message).hash(&mut hasher);
        let alike = self.alike.entry(hasher.finish()).or_default();
        *alike += 1;
        alike.hash(&mut hasher);
        hasher.finish()
    }

    /// Ends a poll after its last page and shortens the next query. `now` limits the effect of an
    /// event with a time in the future.
    pub(crate) fn polled(&mut self, now: i64) {
        if let Some(newest) = self.newest {
            self.start = self.start.max(newest.min(now) - OVERLAP);
        }
        self.seen = self.seen.split_off(&(self.start, 0));
        while self.seen.len() > self.remembered
            && let Some((oldest, _)) = self.seen.first().copied()
        {
            self.start = oldest + 1;
            self.seen = self.seen.split_off(&(self.start, 0));
        }
    }
}

/// Returns the filter pattern for CloudWatch Logs.
pub(crate) fn pattern(
    filter: Option<&str>,
    session: Option<&SessionId>,
) -> Result<Option<String>, Failure> {
    let Some(session) = session else {
        return Ok(filter.map(str::to_owned));
    };
    // The AgentCore SDK writes each line as a JSON object with the session.
    let of_session = format!("$.sessionId = \"{session}\"");
    let Some(filter) = filter.map(str::trim) else {
        return Ok(Some(format!("{{ {of_session} }}")));
    };
    let inner = filter
        .strip_prefix('{')
        .and_then(|filter| filter.strip_suffix('}'));
    if let Some(inner) = inner {
        return Ok(Some(format!("{{ ({}) && ({of_session}) }}", inner.trim())));
    }
    let alternatives = filter.split_whitespace().any(|term| term.starts_with('?'));
    if filter.starts_with('[') || alternatives {
        return Err(Failure::usage(
            "`--session` cannot be combined with this `--filter`",
        )
        .note("CloudWatch Logs has no pattern that expresses both")
        .help("use plain terms, such as `--filter timeout`, or a JSON pattern, such as `--filter '{ $.level = \"ERROR\" }'`"));
    }
    // A line must contain all terms, including the session.
    Ok(Some(format!("\"{session}\" {filter}")))
}

impl LogEvent {
    /// Returns true if the agent printed this; the other streams contain telemetry.
    pub(crate) fn is_printed(&self) -> bool {
        !matches!(self.stream.as_str(), "otel-rt-logs" | "spans")
    }

    /// Returns true if the event mentions the session, because some emulators ignore the pattern.
    pub(crate) fn is_about(&self, session: &SessionId) -> bool {
        self.message.contains(session.as_str())
    }

    /// Returns time and line. For the SDK's JSON objects, the line consists of level, message and
    /// error.
    pub(crate) fn text(&self) -> String {
        let time = time_in_millis(self.timestamp);
        format!("{time} {}", line_shown(self.message.trim_end()))
    }

    /// Returns the event as one line of JSON.
    pub(crate) fn json(&self) -> String {
        let Self {
            id,
            stream,
            timestamp,
            ingested,
            message,
        } = self;
        let mut value = json!({
            "timestamp": time_in_millis(*timestamp),
            "ingested": ingested.map(time_in_millis),
            "stream": stream,
            "id": id,
            "message": message,
        });
        if let Ok(record @ Value::Object(_)) = serde_json::from_str(message) {
            value["record"] = record;
        }
        value.to_string()
    }
}

/// Returns a line as it is or, for the SDK's JSON objects, level, message and error.
pub(crate) fn line_shown(line: &str) -> String {
    let record = serde_json::from_str::<Value>(line).ok();
    record
        .and_then(|record| shown(&record))
        .unwrap_or_else(|| line.to_owned())
}

/// Returns `ERROR   could not do it`, followed by the error and its stack.
fn shown(record: &Value) -> Option<String> {
    let text = |key: &str| record[key].as_str();
    let mut shown = format!("{:<7} {}", text("level")?, text("message")?);
    match (text("errorType"), text("errorMessage")) {
        (Some(kind), Some(message)) => shown.extend(["\n    ", kind, ": ", message]),
        (Some(one), None) | (None, Some(one)) => shown.extend(["\n    ", one]),
        (None, None) => {}
    }
    let stack: Vec<&str> = match &record["stackTrace"] {
        Value::String(stack) => stack.lines().collect(),
        Value::Array(lines) => lines
            .iter()
            .filter_map(Value::as_str)
            .flat_map(str::lines)
            .collect(),
        _ => Vec::new(),
    };
    for line in stack {
        shown.extend(["\n    ", line]);
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: Option<&str>, timestamp: i64, message: &str) -> LogEvent {
        LogEvent {
            id: id.map(str::to_owned),
            stream: "2026/11/25/[runtime-logs]x".into(),
            timestamp,
            ingested: None,
            message: message.into(),
        }
    }

    fn messages(events: &[LogEvent]) -> Vec<&str> {
        events.iter().map(|event| event.message.as_str()).collect()
    }

    #[test]
    fn late_events_are_shown_and_no_event_is_shown_twice() {
        let mut window = Window::since(0);
        let now = 10 * OVERLAP;
        let page = vec![event(Some("2"), now, "b"), event(Some("1"), now - 10, "a")];
        assert_eq!(messages(&window.fresh(page.clone())), ["a", "b"]);
        window.polled(now);
        assert_eq!(window.begin(), now - OVERLAP);
        let mut second = page;
        second.push(event(Some("3"), now - OVERLAP, "late"));
        second.push(event(Some("4"), now + 1, "c"));
        assert_eq!(messages(&window.fresh(second.clone())), ["late", "c"]);
        window.polled(now + 2);
        assert!(window.fresh(second).is_empty());
    }

    #[test]
    fn equal_lines_without_ids_are_as_many_as_they_are() {
        let mut window = Window::since(0);
        let twice = vec![event(None, 5, "x"), event(None, 5, "x")];
        assert_eq!(window.fresh(twice.clone()).len(), 2);
        window.polled(10);
        window.begin();
        assert!(window.fresh(twice.clone()).is_empty());
        // The previous poll failed and is repeated.
        window.begin();
        let thrice = [twice, vec![event(None, 5, "x")]].concat();
        assert_eq!(window.fresh(thrice).len(), 1);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_forgotten_is_not_asked_for_again() {
        let mut window = Window {
            remembered: 2,
            ..Window::since(0)
        };
        let many: Vec<LogEvent> = (0..5).map(|n| event(None, n, "x")).collect();
        assert_eq!(window.fresh(many.clone()).len(), 5);
        window.polled(100);
        assert_eq!((window.begin(), window.seen.len()), (3, 2));
        assert!(window.fresh(many).is_empty());
    }

    #[test]
    fn an_event_from_the_future_does_not_hide_what_comes_before_it() {
        let mut window = Window::since(0);
        let now = 10 * OVERLAP;
        window.fresh(vec![event(None, 100 * OVERLAP, "future")]);
        window.polled(now);
        assert_eq!(window.fresh(vec![event(None, now, "now")]).len(), 1);
    }

    #[test]
    fn a_session_is_asked_for_together_with_a_filter_or_the_reason_is_given_why_not() {
        let session = SessionId::parse(&"s".repeat(33)).unwrap();
        let with = |filter| pattern(filter, Some(&session)).map(Option::unwrap);
        let id = session.as_str();
        assert_eq!(with(None).unwrap(), format!("{{ $.sessionId = \"{id}\" }}"));
        assert_eq!(
            with(Some("{ $.level = \"ERROR\" }")).unwrap(),
            format!("{{ ($.level = \"ERROR\") && ($.sessionId = \"{id}\") }}")
        );
        assert_eq!(with(Some("timeout")).unwrap(), format!("\"{id}\" timeout"));
        assert!(with(Some("[a, b]")).is_err());
        assert!(with(Some("?a ?b")).is_err());
        assert_eq!(pattern(Some("?a ?b"), None).unwrap().unwrap(), "?a ?b");
        assert_eq!(pattern(None, None), Ok(None));
    }

    #[test]
    fn the_sdks_records_are_shown_as_level_and_message_and_other_lines_as_they_are() {
        let text = |message| event(None, 0, message).text();
        let time = "1970-01-01T00:00:00.000Z";
        assert_eq!(text("plain\n"), format!("{time} plain"));
        assert_eq!(text("{\"a\":1}"), format!("{time} {{\"a\":1}}"));
        assert_eq!(text("3"), format!("{time} 3"));
        let record = json!({
            "timestamp": "t", "level": "ERROR", "message": "failed", "requestId": "r",
            "errorType": "ValueError", "errorMessage": "no", "stackTrace": ["one\n", "two\n"],
        });
        assert_eq!(
            text(&record.to_string()),
            format!("{time} ERROR   failed\n    ValueError: no\n    one\n    two")
        );
    }
}
