//! Tests a running agent with a few valid requests in new sessions.

use std::time::Duration;

use super::{
    Manner,
    probes::{NO_ANSWER, mark},
};
use crate::{
    check::{
        Answer, Finding, NoAnswer, Outcome, Payload, Report, Rule,
        judge::{self, After},
        remote::AgentPlace,
        request::{Request, UNICODE},
    },
    config::Protocol,
    effects::{
        aws::data_plane::{DataPlane, Invocation, Refusal, Reply, Target},
        clock,
        dev::NOT_RUNNING,
    },
    names::{EndpointName, SessionId},
    protocol::{contract::Contract, headers, invocation::Header, limits, refusal::Kind, session},
};

/// An agent reached through the service or as the service reaches it.
pub(crate) struct Remote<'a> {
    pub(crate) plane: &'a DataPlane,
    pub(crate) arn: &'a str,
    pub(crate) endpoint: &'a EndpointName,
    pub(crate) contract: Contract,
    pub(crate) place: AgentPlace,
}

/// A test in progress.
struct Test<'a> {
    remote: &'a Remote<'a>,
    manner: &'a Manner,
    report: Report,
    sessions: Vec<SessionId>,
}

/// How long the service may take to end a session.
const STOP: Duration = Duration::from_mins(1);

const OF_AN_ANSWER: [Rule; 6] = [
    Rule::InvokeType,
    Rule::InvokeNotJson,
    Rule::StreamFormat,
    Rule::StreamCut,
    Rule::StreamError,
    Rule::Unicode,
];
const OF_AGUI: [Rule; 4] = [
    Rule::AguiStream,
    Rule::AguiEvents,
    Rule::StreamCut,
    Rule::Unicode,
];
const NO_CARD: &str = "there is no agent card";
const NO_MCP: &str = "the agent does not speak MCP here";

/// Tests the rules that the report wants, and ends the sessions that it began. A refusal comes from
/// the service and means that the agent got no request.
pub(crate) async fn run(
    remote: &Remote<'_>,
    manner: &Manner,
    report: Report,
) -> Result<Report, Refusal> {
    let mut test = Test {
        remote,
        manner,
        report,
        sessions: Vec::new(),
    };
    let tested = match remote.contract.protocol {
        Protocol::Http | Protocol::Agui => test.invoke().await,
        Protocol::Mcp => test.mcp().await,
        Protocol::A2a => test.a2a().await,
    };
    test.end_sessions().await;
    tested.map(|()| test.report)
}

