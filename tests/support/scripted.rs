//! A server that answers from a script: for behavior that no emulator has (propagation,
//! asynchronous deletion, pages, streams), and for rare answers of AWS.

use std::sync::{Arc, Mutex};

use hyper::{Request, body::Bytes};

use super::{
    actions::{Asked, Call},
    faults::{self, Times},
    server::{Answer, Reply, Server},
};

/// The account of [`Scripted`].
pub const ACCOUNT: &str = "111122223333";

/// Builds a script.
#[derive(Default)]
pub struct Script {
    rules: Vec<Rule>,
}

/// A running scripted server.
pub struct Scripted {
    server: Server,
    state: Arc<Mutex<State>>,
}

struct Rule {
    /// `iam:GetRole`, or `POST /invocations` for an unsigned request.
    what: String,
    times: Times,
    reply: Reply,
    seen: usize,
}

struct State {
    rules: Vec<Rule>,
    calls: Vec<Call>,
    requests: Vec<Request<Bytes>>,
    unexpected: Vec<String>,
}

impl Script {
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers the next matching request that no earlier rule answers.
    pub fn then(self, what: &str, answer: Answer) -> Self {
        self.rule(what, Times::First(1), Reply::Answer(answer))
    }

    /// Answers every matching request that no earlier rule answers.
    pub fn always(self, what: &str, answer: Answer) -> Self {
        self.rule(what, Times::Always, Reply::Answer(answer))
    }

    /// Answers the next n matching requests that no earlier rule answers with an AWS error.
    pub fn errors(self, what: &str, n: usize, status: u16, code: &str, message: &str) -> Self {
        let service = what.split(':').next().unwrap_or_default();
        let answer = faults::error(service, status, code, message);
        self.rule(what, Times::First(n), Reply::Answer(answer))
    }

    /// Closes the connection without a byte, once.
    pub fn cut(self, what: &str) -> Self {
        self.rule(what, Times::First(1), Reply::Silence)
    }

    /// Answers with the script's account to the identity request that every command starts with.
    pub fn identity(self) -> Self {
        let body = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{ACCOUNT}:user/tester</Arn><UserId>AIDAEXAMPLE</UserId><Account>{ACCOUNT}</Account>\
             </GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        );
        self.always("sts:GetCallerIdentity", Answer::new(200, "text/xml", body))
    }

    fn rule(mut self, what: &str, times: Times, reply: Reply) -> Self {
        self.rules.push(Rule {
            what: what.to_owned(),
            times,
            reply,
            seen: 0,
        });
        self
    }

    pub fn start(self) -> Scripted {
        let state = Arc::new(Mutex::new(State {
            rules: self.rules,
            calls: Vec::new(),
            requests: Vec::new(),
            unexpected: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| {
            let reply = shared.lock().unwrap().reply(&request);
            async move { reply }
        });
        Scripted { server, state }
    }
}

impl Scripted {
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the permissions of the requests so far, in order.
    pub fn recorded(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Returns the requests so far, in order.
    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Returns the requests that are not in the script.
    pub fn unexpected(&self) -> Vec<String> {
        self.state.lock().unwrap().unexpected.clone()
    }
}

impl State {
    fn reply(&mut self, request: &Request<Bytes>) -> Reply {
        let asked = Asked::new(request, ACCOUNT);
        self.requests.push(request.clone());
        let calls = asked.calls(&std::collections::BTreeMap::new());
        let action = calls.first().map_or_else(String::new, |c| c.action.clone());
        let line = format!("{} {}", asked.method, request.uri().path());
        self.calls.extend(calls);
        for rule in &mut self.rules {
            if (rule.what == action || rule.what == line)
                && rule.times.include(rule.seen + 1, asked.attempt())
            {
                rule.seen += 1;
                return rule.reply.clone();
            }
        }
        self.unexpected.push(format!("{action} ({line})"));
        Reply::Answer(faults::error(
            &asked.service,
            400,
            "NotInTheScript",
            &format!("the script has no answer to {action} ({line})"),
        ))
    }
}
