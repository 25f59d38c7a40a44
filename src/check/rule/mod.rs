//! The rules and their codes.

mod table;

use std::time::Duration;

use self::table::{Facts, TABLE};
use crate::{config::Protocol, protocol::ping::Problem};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The agent works in AgentCore, but not as well as it could.
    Warning,
    /// The agent fails in AgentCore, or will.
    Error,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A rule that an agent can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    StartFailed,
    StartTimeout,
    PortWrong,
    PortInherited,
    PortLoopback,
    HostRefused,
    PingNoAnswer,
    PingStatus,
    PingNotJson,
    PingNoStatus,
    PingWrongCase,
    PingUnknownStatus,
    PingTimeNoNumber,
    PingTimeMilliseconds,
    PingRestamped,
    PingNoTimeWhileBusy,
    PingSlow,
    InvokeMissing,
    InvokeError,
    InvokeFailed,
    InvokeType,
    InvokeNotJson,
    BadJson,
    EmptyBody,
    InvalidUtf8,
    Unicode,
    LargePayload,
    Concurrent,
    Disconnect,
    DisconnectLeak,
    StreamFormat,
    StreamBuffered,
    StreamCut,
    StreamError,
    SessionLeak,
    SnapshotIds,
    CodeFolder,
    Sigterm,
    ProcessLeft,
    McpInitialize,
    McpSessionId,
    McpTools,
    McpStateless,
    McpUnknownMethod,
    A2aCard,
    A2aCardFields,
    A2aCardAddress,
    A2aMessage,
    A2aUnknownMethod,
    AguiStream,
    AguiEvents,
}

impl Rule {
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|facts| facts.rule)
    }

    fn facts(self) -> &'static Facts {
        &TABLE[self as usize]
    }

    /// Returns the rule's code, which never changes.
    pub fn code(self) -> &'static str {
        self.facts().code
    }

    pub fn find(code: &str) -> Option<Self> {
        Self::all().find(|rule| rule.code() == code)
    }

    /// Describes what an agent that keeps the rule does.
    pub fn about(self) -> &'static str {
        self.facts().about
    }

    /// Describes what to do if the rule is broken.
    pub fn fix(self) -> &'static str {
        let problem = match self {
            Self::PingStatus => Problem::Status(0),
            Self::PingNotJson | Self::PingNoStatus => Problem::NotJson,
            Self::PingWrongCase | Self::PingUnknownStatus => Problem::UnknownStatus(String::new()),
            Self::PingTimeNoNumber | Self::PingTimeMilliseconds => Problem::TimeIsNoNumber,
            Self::PingRestamped => Problem::Restamped,
            Self::PingNoTimeWhileBusy => Problem::NoTimeWhileBusy,
            Self::PingSlow => Problem::Slow(Duration::ZERO),
            _ => return self.facts().fix,
        };
        problem.fix()
    }

    /// Returns whether agents with this protocol can break the rule.
    pub fn applies(self, protocol: Protocol) -> bool {
        let has_ping = protocol != Protocol::Mcp;
        match self {
            Self::StartFailed
            | Self::StartTimeout
            | Self::PortWrong
            | Self::PortLoopback
            | Self::HostRefused
            | Self::BadJson
            | Self::EmptyBody
            | Self::InvalidUtf8
            | Self::LargePayload
            | Self::Concurrent
            | Self::Disconnect
            | Self::DisconnectLeak
            | Self::StreamCut
            | Self::SnapshotIds
            | Self::CodeFolder
            | Self::Sigterm
            | Self::ProcessLeft => true,
            Self::PortInherited => matches!(protocol, Protocol::Mcp | Protocol::A2a),
            Self::PingNoAnswer
            | Self::PingStatus
            | Self::PingNotJson
            | Self::PingNoStatus
            | Self::PingWrongCase
            | Self::PingUnknownStatus
            | Self::PingTimeNoNumber
            | Self::PingTimeMilliseconds
            | Self::PingRestamped
            | Self::PingNoTimeWhileBusy
            | Self::PingSlow => has_ping,
            Self::InvokeMissing | Self::InvokeError | Self::InvokeFailed | Self::Unicode => {
                matches!(protocol, Protocol::Http | Protocol::Agui)
            }
            Self::InvokeType
            | Self::InvokeNotJson
            | Self::StreamFormat
            | Self::StreamBuffered
            | Self::StreamError
            | Self::SessionLeak => protocol == Protocol::Http,
            Self::McpInitialize
            | Self::McpSessionId
            | Self::McpTools
            | Self::McpStateless
            | Self::McpUnknownMethod => protocol == Protocol::Mcp,
            Self::A2aCard
            | Self::A2aCardFields
            | Self::A2aCardAddress
            | Self::A2aMessage
            | Self::A2aUnknownMethod => protocol == Protocol::A2a,
            Self::AguiStream | Self::AguiEvents => protocol == Protocol::Agui,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_code_of_its_own_that_leads_back_to_it() {
        let codes: BTreeSet<&str> = Rule::all().map(Rule::code).collect();
        assert_eq!(codes.len(), TABLE.len());
        for rule in Rule::all() {
            assert_eq!(TABLE[rule as usize].rule, rule);
            assert_eq!(Rule::find(rule.code()), Some(rule));
            assert!(!rule.about().is_empty() && !rule.fix().is_empty());
            assert!(
                Protocol::ALL
                    .into_iter()
                    .any(|protocol| rule.applies(protocol)),
                "{rule:?}"
            );
        }
    }

    #[test]
    fn every_code_is_described_in_the_help() {
        let help = include_str!("../../help/findings.md");
        let headed: Vec<&str> = help
            .lines()
            .filter_map(|line| line.strip_prefix("- `")?.split_once('`'))
            .map(|(code, _)| code)
            .collect();
        let codes: Vec<&str> = Rule::all().map(Rule::code).collect();
        assert_eq!(headed, codes);
    }
}
