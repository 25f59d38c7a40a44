//! Judges an agent's answers.

pub mod a2a;
pub mod agui;
pub mod mcp;
pub mod stream;

use serde_json::Value;

use super::{
    answer::{Answer, NoAnswer, Outcome},
    report::Finding,
    request::Payload,
    rule::Rule,
};
use crate::{config::Protocol, protocol::serving};

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
