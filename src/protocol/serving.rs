//! Problems with how an agent serves requests, other than `/ping`.

use std::{collections::BTreeMap, time::Duration};

/// The variables that agent servers read their port from.
const PORT_VARIABLES: [&str; 2] = ["PORT", "A2A_PORT"];

/// How many streams must arrive in one piece to be a problem. A single one can come from a model
/// that answers in one piece.
const BURSTS: u32 = 2;
/// Streams with fewer events are not judged.
const EVENTS: usize = 5;
/// A stream whose first event comes sooner was not delayed long enough to be judged.
const HELD_BACK: Duration = Duration::from_secs(1);
/// Events that were produced separately do not all arrive within this time.
const AT_ONCE: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The agent cannot be reached from outside its machine.
    LoopbackOnly { host: String },
    /// A variable moves the agent to another port.
    PortVariable {
        name: &'static str,
        value: String,
        port: u16,
    },
    /// All events of a stream arrive at once.
    Buffered { events: usize, after: Duration },
}

impl Problem {
    /// Returns a stable identifier.
    pub fn code(&self) -> &'static str {
        match self {
            Self::LoopbackOnly { .. } => "port-loopback",
            Self::PortVariable { .. } => "port-inherited",
            Self::Buffered { .. } => "stream-buffered",
        }
    }

    /// Describes what was observed.
    pub fn what(&self) -> String {
        match self {
            Self::LoopbackOnly { host } => {
                format!("the agent listens on `{host}` only, and AgentCore calls it from outside")
            }
            Self::PortVariable { name, value, port } => {
                format!("the agent gets `{name}={value}`, and AgentCore calls port {port}")
            }
            Self::Buffered { events, after } => format!(
                "streams arrive in one piece: the last one was silent for {:.1} s and then sent {events} events at once",
                after.as_secs_f64()
            ),
        }
    }

    /// Describes how to fix it.
    pub fn fix(&self) -> String {
        match self {
            Self::LoopbackOnly { .. } => "bind `0.0.0.0`".to_owned(),
            Self::PortVariable { name, .. } => {
                format!("remove `{name}` from the agent's variables")
            }
            Self::Buffered { .. } => {
                "yield each event as it is produced; if the model itself answers in one piece, there is nothing to do"
                    .to_owned()
            }
        }
    }
}

/// Checks the addresses that an agent listens on at the contract's port.
pub fn bound(hosts: &[String]) -> Option<Problem> {
    let is_loopback =
        |host: &String| host == "localhost" || host == "::1" || host.starts_with("127.");
    let host = hosts.first()?;
    let only = hosts.iter().all(is_loopback);
    only.then(|| Problem::LoopbackOnly { host: host.clone() })
}

/// Checks the agent's variables for other ports.
pub fn variables(environment: &BTreeMap<String, String>, port: u16) -> Vec<Problem> {
    let found = PORT_VARIABLES.into_iter().filter_map(|name| {
        let value = environment.get(name)?;
        (value.trim() != port.to_string()).then(|| Problem::PortVariable {
            name,
            value: value.clone(),
            port,
        })
    });
    found.collect()
}

/// Follows one stream of events as it arrives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrivals {
    first: Option<Duration>,
    last: Duration,
    events: usize,
    /// True after a line end. Another line end completes an event.
    ended: bool,
}

impl Arrivals {
    /// Records a piece that arrived this long after the request.
    pub fn piece(&mut self, after: Duration, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.first.get_or_insert(after);
        self.last = after;
        // An empty line ends an event.
        for byte in bytes.iter().filter(|byte| **byte != b'\r') {
            if *byte == b'\n' {
                self.events += usize::from(self.ended);
                self.ended = true;
            } else {
                self.ended = false;
            }
        }
    }

    fn came_at_once(&self) -> Option<Problem> {
        let after = self.first?;
        let is_burst = self.events >= EVENTS && after >= HELD_BACK && !self.came_apart();
        is_burst.then_some(Problem::Buffered {
            events: self.events,
            after,
        })
    }

    fn came_apart(&self) -> bool {
        self.first
            .is_some_and(|first| self.last.saturating_sub(first) > AT_ONCE)
    }
}

/// Follows all streams of an agent.
#[derive(Debug, Default)]
pub struct Streams {
    bursts: u32,
    is_streaming: bool,
}

impl Streams {
    /// Records that a stream has ended.
    pub fn ended(&mut self, arrivals: &Arrivals) -> Option<Problem> {
        self.is_streaming |= arrivals.came_apart();
        let problem = arrivals.came_at_once()?;
        self.bursts += 1;
        (self.bursts >= BURSTS && !self.is_streaming).then_some(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn stream(pieces: &[(u64, &str)]) -> Arrivals {
        let mut arrivals = Arrivals::default();
        for (after, text) in pieces {
            arrivals.piece(at(*after), text.as_bytes());
        }
        arrivals
    }

    #[test]
    fn only_an_agent_that_nobody_outside_can_reach_is_told() {
        let hosts =
            |hosts: &[&str]| bound(&hosts.iter().map(ToString::to_string).collect::<Vec<_>>());
        for host in ["127.0.0.1", "localhost", "::1"] {
            let problem = hosts(&[host]).unwrap();
            assert_eq!(problem.code(), "port-loopback");
            assert!(problem.what().contains(host));
        }
        assert_eq!(hosts(&["0.0.0.0"]), None);
        assert_eq!(hosts(&["127.0.0.1", "::"]), None);
        assert_eq!(hosts(&[]), None);
    }

    #[test]
    fn a_variable_that_moves_the_agent_is_told() {
        let environment = BTreeMap::from([
            ("PORT".to_owned(), "3000".to_owned()),
            ("A2A_PORT".to_owned(), "9000".to_owned()),
        ]);
        let problems = variables(&environment, 9000);
        assert_eq!(
            problems.iter().map(Problem::what).collect::<Vec<_>>(),
            ["the agent gets `PORT=3000`, and AgentCore calls port 9000"]
        );
        assert_eq!(variables(&BTreeMap::new(), 9000), []);
    }

    #[test]
    fn streams_that_always_come_in_one_piece_are_told() {
        let events = "data: x\r\n\r\n".repeat(6);
        let burst = stream(&[(1500, &events[..20]), (1510, &events[20..])]);
        assert_eq!(burst.events, 6);
        let mut streams = Streams::default();
        assert_eq!(streams.ended(&burst), None);
        let problem = streams.ended(&burst).unwrap();
        assert_eq!(
            problem,
            Problem::Buffered {
                events: 6,
                after: at(1500)
            }
        );
    }

    #[test]
    fn streams_that_say_nothing_about_buffering_are_not_told() {
        let events = "data: x\n\n".repeat(6);
        let mut streams = Streams::default();
        for quiet in [
            // All at once, but without a delay.
            stream(&[(10, &events)]),
            // Too few events.
            stream(&[(1500, "data: x\n\n")]),
            stream(&[]),
        ] {
            for _ in 0..3 {
                assert_eq!(streams.ended(&quiet), None);
            }
        }
        // One stream that arrived over time shows that the agent can stream.
        streams.ended(&stream(&[(10, &events), (1500, &events)]));
        let burst = stream(&[(1500, &events)]);
        assert_eq!((streams.ended(&burst), streams.ended(&burst)), (None, None));
    }
}
