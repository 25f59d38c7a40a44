//! Sessions: which one a request belongs to, and when it ends.

use std::{fmt, time::Duration};

use super::{Refusal, limits};
use crate::config::{Lifecycle, Protocol};

/// The header that names the session in the request and in the answer.
pub const HEADER: &str = "x-amzn-bedrock-agentcore-runtime-session-id";

/// The path on which `dev` accepts requests to end a session.
pub const STOP_UNDER_DEV: &str = "/_cargo-agentcore/stop-session";

/// The header of an MCP session. The service sends it with every request to an MCP server.
pub const MCP_HEADER: &str = "mcp-session-id";

/// A session's ID: 33 to 256 characters from the caller, or 1 to 1024 from an MCP client. Visible
/// ASCII, so that it fits in a header. Not safe as a file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(String);

impl SessionKey {
    /// Parses the value of the session header.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let rule = match text.len() {
            0..33 => "Member must have length greater than or equal to 33",
            33..=256 if is_visible(text) => return Ok(Self(text.to_owned())),
            33..=256 => "Member must be visible ASCII characters",
            _ => "Member must have length less than or equal to 256",
        };
        Err(Refusal::invalid("runtimeSessionId", rule))
    }

    /// Parses the value of `Mcp-Session-Id`.
    pub fn parse_mcp(text: &str) -> Result<Self, Refusal> {
        let rule = match text.len() {
            0 => "Member must have length greater than or equal to 1",
            1..=1024 if is_visible(text) => return Ok(Self(text.to_owned())),
            1..=1024 => "Member must be visible ASCII characters",
            _ => "Member must have length less than or equal to 1024",
        };
        Err(Refusal::invalid("mcpSessionId", rule))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_graphic())
}

/// The session that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// No session: the request starts one and receives its ID.
    New,
    Session(SessionKey),
    /// The ID that an MCP client sends. If the agent chose this ID in its first answer, it means
    /// that answer's session, otherwise a session with this name.
    Mcp(SessionKey),
}

/// Returns the session that a request asks for. `header` returns the value of a header or, for a
/// WebSocket, of the query parameter with the same name.
pub fn asked<'r>(
    protocol: Protocol,
    header: impl Fn(&str) -> Option<&'r str>,
) -> Result<Asked, Refusal> {
    if let Some(text) = header(HEADER) {
        return SessionKey::parse(text.trim()).map(Asked::Session);
    }
    match header(MCP_HEADER) {
        Some(text) if protocol == Protocol::Mcp => {
            SessionKey::parse_mcp(text.trim()).map(Asked::Mcp)
        }
        _ => Ok(Asked::New),
    }
}

/// How long a session may be idle, and how long it may live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    pub idle_timeout: Duration,
    pub max_lifetime: Duration,
}

impl Lifetime {
    pub fn of(lifecycle: Lifecycle) -> Self {
        let Lifecycle {
            idle_timeout,
            max_lifetime,
        } = lifecycle;
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let max_lifetime = max_lifetime.map_or(limits::MAX_LIFETIME, seconds);
        Self {
            idle_timeout: idle_timeout.map_or(limits::IDLE_TIMEOUT.min(max_lifetime), seconds),
            max_lifetime,
        }
    }
}

/// What determines when a session ends. All times come from one monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    pub started: Duration,
    /// The time of the last request, byte of an answer, or WebSocket frame.
    pub last_active: Duration,
    /// The number of requests and WebSockets in progress.
    pub in_flight: usize,
    /// True if the last `/ping` said `HealthyBusy`. A busy session is not idle.
    pub busy: bool,
}

/// What happens to a session now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It lives on. Check again at this time at the latest.
    Lives {
        ask_again: Duration,
    },
    Idle,
    TooOld,
}

/// Decides whether the session ends. The maximum lifetime ends a busy session, too.
pub fn fate(activity: Activity, lifetime: Lifetime, now: Duration) -> Fate {
    let Activity {
        started,
        last_active,
        in_flight,
        busy,
    } = activity;
    let oldest = started.saturating_add(lifetime.max_lifetime);
    if now >= oldest {
        return Fate::TooOld;
    }
    let idle_since = last_active.max(started);
    let at_work = busy || in_flight > 0;
    let idle_at = if at_work { now } else { idle_since }.saturating_add(lifetime.idle_timeout);
    if now >= idle_at {
        return Fate::Idle;
    }
    Fate::Lives {
        ask_again: idle_at.min(oldest),
    }
}

