//! Tests an agent: starts it as AgentCore would, asks it, and looks at what it does.

mod exchange;
mod pings;
mod probes;
mod protocols;
mod remote;
mod subject;
mod system;

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
    subject::Subject,
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

/// How an agent is tested.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    pub(crate) payload: Payload,
    /// How long an answer may take.
    pub(crate) limit: Duration,
}

/// What is being tested, for who waits.
pub(crate) type Say<'a> = &'a (dyn Fn(&str) + Sync);

/// How long an agent may take to answer `/ping` after it was asked something else.
const RECOVERY: Duration = Duration::from_secs(5);
/// The port of HTTP agents, which other agents may find in their environment.
const HTTP_PORT: u16 = 8080;

/// A test that goes on: the agent, and what was found so far.
struct Test<'a> {
    subject: &'a Subject,
    manner: &'a Manner,
    report: Report,
    running: Running,
    address: Address,
    /// `None` where the protocol has no `/ping`.
    pings: Option<Pings>,
    starts: u32,
    sessions: u32,
    /// The session that was made last.
    session: String,
    /// Whether the agent answers messages of A2A 1.0 and not those of 0.3.
    speaks_a2a_one: bool,
    /// What the agent was asked and what it answered, for the IDs in it.
    asked: String,
    heard: String,
    /// Whether it cannot be started any more.
    is_over: bool,
    /// When the test began that goes on, and what the agent had printed by then.
    began: Instant,
    lines: Vec<String>,
    say: Say<'a>,
}

/// Tests the agent by every rule that the report wants.
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

/// Starts the agent as AgentCore may: with a `PORT` that is meant for HTTP agents.
async fn first_start(subject: &Subject, report: &mut Report) -> Result<Option<Running>, Failure> {
    let port = subject.contract.port;
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
    let seconds = limits::INITIALIZATION.as_secs();
    let (rule, observed) = match &failed.why {
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
        NotReady::Deaf => (
            Rule::StartTimeout,
            format!("the agent does not answer on port {port} within {seconds} s"),
        ),
    };
    Finding::error(rule, observed).with_lines(failed.lines.clone())
}

impl Test<'_> {
    /// A session that was not used before.
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

    /// A request that should be answered, in a session of its own.
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

    /// How the agent stands now.
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
            // A `/ping` that is not answered is a finding of its own.
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

    /// A request that costs nothing and that every agent of the protocol answers somehow.
    fn sign_of_life(&self) -> Request {
        match self.subject.contract.ping() {
            Some(path) => Request::get(path),
            None => Request::initialize(&self.subject.contract, "check-sign-of-life"),
        }
    }

    /// Starts the agent anew, where it does not answer any more.
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

    /// Asks under a foreign name, and goes on with the agent's own where that is refused.
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

    /// What the agent wrote into the folder that it was started in first.
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
