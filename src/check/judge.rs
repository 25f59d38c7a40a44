//! Judges an agent's answers.

use serde_json::Value;

use super::{
    answer::{Answer, NoAnswer, Outcome},
    report::Finding,
    request::Payload,
    rule::Rule,
};
use crate::{
    config::Protocol,
    protocol::{event_stream::EventStream, serving},
};

/// The agent's state after a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    Well,
    /// The process ended with this code.
    Ended(i32),
    /// The process runs, but no longer answers.
    Deaf,
}

/// Judges the interfaces on which the agent opened the contract's port.
pub fn loopback(hosts: &[String]) -> Option<Finding> {
    let problem = serving::bound(hosts)?;
    Some(Finding::error(Rule::PortLoopback, problem.what()))
}

/// Judges whether the agent serves the contract's path, from a valid HTTP or AG-UI request.
pub fn missing(outcome: &Outcome, path: &str, has_web_socket: bool) -> Option<Finding> {
    let answer = outcome.as_ref().ok()?;
    let is_redirect = (300..400).contains(&answer.status);
    let is_missing = matches!(answer.status, 404 | 405 | 501) && !has_web_socket;
    (is_missing || is_redirect).then(|| {
        Finding::error(
            Rule::InvokeMissing,
            format!("POST `{path}` is answered with {}", answer.status),
        )
    })
}

/// Judges the answer to a valid request: an error of the agent's own breaks `invoke-error`, anything
/// else `invoke-failed`. If no payload was given, the agent may be right to refuse the default.
pub fn failed(outcome: &Outcome, payload: &Payload) -> Option<Finding> {
    let observed = match outcome {
        Ok(answer) if answer.is_success() => return None,
        Ok(answer) => format!(
            "{} is answered with {}: {}",
            payload.shown(),
            answer.status,
            answer.excerpt()
        ),
        Err(NoAnswer::Late(limit)) => {
            return Some(Finding::error(
                Rule::InvokeFailed,
                format!(
                    "{} is not answered within {} s",
                    payload.shown(),
                    limit.as_secs_f64()
                ),
            ));
        }
        Err(why) => {
            return Some(Finding::error(
                Rule::InvokeFailed,
                format!("the agent {} when it gets {}", why.words(), payload.shown()),
            ));
        }
    };
    Some(if outcome.as_ref().is_ok_and(Answer::is_error) {
        Finding::error(Rule::InvokeError, observed)
    } else if payload.is_given() {
        Finding::error(Rule::InvokeFailed, observed)
    } else {
        Finding::warning(Rule::InvokeFailed, observed)
    })
}

/// Judges the content type of a successful answer.
pub fn content_type(answer: &Answer) -> Option<Finding> {
    let given = answer.content_type();
    let is_json = given == "application/json" || given.ends_with("+json");
    if is_json || given == "text/event-stream" || answer.body.is_empty() {
        return None;
    }
    let observed = if given.is_empty() {
        "the answer has no content type".to_owned()
    } else {
        format!("the answer has the content type `{given}`")
    };
    Some(Finding::warning(Rule::InvokeType, observed))
}

/// Judges whether an answer declared as JSON is JSON.
pub fn not_json(answer: &Answer) -> Option<Finding> {
    let is_said = answer.content_type() == "application/json";
    (is_said && answer.json().is_none()).then(|| {
        Finding::error(
            Rule::InvokeNotJson,
            format!("the answer is not JSON: {}", answer.excerpt()),
        )
    })
}

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

/// Judges the answer to a body that the agent should survive.
pub fn hostile(rule: Rule, what: &str, outcome: &Outcome, after: &After) -> Option<Finding> {
    match (after, outcome) {
        (After::Ended(code), _) => Some(Finding::error(
            rule,
            format!("the agent ends with code {code} when it gets {what}"),
        )),
        (After::Deaf, _) => Some(Finding::error(
            rule,
            format!("the agent no longer answers after it got {what}"),
        )),
        (After::Well, Err(why)) => Some(Finding::error(
            rule,
            format!("the agent {} when it gets {what}", why.words()),
        )),
        (After::Well, Ok(answer)) if rule == Rule::LargePayload && answer.status == 413 => Some(
            Finding::warning(rule, format!("{what} is refused with 413")),
        ),
        (After::Well, Ok(answer)) if answer.status >= 500 => Some(Finding::warning(
            rule,
            format!(
                "{what} is answered with {}: {}",
                answer.status,
                answer.excerpt()
            ),
        )),
        (After::Well, Ok(_)) => None,
    }
}

