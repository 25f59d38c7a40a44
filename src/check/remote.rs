//! The rules that can be tested on a running agent with a few requests, as any client could send
//! them.

use super::{report::Report, rule::Rule};
use crate::config::Protocol;

/// Where the agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentPlace {
    /// Under `dev`.
    Dev,
    /// In the local AgentCore.
    Local,
    Aws,
}

const OWN_PROCESS: &str = "only an agent that `check` starts itself shows it";
const NOT_SENT: &str = "the requests that test it are not sent to an agent that is in use";
const ONE_ERROR: &str = "AgentCore reports every failure of an agent in the same way";
const OWN_PIECES: &str = "AgentCore passes answers on in pieces of its own";
const NO_PING: &str = "AgentCore does not pass `/ping` on";
const DEV_TESTS: &str = "`dev` tests it all the time";
const ONE_PROCESS: &str = "the sessions of `dev` may share one process";
const OWN_ADDRESS: &str = "the agent is reached at an address of this machine";

/// Returns the maximum number of requests to an agent with this protocol.
pub fn requests(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Http | Protocol::Agui | Protocol::A2a => 2,
        Protocol::Mcp => 3,
    }
}

/// Begins a report with every wanted rule, skipping those that cannot be tested there.
pub fn begin(protocol: Protocol, place: AgentPlace, is_wanted: impl Fn(Rule) -> bool) -> Report {
    let mut report = Report::begin(protocol, is_wanted);
    for rule in Rule::all() {
        if let Some(why) = obstacle(rule, place) {
            report.skip(&[rule], why);
        }
    }
    report
}

/// Returns why a rule cannot be tested there, if so.
fn obstacle(rule: Rule, place: AgentPlace) -> Option<&'static str> {
    match rule {
        Rule::StartFailed
        | Rule::StartTimeout
        | Rule::PortWrong
        | Rule::PortInherited
        | Rule::PortLoopback
        | Rule::HostRefused
        | Rule::SnapshotIds
        | Rule::CodeFolder
        | Rule::Sigterm
        | Rule::ProcessLeft => Some(OWN_PROCESS),
        Rule::PingNoAnswer
        | Rule::PingStatus
        | Rule::PingNotJson
        | Rule::PingNoStatus
        | Rule::PingWrongCase
        | Rule::PingUnknownStatus
        | Rule::PingTimeNoNumber
        | Rule::PingTimeMilliseconds
        | Rule::PingRestamped
        | Rule::PingNoTimeWhileBusy
        | Rule::PingSlow => Some(match place {
            AgentPlace::Dev => DEV_TESTS,
            AgentPlace::Local | AgentPlace::Aws => NO_PING,
        }),
        Rule::BadJson
        | Rule::EmptyBody
        | Rule::InvalidUtf8
        | Rule::LargePayload
        | Rule::Concurrent
        | Rule::Disconnect
        | Rule::DisconnectLeak
        | Rule::McpUnknownMethod
        | Rule::A2aUnknownMethod => Some(NOT_SENT),
        Rule::InvokeMissing | Rule::InvokeError => (place != AgentPlace::Dev).then_some(ONE_ERROR),
        Rule::StreamBuffered => Some(match place {
            AgentPlace::Dev => DEV_TESTS,
            AgentPlace::Local | AgentPlace::Aws => OWN_PIECES,
        }),
        Rule::SessionLeak => (place == AgentPlace::Dev).then_some(ONE_PROCESS),
        Rule::A2aCardAddress => (place != AgentPlace::Aws).then_some(OWN_ADDRESS),
        Rule::InvokeFailed
        | Rule::InvokeType
        | Rule::InvokeNotJson
        | Rule::Unicode
        | Rule::StreamFormat
        | Rule::StreamCut
        | Rule::StreamError
        | Rule::McpInitialize
        | Rule::McpSessionId
        | Rule::McpTools
        | Rule::McpStateless
        | Rule::A2aCard
        | Rule::A2aCardFields
        | Rule::A2aMessage
        | Rule::AguiStream
        | Rule::AguiEvents => None,
    }
}

/// Returns whether a rule can be tested there.
pub fn is_tested(rule: Rule, place: AgentPlace) -> bool {
    obstacle(rule, place).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_tested_there_says_why() {
        for place in [AgentPlace::Dev, AgentPlace::Local, AgentPlace::Aws] {
            for protocol in Protocol::ALL {
                let report = begin(protocol, place, |_| true);
                let mut told = 0;
                for (why, rules) in report.untested() {
                    let expected = rules.iter().all(|rule| obstacle(*rule, place) == Some(why));
                    let is_open = rules.iter().all(|rule| is_tested(*rule, place));
                    assert!(expected || is_open, "{why}: {rules:?}");
                    told += usize::from(expected);
                }
                assert!(told > 1, "{place:?} {protocol:?}");
                assert!(requests(protocol) <= 3);
            }
        }
        assert!(is_tested(Rule::InvokeMissing, AgentPlace::Dev));
        assert!(!is_tested(Rule::InvokeMissing, AgentPlace::Aws));
    }
}
