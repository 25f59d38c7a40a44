//! Tests an agent: starts it as AgentCore would, sends requests, and observes it.

mod exchange;
mod pings;
mod probes;
mod protocols;
mod remote;
mod subject;
mod system;
mod trial;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use self::{
    exchange::{Address, ask},
    pings::Pings,
    subject::{NotStarted, Running},
    system::Tree,
};
pub(crate) use self::{
    remote::{Remote, run as test_remote},
    subject::{Program, Subject},
    trial::{Machine, try_start},
};
use crate::{
    check::{
        Finding, Outcome, Payload, Report, Rule,
        judge::{self, After},
        pings::RULES,
        request::{HOST, Request},
    },
    config::Protocol,
    effects::{clock, local::agent::NotReady},
    error::Failure,
    protocol::limits,
};

/// The options of a test.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    pub(crate) payload: Payload,
    /// The time limit for an answer.
    pub(crate) limit: Duration,
}

/// Reports progress to the user.
pub(crate) type Say<'a> = &'a (dyn Fn(&str) + Sync);

/// How long an agent may take to answer `/ping` after another request.
const RECOVERY: Duration = Duration::from_secs(5);
/// The port of HTTP agents, which other agents may find in their environment.
const HTTP_PORT: u16 = 8080;

/// A test in progress.
struct Test<'a> {
    subject: &'a Subject,
    manner: &'a Manner,
    report: Report,
    running: Running,
    address: Address,
    /// `None` if the protocol has no `/ping`.
    pings: Option<Pings>,
    starts: u32,
    sessions: u32,
    /// The latest session.
    session: String,
    /// True if the agent answers messages in the form of A2A 1.0, but not in that of 0.3.
    speaks_a2a_one: bool,
    /// The requests and answers so far, for the IDs in them.
    asked: String,
    heard: String,
    /// True if the agent cannot be restarted.
    is_over: bool,
    /// When the current rule's test began, and what the agent had printed by then.
    began: Instant,
    lines: Vec<String>,
    say: Say<'a>,
}

/// Tests the agent against every rule that the report wants.
pub(crate) async fn run(
    subject: &Subject,
    manner: &Manner,
    mut report: Report,
    say: Say<'_>,
) -> Result<Report, Failure> {
    say("the start");
    let Some(running) = first_start(subject, &mut report).await? else {
        report.skip_rest("the agent does not serve");
        return Ok(report);
    };
    for rule in [
        Rule::StartFailed,
        Rule::StartTimeout,
        Rule::PortWrong,
        Rule::PortInherited,
    ] {
        report.keep(rule);
    }
    report.judge(Rule::PortLoopback, judge::loopback(&running.hosts()));
    let address = Address {
        port: running.port,
        host: HOST.to_owned(),
        limit: manner.limit,
    };
    let code = running.code.clone();
    let before = system::tree(&code);
    let mut test = Test {
        subject,
        manner,
        report,
        running,
        address,
        pings: None,
        starts: 1,
        sessions: 0,
        session: String::new(),
        speaks_a2a_one: false,
        asked: String::new(),
        heard: String::new(),
        is_over: false,
        began: clock::now(),
        lines: Vec::new(),
        say,
    };
    test.call_by_name().await;
    let ping = subject.contract.ping();
    let ping = ping.filter(|_| test.report.wants_any(&RULES));
    test.pings = ping.map(|path| Pings::begin(test.address.clone(), path));
    test.probe().await;
    if let Some(pings) = test.pings.take() {
        say("/ping");
        pings.end(&mut test.report).await;
    }
    test.compare_code(&code, &before);
    test.finish().await;
    if test.is_over {
        test.report
            .skip_rest("the agent could not be started again");
    }
    Ok(test.report)
}

/// Starts the agent as AgentCore may, with a `PORT` meant for HTTP agents.
async fn first_start(subject: &Subject, report: &mut Report) -> Result<Option<Running>, Failure> {
    let port = subject.contract.port;
    // A binary is told its port here.
    let inherited = [("PORT", HTTP_PORT.to_string())];
    let failed = match subject.start("run-1", &inherited).await {
        Ok(running) => return Ok(Some(running)),
        Err(failed) => failed,
    };
    if let NotReady::CannotStart(why) = &failed.why {
        return Err(Failure::world(format!("cannot start the agent: {why}")));
    }
    let misled = matches!(failed.why, NotReady::WrongPort(other) if other == HTTP_PORT);
    if misled
        && port != HTTP_PORT
        && !subject.environment.contains_key("PORT")
        && let Ok(running) = subject.start("run-without-port", &[]).await
    {
        report.find(Finding::error(
                Rule::PortInherited,
                format!(
                    "with PORT={HTTP_PORT} in its environment the agent listens on port {HTTP_PORT} instead of {port}"
                ),
            ));
        return Ok(Some(running));
    }
    report.find(not_started(&failed, port));
    Ok(None)
}

fn not_started(failed: &NotStarted, port: u16) -> Finding {
    let (rule, observed) = explained(failed, port);
    Finding::error(rule, observed).with_lines(failed.lines.clone())
}