/// Judges the answer to a prompt in several scripts, after one in ASCII succeeded.
pub fn unicode(outcome: &Outcome, after: &After) -> Option<Finding> {
    if let Some(finding) = hostile(Rule::Unicode, "text in other scripts", outcome, after) {
        return Some(Finding::error(Rule::Unicode, finding.observed));
    }
    let answer = outcome.as_ref().ok()?;
    if !answer.is_success() {
        return Some(Finding::error(
            Rule::Unicode,
            format!("text in other scripts is answered with {}", answer.status),
        ));
    }
    let text = answer.text();
    // UTF-8 misread as another encoding.
    let wrong = ["Ã¼", "Gr??e", "Gr\u{fffd}", "Gr\\udcc3"];
    let is_wrong = wrong.iter().any(|wrong| text.contains(wrong));
    is_wrong.then(|| {
        Finding::error(
            Rule::Unicode,
            format!("`Grüße` comes back garbled: {}", answer.excerpt()),
        )
    })
}

/// Judges concurrent requests, each with its own mark in the prompt.
pub fn concurrent(outcomes: &[(String, Outcome)], echoes: bool, after: &After) -> Option<Finding> {
    let all = outcomes.len();
    match after {
        After::Ended(code) => {
            return Some(Finding::error(
                Rule::Concurrent,
                format!("the agent ends with code {code} during {all} requests at once"),
            ));
        }
        After::Deaf => {
            return Some(Finding::error(
                Rule::Concurrent,
                format!("the agent no longer answers after {all} requests at once"),
            ));
        }
        After::Well => {}
    }
    let unanswered: Vec<&NoAnswer> = outcomes
        .iter()
        .filter_map(|(_, outcome)| outcome.as_ref().err())
        .collect();
    if let Some(why) = unanswered.first() {
        return Some(Finding::error(
            Rule::Concurrent,
            format!(
                "of {all} requests at once {} get no answer: the agent {}",
                unanswered.len(),
                why.words()
            ),
        ));
    }
    let answers: Vec<(&String, &Answer)> = outcomes
        .iter()
        .filter_map(|(mark, outcome)| Some((mark, outcome.as_ref().ok()?)))
        .collect();
    let texts: Vec<(&String, String)> = answers
        .iter()
        .map(|(mark, answer)| (*mark, answer.text()))
        .collect();
    let is_mixed = |(mark, text): &&(&String, String)| {
        !text.contains(mark.as_str())
            && outcomes
                .iter()
                .any(|(other, _)| text.contains(other.as_str()))
    };
    if echoes && texts.iter().any(|pair| is_mixed(&pair)) {
        return Some(Finding::error(
            Rule::Concurrent,
            format!("of {all} requests at once some get the answer of another"),
        ));
    }
    let refused: Vec<&Answer> = answers
        .iter()
        .map(|(_, answer)| *answer)
        .filter(|answer| !answer.is_success())
        .collect();
    let first = refused.first()?;
    Some(Finding::warning(
        Rule::Concurrent,
        format!(
            "of {all} requests at once {} are answered with {}: {}",
            refused.len(),
            first.status,
            first.excerpt()
        ),
    ))
}

/// Judges the agent after clients disconnected during an answer.
pub fn disconnect(after: &After) -> Option<Finding> {
    let observed = match after {
        After::Well => return None,
        After::Ended(code) => format!("the agent ends with code {code} after its client went away"),
        After::Deaf => "the agent no longer answers after clients went away".to_owned(),
    };
    Some(Finding::error(Rule::Disconnect, observed))
}

/// Judges the number of open descriptors before and after `clients` disconnected.
pub fn leak(before: usize, after: usize, clients: usize) -> Option<Finding> {
    // A server's own descriptors vary a little.
    let left = after.saturating_sub(before);
    (left * 5 >= clients * 4).then(|| {
        Finding::warning(
            Rule::DisconnectLeak,
            format!("{left} more descriptors are open after {clients} clients went away"),
        )
    })
}

/// Judges the answer to an unknown JSON-RPC method.
pub fn unknown_method(rule: Rule, outcome: &Outcome, after: &After) -> Option<Finding> {
    if let Some(finding) = hostile(rule, "an unknown method", outcome, after) {
        return Some(finding);
    }
    let answer = outcome.as_ref().ok()?;
    match answer.json_rpc() {
        Some(value) if value["error"]["code"].is_i64() => None,
        Some(_) | None => Some(Finding::warning(
            rule,
            format!(
                "an unknown method is answered with {}: {}",
                answer.status,
                answer.excerpt()
            ),
        )),
    }
}

/// Returns the result of a JSON-RPC call that should succeed.
pub fn call(rule: Rule, method: &str, outcome: &Outcome) -> Result<Value, Finding> {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(why) => {
            return Err(Finding::error(
                rule,
                format!("the agent {} when it gets `{method}`", why.words()),
            ));
        }
    };
    match answer.json_rpc() {
        Some(value) if answer.is_success() && value.get("result").is_some() => {
            Ok(value["result"].clone())
        }
        Some(_) | None => Err(Finding::error(
            rule,
            format!(
                "`{method}` is answered with {}: {}",
                answer.status,
                answer.excerpt()
            ),
        )),
    }
}

