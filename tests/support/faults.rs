//! Faults between a client and AWS, with AWS's wording.

use std::{collections::BTreeMap, time::Duration};

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{
    actions::{Asked, Call},
    server::{Answer, Reply},
};

/// Which of the matching requests fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Only the n-th request, starting with 1.
    Nth(usize),
    First(usize),
    /// The n-th attempt of every request, as the client counts them.
    Attempt(usize),
    Always,
}

impl Times {
    /// `n` counts the matching requests, `attempt` the attempts of one call.
    pub fn include(self, n: usize, attempt: usize) -> bool {
        match self {
            Self::Nth(nth) => n == nth,
            Self::First(first) => n <= first,
            Self::Attempt(nth) => attempt == nth,
            Self::Always => true,
        }
    }
}

#[derive(Debug, Clone)]
pub enum Fault {
    /// An AWS error in the protocol of the service; the request is not carried out.
    Error {
        status: u16,
        code: String,
        message: String,
    },
    /// AWS's error for missing permissions, by default the called action; not carried out.
    Denied(Vec<Call>),
    /// Carried out; a missing resource is reported as a refusal, as S3 does without permission to
    /// list.
    HidesAbsence,
    /// This answer to any request; not carried out.
    Answer(Answer),
    /// The connection closes before the request is carried out.
    CutBefore,
    /// The request is carried out, and the answer breaks off.
    CutAfter,
    /// Carried out and answered late.
    Late(Duration),
    /// Carried out; the first text is replaced with the second in the answer, for a state that an
    /// emulator never leaves.
    Reworded(&'static str, &'static str),
    /// Carried out; these members are added to the answer, for features that an emulator lacks.
    Merged(Value),
}

impl Fault {
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    /// 403 with a message that names action and resource, as AWS does.
    pub fn denied() -> Self {
        Self::Denied(Vec::new())
    }

    pub fn expired() -> Self {
        Self::error(
            403,
            "ExpiredToken",
            "The security token included in the request is expired",
        )
    }

    /// In the wording of the service.
    pub fn throttled() -> Self {
        Self::error(429, "ThrottlingException", "Rate exceeded")
    }

    pub fn unavailable() -> Self {
        Self::error(503, "ServiceUnavailable", "Service is unavailable")
    }

    pub(super) fn reaches_the_emulator(&self) -> bool {
        matches!(
            self,
            Self::CutAfter
                | Self::Late(_)
                | Self::Reworded(..)
                | Self::Merged(_)
                | Self::HidesAbsence
        )
    }

    pub(super) fn reply(&self, asked: &Asked, answer: Option<Answer>) -> Reply {
        match (self, answer) {
            (
                Self::Error {
                    status,
                    code,
                    message,
                },
                _,
            ) => Reply::Answer(error(&asked.service, *status, code, message)),
            (Self::Denied(missing), _) => Reply::Answer(denial(asked, missing)),
            (Self::HidesAbsence, Some(answer)) if answer.status == 404 => {
                Reply::Answer(error(&asked.service, 403, "AccessDenied", "Access Denied"))
            }
            (Self::HidesAbsence, Some(answer)) => Reply::Answer(answer),
            (Self::Answer(answer), _) => Reply::Answer(answer.clone()),
            (Self::CutAfter, Some(answer)) => Reply::Answer(answer.torn()),
            (Self::Late(delay), Some(answer)) => Reply::Answer(answer.after(*delay)),
            (Self::Reworded(from, to), Some(mut answer)) => {
                let text = String::from_utf8_lossy(&answer.body()).replace(from, to);
                answer.replace_body(text);
                Reply::Answer(answer)
            }
            (Self::Merged(more), Some(mut answer)) => {
                let mut there: Value = serde_json::from_slice(&answer.body()).expect("it is JSON");
                merge(&mut there, more);
                answer.replace_body(there.to_string());
                Reply::Answer(answer)
            }
            (
                Self::CutBefore
                | Self::CutAfter
                | Self::Late(_)
                | Self::Reworded(..)
                | Self::Merged(_)
                | Self::HidesAbsence,
                _,
            ) => Reply::Silence,
        }
    }
}

/// Merges objects; replaces everything else.
fn merge(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                merge(below.entry(name).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

/// Returns how a service reports throttling; AgentCore's status is 429.
fn throttling(service: &str) -> Option<(u16, &'static str)> {
    match service {
        "iam" | "sts" => Some((400, "Throttling")),
        "s3" => Some((503, "SlowDown")),
        "ecr" | "logs" => Some((400, "ThrottlingException")),
        _ => None,
    }
}

/// Returns a 403. For a batch, S3 reports it per object in a successful answer, and AgentCore has
/// its own message for its service-linked role.
fn denial(asked: &Asked, missing: &[Call]) -> Answer {
    let mut calls = asked.calls(&BTreeMap::new());
    calls.retain(|call| !call.implied);
    let missing = if missing.is_empty() { &calls } else { missing };
    let sentence = |Call {
                        action, resource, ..
                    }: &Call| {
        format!(
            "User: arn:aws:iam::{}:user/tester is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action",
            asked.account
        )
    };
    if asked.service == "s3" && asked.method == "POST" && asked.query.contains_key("delete") {
        let errors = missing.iter().map(|call| {
            let key = call.parameters.get("Key").map_or("", String::as_str);
            let said = sentence(call);
            format!(
                "<Error><Key>{key}</Key><Code>AccessDenied</Code><Message>{said}</Message></Error>"
            )
        });
        let errors: String = errors.collect();
        let body = format!("<DeleteResult>{errors}</DeleteResult>");
        return Answer::new(200, "application/xml", body);
    }
    if missing
        .iter()
        .any(|call| call.action == "iam:CreateServiceLinkedRole")
    {
        let said = "Failed creating service linked role. Please verify that the calling role has sufficient permissions to create a service linked role.";
        return error(&asked.service, 400, "ValidationException", said);
    }
    let said = missing.first().map(sentence).unwrap_or_default();
    error(&asked.service, 403, "AccessDenied", &said)
}

/// Returns an error in the service's format.
pub fn error(service: &str, status: u16, code: &str, message: &str) -> Answer {
    let (status, code) = match code {
        "ThrottlingException" => throttling(service).unwrap_or((status, code)),
        _ => (status, code),
    };
    let request = "01234567-89ab-cdef-0123-456789abcdef";
    let kind = if status < 500 { "Sender" } else { "Receiver" };
    let message_xml = message.replace('&', "&amp;").replace('<', "&lt;");
    match service {
        "iam" | "sts" => Answer::new(
            status,
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message_xml}</Message></Error><RequestId>{request}</RequestId></ErrorResponse>"
            ),
        ),
        "s3" => Answer::new(
            status,
            "application/xml",
            format!(
                "<Error><Code>{code}</Code><Message>{message_xml}</Message><RequestId>{request}</RequestId></Error>"
            ),
        ),
        // These services use the suffix of the JSON protocols.
        _ => {
            let code = match code {
                "AccessDenied" => "AccessDeniedException",
                "ExpiredToken" => "ExpiredTokenException",
                other => other,
            };
            Answer::new(
                status,
                if service == "bedrock-agentcore" {
                    "application/json"
                } else {
                    "application/x-amz-json-1.1"
                },
                Bytes::from(json!({"__type": code, "message": message}).to_string()),
            )
            .header("x-amzn-errortype", code)
            .header("x-amzn-requestid", request)
        }
    }
}
