//! The tests for each protocol.

use super::{
    Test,
    probes::{First, mark, words},
};
use crate::{
    check::{
        Answer, Finding, Payload, Rule,
        judge::{self, After},
        request::{Request, UNICODE},
    },
    config::Protocol,
    protocol::session,
};

/// The rules about an HTTP agent's answer.
const OF_AN_ANSWER: [Rule; 7] = [
    Rule::InvokeType,
    Rule::InvokeNotJson,
    Rule::StreamFormat,
    Rule::StreamBuffered,
    Rule::StreamCut,
    Rule::StreamError,
    Rule::Unicode,
];
const OF_A_REQUEST: [Rule; 2] = [Rule::InvokeError, Rule::InvokeFailed];
const OF_A_STREAM: [Rule; 3] = [Rule::StreamFormat, Rule::StreamBuffered, Rule::StreamError];
const OF_AGUI: [Rule; 4] = [
    Rule::AguiStream,
    Rule::AguiEvents,
    Rule::StreamCut,
    Rule::Unicode,
];

impl Test<'_> {
    pub(super) async fn probe(&mut self) {
        self.begin("a request");
        let first = match self.protocol() {
            Protocol::Http => self.http().await,
            Protocol::Mcp => self.mcp().await,
            Protocol::A2a => self.a2a().await,
            Protocol::Agui => self.agui().await,
        };
        self.hostile(&first).await;
        self.concurrent(&first).await;
        self.disconnect(&first).await;
        self.apart(&first).await;
    }

    async fn http(&mut self) -> First {
        let (first, answer) = match self.invoke(&OF_AN_ANSWER).await {
            Ok(answered) => answered,
            Err(first) => return first,
        };
        self.judge(Rule::InvokeType, judge::content_type(&answer));
        self.judge(Rule::InvokeNotJson, judge::not_json(&answer));
        self.judge(Rule::StreamCut, judge::stream::cut(&answer));
        if answer.is_event_stream() {
            self.judge(Rule::StreamFormat, judge::stream::format(&answer));
            self.judge(Rule::StreamBuffered, judge::stream::buffered(&answer));
            self.judge(Rule::StreamError, judge::stream::error_event(&answer));
        } else {
            self.report
                .skip(&OF_A_STREAM, "the answer is no event stream");
        }
        self.unicode().await;
        first
    }

    async fn agui(&mut self) -> First {
        let (first, answer) = match self.invoke(&OF_AGUI).await {
            Ok(answered) => answered,
            Err(first) => return first,
        };
        self.judge(Rule::StreamCut, judge::stream::cut(&answer));
        let finding = judge::agui::content_type(&answer);
        if finding.is_none() {
            let session = self.last_session();
            let run = format!("{session}-run");
            self.judge(
                Rule::AguiEvents,
                judge::agui::events(&answer, &session, &run),
            );
        }
        self.judge(Rule::AguiStream, finding);
        self.unicode().await;
        first
    }

    /// Sends the first request to an HTTP or AG-UI agent. Skips `rules` if it does not succeed.
    async fn invoke(&mut self, rules: &[Rule]) -> Result<(First, Answer), First> {
        let protocol = self.protocol();
        let has_mark = self.manner.payload.takes_mark(protocol);
        let mark = if has_mark { mark(1) } else { String::new() };
        let request = self.valid(&mark);
        let outcome = self.ask(request).await;
        let after = self.after().await;
        let path = self.subject.contract.path.clone();
        let is_there = matches!(&outcome, Ok(answer) if answer.is_success());
        let has_web_socket = !is_there && self.has_web_socket().await;
        if let Some(finding) = judge::missing(&outcome, &path, has_web_socket) {
            self.judge(Rule::InvokeMissing, Some(finding));
            let why = "there is nothing to ask";
            self.report.skip(rules, why);
            self.report.skip(&OF_A_REQUEST, why);
            return Err(First::default());
        }
        self.report.keep(Rule::InvokeMissing);
        if has_web_socket {
            let why = "the agent answers over WebSockets only";
            self.report.skip(rules, why);
            self.report.skip(&OF_A_REQUEST, why);
            return Err(First::default());
        }
        let finding = match &after {
            After::Well => judge::failed(&outcome, &self.manner.payload),
            After::Ended(_) | After::Deaf => {
                judge::hostile(Rule::InvokeFailed, "a valid request", &outcome, &after)
            }
        };
        let is_failed = finding.is_some();
        let rule = finding.as_ref().map(|finding| finding.rule);
        self.judge(rule.unwrap_or(Rule::InvokeFailed), finding);
        self.report.judge_error(&outcome);
        self.revive(&after).await;
        let is_error = outcome.as_ref().is_ok_and(Answer::is_error);
        let Some(answer) = outcome.ok().filter(|_| !is_failed) else {
            let first = First {
                is_error,
                ..First::default()
            };
            self.report.skip(rules, first.obstacle());
            return Err(first);
        };
        self.heard += &words(&answer);
        let first = First {
            is_answered: true,
            is_error: false,
            echoes: has_mark && answer.text().contains(&mark),
            mark,
            took: answer.took,
        };
        Ok((first, answer))
    }

    async fn has_web_socket(&self) -> bool {
        let mut request = Request::get("/ws");
        for (name, value) in [
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            request.headers.push((name, value.to_owned()));
        }
        matches!(self.ask(request).await, Ok(answer) if answer.status == 101)
    }

    async fn unicode(&mut self) {
        if self.is_over || !self.report.wants(Rule::Unicode) {
            return;
        }
        if !self.manner.payload.takes_mark(self.protocol()) {
            self.report
                .skip(&[Rule::Unicode], "the payload has no prompt to replace");
            return;
        }
        self.begin("text in other scripts");
        let session = self.session();
        let payload = Payload::Prompt {
            text: UNICODE.to_owned(),
            is_given: true,
        };
        let request = Request::valid(&self.subject.contract, &payload, &session, "");
        let outcome = self.ask(request).await;
        let after = self.after().await;
        let finding = judge::unicode(&outcome, &after);
        self.judge(Rule::Unicode, finding);
        self.revive(&after).await;
    }

    async fn mcp(&mut self) -> First {
        let contract = self.subject.contract.clone();
        let session = self.session();
        let list = Request::valid(&contract, &self.manner.payload, &session, "");
        let began = self.ask(Request::initialize(&contract, &session)).await;
        let listed = self.ask(list.clone()).await;
        let tools = match (
            judge::call(Rule::McpInitialize, "initialize", &began),
            judge::call(Rule::McpInitialize, "tools/list", &listed),
        ) {
            (Ok(_), Ok(tools)) => {
                self.report.keep(Rule::McpSessionId);
                Some(tools)
            }
            (Err(finding), _) | (_, Err(finding)) => {
                if let Some(tools) = self.with_its_own_session(&session, list).await {
                    self.judge(
                        Rule::McpSessionId,
                        Some(Finding::error(
                            Rule::McpSessionId,
                            "the agent refuses a request whose `Mcp-Session-Id` it did not issue",
                        )),
                    );
                    self.report.skip(&OF_MCP, NO_SESSION);
                    Some(tools)
                } else {
                    self.judge(Rule::McpInitialize, Some(finding));
                    self.report.skip(&[Rule::McpSessionId], NO_MCP);
                    self.report.skip(&OF_MCP, NO_MCP);
                    None
                }
            }
        };
        self.report.keep(Rule::McpInitialize);
        if let Some(tools) = &tools {
            self.judge(Rule::McpTools, judge::mcp::tools(tools));
        }
        if let Ok(answer) = &listed {
            self.heard += &words(answer);
            self.judge(Rule::StreamCut, judge::stream::cut(answer));
        }
        let after = self.after().await;
        if after != After::Well {
            let finding = judge::hostile(Rule::McpInitialize, "a valid request", &listed, &after);
            self.judge(Rule::McpInitialize, finding);
            self.revive(&after).await;
        }
        let is_answered = judge::is_answered(Protocol::Mcp, &listed);
        if is_answered {
            let stateless = self.ask(Request::stateless(&contract, &session)).await;
            let finding = judge::call(Rule::McpStateless, "tools/list", &stateless).err();
            self.judge(
                Rule::McpStateless,
                finding.map(|finding| Finding::warning(Rule::McpStateless, finding.observed)),
            );
            self.unknown_method(Rule::McpUnknownMethod).await;
        }
        First {
            is_answered,
            is_error: listed.as_ref().is_ok_and(Answer::is_error),
            took: listed.map(|answer| answer.took).unwrap_or_default(),
            ..First::default()
        }
    }

    /// Lists the tools in a session issued by the server.
    async fn with_its_own_session(
        &self,
        session: &str,
        list: Request,
    ) -> Option<serde_json::Value> {
        let without = |mut request: Request, own: Option<&String>| {
            request
                .headers
                .retain(|(name, _)| *name != session::MCP_HEADER);
            let own = own.map(|own| (session::MCP_HEADER, own.clone()));
            request.headers.extend(own);
            request
        };
        let request = Request::initialize(&self.subject.contract, session);
        let began = self.ask(without(request, None)).await;
        judge::call(Rule::McpInitialize, "initialize", &began).ok()?;
        let own = began.ok()?.headers.get(session::MCP_HEADER).cloned();
        let initialized = Request::initialized(&self.subject.contract, session);
        // A notification has no answer.
        let _ = self.ask(without(initialized, own.as_ref())).await;
        let listed = self.ask(without(list, own.as_ref())).await;
        judge::call(Rule::McpInitialize, "tools/list", &listed).ok()
    }

    async fn unknown_method(&mut self, rule: Rule) {
        if self.is_over || !self.report.wants(rule) {
            return;
        }
        self.begin("an unknown method");
        let session = self.session();
        let request = Request::unknown_method(&self.subject.contract, &session);
        let outcome = self.ask(request).await;
        let after = self.after().await;
        let finding = judge::unknown_method(rule, &outcome, &after);
        self.judge(rule, finding);
        self.revive(&after).await;
    }

    async fn a2a(&mut self) -> First {
        let card = self.ask(Request::get(CARD)).await;
        match judge::a2a::card(&card) {
            Ok(card) => {
                self.report.keep(Rule::A2aCard);
                self.judge(Rule::A2aCardFields, judge::a2a::card_fields(&card));
                let told = crate::check::request::RUNTIME_URL;
                self.judge(Rule::A2aCardAddress, judge::a2a::card_address(&card, told));
            }
            Err(finding) => {
                self.judge(Rule::A2aCard, Some(finding));
                self.report.skip(
                    &[Rule::A2aCardFields, Rule::A2aCardAddress],
                    "there is no agent card",
                );
            }
        }
        let request = self.valid("");
        let mut outcome = self.ask(request).await;
        if !judge::is_answered(Protocol::A2a, &outcome) {
            self.speaks_a2a_one = true;
            let request = self.valid("");
            let newer = self.ask(request).await;
            if judge::is_answered(Protocol::A2a, &newer) {
                outcome = newer;
            } else {
                self.speaks_a2a_one = false;
            }
        }
        let after = self.after().await;
        let finding = match after {
            After::Well => judge::a2a::message_failed(&outcome, &self.manner.payload),
            After::Ended(_) | After::Deaf => {
                judge::hostile(Rule::A2aMessage, "a message", &outcome, &after)
            }
        };
        self.judge(Rule::A2aMessage, finding);
        self.revive(&after).await;
        if let Ok(answer) = &outcome {
            self.heard += &words(answer);
            self.judge(Rule::StreamCut, judge::stream::cut(answer));
        }
        self.unknown_method(Rule::A2aUnknownMethod).await;
        First {
            is_answered: judge::is_answered(Protocol::A2a, &outcome),
            is_error: outcome.as_ref().is_ok_and(Answer::is_error),
            took: outcome.map(|answer| answer.took).unwrap_or_default(),
            ..First::default()
        }
    }
}

const OF_MCP: [Rule; 3] = [Rule::McpTools, Rule::McpStateless, Rule::McpUnknownMethod];
const NO_SESSION: &str = "the agent answers only in sessions that it issued";
const NO_MCP: &str = "the agent does not speak MCP here";
const CARD: &str = "/.well-known/agent-card.json";
