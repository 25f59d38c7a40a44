//! Judges a streamed answer.

use serde_json::Value;

use crate::{
    check::{answer::Answer, report::Finding, rule::Rule},
    protocol::event_stream::EventStream,
};

/// Judges whether the answer is complete.
pub fn cut(answer: &Answer) -> Option<Finding> {
    (!answer.is_whole).then(|| {
        Finding::error(
            Rule::StreamCut,
            format!(
                "the connection is closed after {} bytes, in the middle of the answer",
                answer.body.len()
            ),
        )
    })
}

/// Judges the syntax of an event stream.
pub fn format(answer: &Answer) -> Option<Finding> {
    let found = |observed: String| Some(Finding::error(Rule::StreamFormat, observed));
    if std::str::from_utf8(&answer.body).is_err() {
        return found("the stream is not UTF-8".to_owned());
    }
    let text = answer.text().replace("\r\n", "\n").replace('\r', "\n");
    let fields = ["data", "event", "id", "retry"];
    let is_field = |line: &str| {
        let name = line.split(':').next().unwrap_or_default();
        // A line without a field name is a comment.
        line.is_empty() || name.is_empty() || fields.contains(&name)
    };
    if let Some(line) = text.lines().find(|line| !is_field(line)) {
        let line: String = line.chars().take(60).collect();
        return found(format!(
            "the stream has the line `{line}`, which is no field of an event"
        ));
    }
    let has_data = text.lines().any(|line| line.starts_with("data"));
    if has_data && !text.ends_with("\n\n") && answer.is_whole {
        return found(
            "the last event does not end with an empty line, so clients drop it".to_owned(),
        );
    }
    None
}

/// Judges whether events were collected before they were sent.
pub fn buffered(answer: &Answer) -> Option<Finding> {
    let length = answer.headers.get("content-length")?;
    let events = EventStream::default().push(&answer.body).len();
    (events > 1).then(|| {
        Finding::error(
            Rule::StreamBuffered,
            format!("{events} events come at once, with `Content-Length: {length}`"),
        )
    })
}

/// Finds an error in a successful stream, in the form that the SDK and others send.
pub fn error_event(answer: &Answer) -> Option<Finding> {
    let events = EventStream::default().push(&answer.body);
    let error = events.iter().find_map(|data| {
        let value: Value = serde_json::from_slice(data).ok()?;
        let error = value.get("error")?;
        (!error.is_null()).then(|| error.to_string())
    })?;
    Some(Finding::warning(
        Rule::StreamError,
        format!("the stream holds an error: {error}"),
    ))
}