/// Judges MCP's list of tools.
pub fn tools(result: &Value) -> Option<Finding> {
    let found = |observed: String| Some(Finding::error(Rule::McpTools, observed));
    let Some(tools) = result["tools"].as_array() else {
        return found("the answer to `tools/list` has no `tools`".to_owned());
    };
    for tool in tools {
        let Some(name) = tool["name"].as_str().filter(|name| !name.is_empty()) else {
            return found("a tool has no name".to_owned());
        };
        if tool["inputSchema"]["type"] != "object" {
            return found(format!(
                "the tool `{name}` has no `inputSchema` of type `object`"
            ));
        }
    }
    None
}

/// Returns the agent card.
pub fn card(outcome: &Outcome) -> Result<Value, Finding> {
    let found = |observed: String| Err(Finding::error(Rule::A2aCard, observed));
    match outcome {
        Err(why) => found(format!(
            "the agent {} when it is asked for its card",
            why.words()
        )),
        Ok(answer) if !answer.is_success() => {
            found(format!("the agent card is answered with {}", answer.status))
        }
        Ok(answer) => match answer.json() {
            Some(card @ Value::Object(_)) => Ok(card),
            Some(_) | None => found("the agent card is not a JSON object".to_owned()),
        },
    }
}

/// Judges the fields that clients need. Version 1.0 has a list of addresses, 0.3 a single one.
pub fn card_fields(card: &Value) -> Option<Finding> {
    const REQUIRED: [&str; 7] = [
        "name",
        "description",
        "version",
        "capabilities",
        "defaultInputModes",
        "defaultOutputModes",
        "skills",
    ];
    let mut missing: Vec<&str> = REQUIRED
        .into_iter()
        .filter(|name| card[name].is_null())
        .collect();
    if addresses(card).is_empty() {
        missing.push("url");
    }
    (!missing.is_empty()).then(|| {
        Finding::error(
            Rule::A2aCardFields,
            format!("the agent card lacks {}", missing.join(", ")),
        )
    })
}

fn addresses(card: &Value) -> Vec<&str> {
    let interfaces = card["supportedInterfaces"].as_array();
    let listed = interfaces
        .into_iter()
        .flatten()
        .filter_map(|interface| interface["url"].as_str());
    card["url"].as_str().into_iter().chain(listed).collect()
}

/// Judges the answer to a message. An agent that has the method may fail because it expects another
/// message.
pub fn message_failed(outcome: &Outcome, payload: &Payload) -> Option<Finding> {
    let finding = call(Rule::A2aMessage, "message/send", outcome).err()?;
    let value = outcome.as_ref().ok().and_then(Answer::json_rpc);
    let code = value.and_then(|value| value["error"]["code"].as_i64());
    let is_served = code.is_some_and(|code| code != METHOD_NOT_FOUND);
    Some(if is_served && !payload.is_given() {
        Finding::warning(Rule::A2aMessage, finding.observed)
    } else {
        finding
    })
}

/// The JSON-RPC error code.
const METHOD_NOT_FOUND: i64 = -32601;

/// Judges the addresses in the card against `told`, the address given to the agent as its own.
pub fn card_address(card: &Value, told: &str) -> Option<Finding> {
    let is_told = |address: &str| address.trim_end_matches('/') == told.trim_end_matches('/');
    let wrong = addresses(card).into_iter().find(|address| {
        let host = address.split("://").nth(1).unwrap_or(address);
        let host = host.split('/').next().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let is_local =
            ["localhost", "0.0.0.0", "[::]", "[::1]"].contains(&host) || host.starts_with("127.");
        is_local && !is_told(address)
    })?;
    Some(Finding::warning(
        Rule::A2aCardAddress,
        format!("the agent card leads clients to `{wrong}`"),
    ))
}

/// Judges the content type of an AG-UI agent's answer.
pub fn agui_stream(answer: &Answer) -> Option<Finding> {
    (!answer.is_event_stream()).then(|| {
        let given = answer.content_type();
        Finding::error(
            Rule::AguiStream,
            format!("the answer has the content type `{given}`"),
        )
    })
}

/// Judges the events of a run, including the thread and run IDs of the request.
pub fn agui_events(answer: &Answer, thread: &str, run: &str) -> Option<Finding> {
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

/// Judges whether an answer contains the mark that only another session was sent.
pub fn leaked(answer: &Answer, mark: &str) -> Option<Finding> {
    answer.text().contains(mark).then(|| {
        Finding::warning(
            Rule::SessionLeak,
            format!(
                "a session in another process gets to see `{mark}`, which only the first session was told"
            ),
        )
    })
}

/// Returns whether the protocol's valid request succeeded.
pub fn is_answered(protocol: Protocol, outcome: &Outcome) -> bool {
    match (protocol, outcome) {
        (_, Err(_)) => false,
        (Protocol::Http | Protocol::Agui, Ok(answer)) => answer.is_success(),
        (Protocol::Mcp | Protocol::A2a, Ok(answer)) => {
            answer.is_success()
                && answer
                    .json_rpc()
                    .is_some_and(|value| value.get("result").is_some())
        }
    }
}