/// Returns the session to stop to make room for another: the least recently used idle one, or else
/// the least recently used one that is only busy in the background. Returns `None` if all of them
/// are answering requests.
pub fn evicted<K: Clone>(sessions: &[(K, Activity)]) -> Option<K> {
    sessions
        .iter()
        .filter(|(_, activity)| activity.in_flight == 0)
        .min_by_key(|(_, activity)| (activity.busy, activity.last_active.max(activity.started)))
        .map(|(key, _)| key.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::refusal::Kind;

    const LIFETIME: Lifetime = Lifetime {
        idle_timeout: Duration::from_mins(15),
        max_lifetime: Duration::from_hours(8),
    };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn activity(last_active: u64) -> Activity {
        Activity {
            started: at(0),
            last_active: at(last_active),
            in_flight: 0,
            busy: false,
        }
    }

    fn ask(protocol: Protocol, headers: &[(&str, &str)]) -> Result<Asked, Refusal> {
        asked(protocol, |name| {
            let found = headers.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| *value)
        })
    }

    #[test]
    fn a_sessions_id_has_33_to_256_characters() {
        for length in [33, 36, 100, 256] {
            assert!(SessionKey::parse(&"a".repeat(length)).is_ok(), "{length}");
        }
        for (length, told) in [(0, "to 33"), (32, "to 33"), (257, "to 256")] {
            let refusal = SessionKey::parse(&"a".repeat(length)).unwrap_err();
            assert_eq!(refusal.kind, Kind::Validation);
            assert!(
                refusal.message.ends_with(told),
                "{length}: {}",
                refusal.message
            );
        }
        for wrong in [" ", "é", "\n", "\u{202e}"] {
            let text = format!("{}{wrong}{}", "a".repeat(20), "b".repeat(20));
            assert!(SessionKey::parse(&text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_request_without_a_session_begins_one() {
        for protocol in Protocol::ALL {
            assert_eq!(ask(protocol, &[]), Ok(Asked::New));
        }
        // Only MCP defines this header.
        assert_eq!(ask(Protocol::Http, &[(MCP_HEADER, "abc")]), Ok(Asked::New));
    }

    #[test]
    fn the_sessions_header_goes_before_that_of_mcp() {
        let session = "s".repeat(33);
        let both = [(HEADER, session.as_str()), (MCP_HEADER, "abc")];
        let asked = Asked::Session(SessionKey::parse(&session).unwrap());
        assert_eq!(ask(Protocol::Mcp, &both), Ok(asked));
        let mcp = Asked::Mcp(SessionKey::parse_mcp("abc").unwrap());
        assert_eq!(ask(Protocol::Mcp, &both[1..]), Ok(mcp));
        assert!(ask(Protocol::Mcp, &[(HEADER, "short"), (MCP_HEADER, "abc")]).is_err());
        assert!(ask(Protocol::Mcp, &[(MCP_HEADER, "")]).is_err());
    }

    #[test]
    fn a_session_ends_when_it_was_idle_long_enough() {
        assert_eq!(
            fate(activity(100), LIFETIME, at(999)),
            Fate::Lives {
                ask_again: at(1000)
            }
        );
        assert_eq!(fate(activity(100), LIFETIME, at(1000)), Fate::Idle);
    }

    #[test]
    fn a_session_at_work_is_not_idle() {
        for (in_flight, busy) in [(1, false), (0, true)] {
            let working = Activity {
                in_flight,
                busy,
                ..activity(100)
            };
            assert_eq!(
                fate(working, LIFETIME, at(5000)),
                Fate::Lives {
                    ask_again: at(5900)
                }
            );
            assert_eq!(fate(working, LIFETIME, at(28_800)), Fate::TooOld);
        }
    }

    #[test]
    fn what_the_runtime_does_not_say_is_the_services_default() {
        assert_eq!(Lifetime::of(Lifecycle::default()), LIFETIME);
        let short = Lifecycle {
            idle_timeout: None,
            max_lifetime: Some(60),
        };
        assert_eq!(Lifetime::of(short).idle_timeout, at(60));
    }

    #[test]
    fn the_session_that_was_used_longest_ago_makes_room() {
        let busy = Activity {
            busy: true,
            ..activity(1)
        };
        let answering = Activity {
            in_flight: 1,
            ..activity(0)
        };
        let new = Activity {
            started: at(50),
            ..activity(0)
        };
        let all = [
            ("busy", busy),
            ("answering", answering),
            ("old", activity(20)),
            ("new", new),
            ("recent", activity(90)),
        ];
        assert_eq!(evicted(&all), Some("old"));
        assert_eq!(evicted(&all[..2]), Some("busy"));
        assert_eq!(evicted(&all[1..2]), None);
        assert_eq!(evicted::<&str>(&[]), None);
    }

    proptest! {
        #[test]
        fn asking_again_at_the_time_named_never_comes_too_late(
            started in 0_u64..1000,
            idle_for in 0_u64..1000,
            idle in 60_u64..2000,
            life in 60_u64..2000,
            waited in 0_u64..3000,
        ) {
            let lifetime = Lifetime { idle_timeout: at(idle), max_lifetime: at(life) };
            let quiet = Activity { started: at(started), ..activity(started + idle_for) };
            let now = at(started + idle_for + waited);
            match fate(quiet, lifetime, now) {
                Fate::Lives { ask_again } => {
                    prop_assert!(ask_again > now);
                    prop_assert_ne!(
                        std::mem::discriminant(&fate(quiet, lifetime, ask_again)),
                        std::mem::discriminant(&Fate::Lives { ask_again })
                    );
                }
                Fate::Idle => prop_assert!(waited >= idle),
                Fate::TooOld => prop_assert!(idle_for + waited >= life),
            }
        }
    }
}