/// Returns the broken rule, and what was observed.
fn explained(failed: &NotStarted, port: u16) -> (Rule, String) {
    let seconds = limits::INITIALIZATION.as_secs();
    match &failed.why {
        NotReady::Ended(code) => (
            Rule::StartFailed,
            format!("the agent ends with code {code} before it answers on port {port}"),
        ),
        NotReady::CannotStart(error) => (
            Rule::StartFailed,
            format!("the agent cannot be started: {error}"),
        ),
        NotReady::WrongPort(other) => (
            Rule::PortWrong,
            format!("the agent listens on port {other}, and AgentCore calls port {port}"),
        ),
        NotReady::Disobedient(told) => (
            Rule::PortWrong,
            format!(
                "with PORT={told} in its environment, the agent does not listen on port {told} within {seconds} s"
            ),
        ),
        NotReady::Deaf => (
            Rule::StartTimeout,
            format!("the agent does not answer on port {port} within {seconds} s"),
        ),
    }
}

impl Test<'_> {
    /// Creates a new session.
    fn session(&mut self) -> String {
        self.sessions += 1;
        self.session = format!("check-{}-{}", self.sessions, clock::unique_id());
        self.session.clone()
    }

    fn last_session(&self) -> String {
        self.session.clone()
    }

    fn protocol(&self) -> Protocol {
        self.subject.contract.protocol
    }

    /// Returns a request that the agent should answer, in a new session.
    fn valid(&mut self, mark: &str) -> Request {
        let session = self.session();
        let (contract, payload) = (&self.subject.contract, &self.manner.payload);
        let request = if self.speaks_a2a_one {
            Request::message_of_one(contract, payload, &session)
        } else {
            Request::valid(contract, payload, &session, mark)
        };
        self.asked += &probes::words_of(&request);
        request
    }

    async fn ask(&self, request: Request) -> Outcome {
        ask(&self.address, request).await
    }

    /// Returns the agent's current state.
    async fn after(&self) -> After {
        let begin = clock::now();
        loop {
            if let Some(code) = self.running.ended() {
                return After::Ended(code);
            }
            let address = Address {
                limit: RECOVERY,
                ..self.address.clone()
            };
            // An unanswered `/ping` has its own rule.
            let elsewhere = Request::get(&self.subject.contract.path);
            if ask(&address, self.sign_of_life()).await.is_ok()
                || ask(&address, elsewhere).await.is_ok()
            {
                return After::Well;
            }
            if begin.elapsed() > RECOVERY {
                return After::Deaf;
            }
            clock::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns a cheap request that every agent of the protocol answers in some way.
    fn sign_of_life(&self) -> Request {
        match self.subject.contract.ping() {
            Some(path) => Request::get(path),
            None => Request::initialize(&self.subject.contract, "check-sign-of-life"),
        }
    }

    /// Restarts the agent if it no longer answers.
    async fn revive(&mut self, after: &After) {
        if *after == After::Well {
            return;
        }
        self.running.end().await;
        self.starts += 1;
        let name = format!("run-{}", self.starts);
        match self.subject.start(&name, &[]).await {
            Ok(running) => {
                self.address.port = running.port;
                if let Some(pings) = &self.pings {
                    pings.follow(running.port, self.began);
                }
                self.running = running;
            }
            Err(_) => self.is_over = true,
        }
    }

    /// Sends a request with a foreign host name, and uses the agent's own from then on if it is
    /// refused.
    async fn call_by_name(&mut self) {
        let request = self.sign_of_life();
        let foreign = self.ask(request.clone()).await;
        let is_refused = |outcome: &Outcome| match outcome {
            Ok(answer) => matches!(answer.status, 400 | 403 | 404 | 421),
            Err(_) => true,
        };
        if is_refused(&foreign) {
            let own = Address {
                host: format!("127.0.0.1:{}", self.address.port),
                ..self.address.clone()
            };
            let answer = ask(&own, request).await;
            if !is_refused(&answer) {
                let how = match &foreign {
                    Ok(answer) => format!("answers with {}", answer.status),
                    Err(why) => why.words(),
                };
                self.report.find(Finding::error(
                    Rule::HostRefused,
                    format!("called as `{HOST}`, the agent {how}; called as 127.0.0.1, it answers"),
                ));
                self.address = own;
                return;
            }
        }
        self.report.keep(Rule::HostRefused);
    }

    /// Judges whether the agent changed files in the folder of its first start.
    fn compare_code(&mut self, folder: &Path, before: &Tree) {
        let after = system::tree(folder);
        let changed = after
            .iter()
            .filter(|(path, about)| before.get(*path) != Some(about))
            .map(|(path, _)| path)
            .chain(before.keys().filter(|path| !after.contains_key(*path)));
        let changed: Vec<&String> = changed.collect();
        let finding = changed.first().map(|first| {
            let more = match changed.len() {
                1 => String::new(),
                many => format!(" and {} more", many - 1),
            };
            Finding::warning(
                Rule::CodeFolder,
                format!("the agent wrote `{first}`{more} into the folder of its code"),
            )
        });
        self.report.judge(Rule::CodeFolder, finding);
    }
}
