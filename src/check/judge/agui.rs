//! Judges the stream of an AG-UI agent.

use serde_json::Value;

use crate::{
    check::{answer::Answer, report::Finding, rule::Rule},
    protocol::event_stream::EventStream,
};

/// Judges the content type of an AG-UI agent's answer.
pub fn content_type(answer: &Answer) -> Option<Finding> {
    (!answer.is_event_stream()).then(|| {
        let given = answer.content_type();
        Finding::error(
            Rule::AguiStream,
            format!("the answer has the content type `{given}`"),
        )
    })
}

/// Judges the events of a run, including the thread and run IDs of the request.
pub fn events(answer: &Answer, thread: &str, run: &str) -> Option<Finding> {
    let found = |observed: String| Some(Finding::error(Rule::AguiEvents, observed));
    let mut events = Vec::new();
    for data in EventStream::default().push(&answer.body) {
        match serde_json::from_slice::<Value>(&data) {
            Ok(event) if event["type"].is_string() => events.push(event),
            Ok(_) | Err(_) => {
                let text = String::from_utf8_lossy(&data).into_owned();
                return found(format!("an event has no `type`: {text}"));
            }
        }
    }
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return found("the stream has no event".to_owned());
    };
    let kind = |event: &Value| event["type"].as_str().unwrap_or_default().to_owned();
    let begins = kind(first);
    if begins != "RUN_STARTED" && begins != "RUN_ERROR" {
        return found(format!("the first event is `{begins}`"));
    }
    let ends = kind(last);
    if ends != "RUN_FINISHED" && ends != "RUN_ERROR" {
        return found(format!("the last event is `{ends}`"));
    }
    for (name, asked) in [("threadId", thread), ("runId", run)] {
        if begins == "RUN_STARTED" && first[name] != asked {
            return found(format!(
                "the run that is answered has the `{name}` {} instead of \"{asked}\"",
                first[name]
            ));
        }
    }
    None
}