impl Test<'_> {
    fn session(&mut self) -> SessionId {
        let number = self.sessions.len() + 1;
        let name = format!("check-{number}-{}", clock::unique_id());
        let session = SessionId::parse(&name).expect("it has the length and the letters of an ID");
        self.sessions.push(session.clone());
        session
    }

    fn target(&self, session: &SessionId) -> Target {
        Target {
            arn: self.remote.arn.to_owned(),
            endpoint: self.remote.endpoint.clone(),
            session: session.clone(),
        }
    }

    async fn end_sessions(&self) {
        if self.remote.place == AgentPlace::Dev {
            return;
        }
        for session in &self.sessions {
            // A session that is not ended here ends after its idle timeout.
            let _ = self.remote.plane.stop(&self.target(session), STOP).await;
        }
    }

    async fn ask(&self, request: Request, session: &SessionId) -> Result<Outcome, Refusal> {
        let Request {
            method: _,
            path: _,
            headers: all,
            body,
        } = request;
        // The data plane sets these itself.
        let own = [
            "content-type",
            "accept",
            session::HEADER,
            session::MCP_HEADER,
            headers::REQUEST_ID,
        ];
        let headers = all.into_iter().filter(|(name, _)| {
            let is_own = own.iter().any(|own| own.eq_ignore_ascii_case(name));
            !is_own
        });
        let invocation = Invocation {
            payload: body,
            content_type: crate::protocol::invocation::JSON.to_owned(),
            user: None,
            headers: headers
                .map(|(name, value)| Header {
                    name: name.to_owned(),
                    value,
                })
                .collect(),
        };
        let begin = clock::now();
        let limit = self.manner.limit;
        let target = self.target(session);
        let reply = self.remote.plane.invoke(&target, &invocation, limit).await;
        let outcome = self.outcome(reply).await?;
        Ok(outcome.map(|answer| Answer {
            took: begin.elapsed(),
            ..answer
        }))
    }

    /// Converts a reply to the agent's outcome, or returns the service's refusal.
    async fn outcome(&self, reply: Result<Reply, Refusal>) -> Result<Outcome, Refusal> {
        let limit = self.manner.limit;
        match reply {
            Ok(reply) => Ok(read(reply, limit).await),
            Err(Refusal::Silent) => Ok(Err(NoAnswer::Late(limit))),
            Err(Refusal::Answered {
                error,
                status,
                authenticate,
            }) => {
                let code = error.code.as_deref();
                let is_the_agents = match self.remote.place {
                    AgentPlace::Dev => code != Some(NOT_RUNNING),
                    AgentPlace::Local | AgentPlace::Aws => {
                        status == Kind::RuntimeClient.status()
                            || code == Some(Kind::RuntimeClient.name())
                    }
                };
                if is_the_agents {
                    return Ok(Ok(Answer {
                        status,
                        body: error.message.into_bytes(),
                        is_whole: true,
                        ..Answer::default()
                    }));
                }
                Err(Refusal::Answered {
                    error,
                    status,
                    authenticate,
                })
            }
            Err(refusal @ (Refusal::Unreachable(_) | Refusal::Broken(_))) => Err(refusal),
        }
    }

    /// Sends two requests: one with the payload, one with text in several scripts.
    async fn invoke(&mut self) -> Result<(), Refusal> {
        let (contract, payload) = (self.remote.contract.clone(), self.manner.payload.clone());
        let is_http = contract.protocol == Protocol::Http;
        let rules: &[Rule] = if is_http { &OF_AN_ANSWER } else { &OF_AGUI };
        let has_mark = payload.takes_mark(contract.protocol);
        let mark = if has_mark { mark(1) } else { String::new() };
        let session = self.session();
        let request = Request::valid(&contract, &payload, session.as_str(), &mark);
        let outcome = self.ask(request, &session).await?;
        let missing = judge::missing(&outcome, &contract.path, false);
        let is_missing = missing.is_some() && self.remote.place == AgentPlace::Dev;
        if self.remote.place == AgentPlace::Dev {
            self.report.judge(Rule::InvokeMissing, missing);
        }
        if is_missing {
            let why = "there is nothing to ask";
            self.report
                .skip(&[Rule::InvokeError, Rule::InvokeFailed], why);
        } else {
            let failed = judge::failed(&outcome, &payload);
            let rule = failed.as_ref().map(|failed| failed.rule);
            self.report
                .judge(rule.unwrap_or(Rule::InvokeFailed), failed);
            if self.is_tested(Rule::InvokeError) {
                self.report.judge_error(&outcome);
            }
        }
        let Some(answer) = outcome.ok().filter(Answer::is_success) else {
            let open = rules.iter().chain([&Rule::SessionLeak]);
            let open: Vec<Rule> = open.copied().filter(|rule| self.is_tested(*rule)).collect();
            self.report.skip(&open, NO_ANSWER);
            return Ok(());
        };
        if is_http {
            self.http(&answer);
        } else {
            self.agui(&answer, session.as_str());
        }
        self.unicode(&mark).await
    }

    fn is_tested(&self, rule: Rule) -> bool {
        crate::check::remote::is_tested(rule, self.remote.place)
    }

    fn http(&mut self, answer: &Answer) {
        let report = &mut self.report;
        report.judge(Rule::InvokeType, judge::content_type(answer));
        report.judge(Rule::InvokeNotJson, judge::not_json(answer));
        report.judge(Rule::StreamCut, judge::stream::cut(answer));
        if !answer.is_event_stream() {
            let why = "the answer is not an event stream";
            report.skip(&[Rule::StreamFormat, Rule::StreamError], why);
            return;
        }
        report.judge(Rule::StreamFormat, judge::stream::format(answer));
        report.judge(Rule::StreamError, judge::stream::error_event(answer));
    }

    fn agui(&mut self, answer: &Answer, session: &str) {
        let report = &mut self.report;
        report.judge(Rule::StreamCut, judge::stream::cut(answer));
        let no_stream = judge::agui::content_type(answer);
        if no_stream.is_none() {
            let events = judge::agui::events(answer, session, &format!("{session}-run"));
            report.judge(Rule::AguiEvents, events);
        }
        report.judge(Rule::AguiStream, no_stream);
    }

    /// Sends text in other scripts, in another session, which must not reveal what the first one
    /// was sent.
    async fn unicode(&mut self, mark: &str) -> Result<(), Refusal> {
        let rules = [Rule::Unicode, Rule::SessionLeak];
        if mark.is_empty() {
            let open: Vec<Rule> = rules.into_iter().filter(|r| self.is_tested(*r)).collect();
            self.report
                .skip(&open, "the payload has no prompt to replace");
            return Ok(());
        }
        let payload = Payload::Prompt {
            text: UNICODE.to_owned(),
            is_given: true,
        };
        let session = self.session();
        let request = Request::valid(&self.remote.contract, &payload, session.as_str(), "");
        let outcome = self.ask(request, &session).await?;
        let garbled = judge::unicode(&outcome, &After::Well);
        self.report.judge(Rule::Unicode, garbled);
        if let (Ok(answer), true) = (&outcome, self.is_tested(Rule::SessionLeak)) {
            let leaked = judge::leaked(answer, mark);
            self.report.judge(Rule::SessionLeak, leaked);
        }
        Ok(())
    }

    async fn mcp(&mut self) -> Result<(), Refusal> {
        let contract = self.remote.contract.clone();
        let session = self.session();
        let name = session.as_str();
        let initialize = Request::initialize(&contract, name);
        let began = self.ask(initialize, &session).await?;
        let list = Request::valid(&contract, &self.manner.payload, name, "");
        let listed = self.ask(list, &session).await?;
        let tools = judge::call(Rule::McpInitialize, "initialize", &began)
            .and_then(|_| judge::call(Rule::McpInitialize, "tools/list", &listed));
        let tools = match tools {
            Ok(tools) => tools,
            Err(finding) => {
                self.report.find(finding);
                let open = [
                    Rule::McpSessionId,
                    Rule::McpTools,
                    Rule::McpStateless,
                    Rule::StreamCut,
                ];
                self.report.skip(&open, NO_MCP);
                return Ok(());
            }
        };
        // The caller chose the session's ID.
        self.report.keep(Rule::McpSessionId);
        self.report.keep(Rule::McpInitialize);
        self.report.judge(Rule::McpTools, judge::mcp::tools(&tools));
        if let Ok(answer) = &listed {
            self.report
                .judge(Rule::StreamCut, judge::stream::cut(answer));
        }
        if self.report.wants(Rule::McpStateless) {
            let request = Request::stateless(&contract, name);
            let stateless = self.ask(request, &session).await?;
            let finding = judge::call(Rule::McpStateless, "tools/list", &stateless).err();
            let finding = finding.map(|found| Finding::warning(Rule::McpStateless, found.observed));
            self.report.judge(Rule::McpStateless, finding);
        }
        Ok(())
    }

    async fn a2a(&mut self) -> Result<(), Refusal> {
        let contract = self.remote.contract.clone();
        let session = self.session();
        let limit = self.manner.limit;
        let target = self.target(&session);
        let card = self.remote.plane.agent_card(&target, limit).await;
        let card = self.outcome(card).await?;
        let mut is_of_one = false;
        match judge::a2a::card(&card) {
            Ok(card) => {
                is_of_one = !card["supportedInterfaces"].is_null();
                self.report.keep(Rule::A2aCard);
                let fields = judge::a2a::card_fields(&card);
                self.report.judge(Rule::A2aCardFields, fields);
                if self.is_tested(Rule::A2aCardAddress) {
                    let address = judge::a2a::card_address(&card, "");
                    self.report.judge(Rule::A2aCardAddress, address);
                }
            }
            Err(finding) => {
                self.report.find(finding);
                let rules = [Rule::A2aCardFields, Rule::A2aCardAddress].into_iter();
                let open: Vec<Rule> = rules.filter(|rule| self.is_tested(*rule)).collect();
                self.report.skip(&open, NO_CARD);
            }
        }
        let payload = &self.manner.payload;
        let request = if is_of_one {
            Request::message_of_one(&contract, payload, session.as_str())
        } else {
            Request::valid(&contract, payload, session.as_str(), "")
        };
        let outcome = self.ask(request, &session).await?;
        let failed = judge::a2a::message_failed(&outcome, payload);
        self.report.judge(Rule::A2aMessage, failed);
        if let Ok(answer) = &outcome {
            self.report
                .judge(Rule::StreamCut, judge::stream::cut(answer));
        }
        Ok(())
    }
}

/// Reads an answer to its end.
async fn read(mut reply: Reply, limit: Duration) -> Outcome {
    let mut answer = Answer {
        status: reply.status,
        headers: [("content-type".to_owned(), reply.content_type.clone())].into(),
        is_whole: true,
        ..Answer::default()
    };
    while let Some(next) = reply.next(limit).await {
        match next {
            Ok(bytes) => answer.body.extend_from_slice(&bytes),
            Err(_) => answer.is_whole = false,
        }
        if !answer.is_whole || answer.body.len() > limits::PAYLOAD {
            break;
        }
    }
    Ok(answer)
}
