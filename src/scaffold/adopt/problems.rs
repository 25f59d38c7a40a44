//! Problems that keep the service from reaching a server: its address, and missing routes.

use super::{
    module::code::Value,
    reach::Reach,
    serving::{self, Mcp, Server, Start},
    sources::Sources,
};
use crate::config::Protocol;

/// A problem with how a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// `file:line`
    pub(crate) place: String,
    pub(crate) what: String,
    pub(crate) help: String,
    pub(crate) fault: Fault,
}

/// The kind of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// stdio or server-sent events.
    Transport,
    Host,
    Port,
    /// The path of an MCP server.
    Path,
    /// MCP sessions, or refused Host headers.
    Mcp,
    /// No route `/ping`.
    Ping,
}

impl Sources {
    /// Returns an app's problems that do not depend on its address.
    pub(super) fn problems_of_app(
        &self,
        server: Option<Server>,
        protocol: Protocol,
        reach: &Reach,
        place: &str,
    ) -> Vec<Problem> {
        let is_plain = matches!(
            server,
            Some(Server::Asgi(_) | Server::Flask | Server::A2aStrands | Server::A2aBuilder)
        );
        if !is_plain {
            return Vec::new();
        }
        if protocol == Protocol::Mcp {
            return self.problems_of_mcp_app(reach, place);
        }
        if self.has_ping(reach) {
            return Vec::new();
        }
        vec![Problem {
            place: place.to_owned(),
            what: "has no route `/ping`, which AgentCore calls to check the agent's health"
                .to_owned(),
            help: "answer `GET /ping` with `{\"status\": \"Healthy\"}`".to_owned(),
            fault: Fault::Ping,
        }]
    }

    /// Returns the problems of an MCP server's app, which has the same settings as a server that
    /// runs.
    pub(super) fn problems_of_mcp_app(&self, reach: &Reach, place: &str) -> Vec<Problem> {
        for module in &reach.modules {
            for call in &self.modules[module].module.code.calls {
                let callee = self.expanded(module, &call.callee);
                let (owner, last) = callee.rsplit_once('.').unwrap_or(("", &callee));
                let made = || self.maker(owner, reach);
                let (stateless, host) = match (last, Server::made_by(owner)) {
                    ("StreamableHTTPSessionManager", _) => {
                        (call.argument("stateless").cloned(), None)
                    }
                    ("streamable_http_app", Some(Server::Mcp(Mcp::Official1))) => {
                        let made = made();
                        let told =
                            |name| made.as_ref().and_then(|made| made.argument(name)).cloned();
                        (
                            told("stateless_http"),
                            Some(told("host").or_else(|| told("transport_security"))),
                        )
                    }
                    ("streamable_http_app", Some(Server::Mcp(_))) => (
                        call.argument("stateless_http").cloned(),
                        Some(
                            call.argument("host")
                                .or_else(|| call.argument("transport_security"))
                                .cloned(),
                        ),
                    ),
                    ("http_app", Some(Server::Mcp(_))) => {
                        (call.argument("stateless_http").cloned(), None)
                    }
                    _ => continue,
                };
                return mcp_problems(stateless.as_ref(), host.as_ref(), place);
            }
        }
        Vec::new()
    }
}

/// Returns the problems of these settings. `host` is the setting for the accepted host names, if
/// there is one.
fn mcp_problems(
    stateless: Option<&Value>,
    host: Option<&Option<Value>>,
    place: &str,
) -> Vec<Problem> {
    let mut found = Vec::new();
    let is_stateless = match stateless {
        Some(Value::Known(text)) => text == "True",
        Some(_) => true,
        None => false,
    };
    if !is_stateless {
        found.push(sessions(place));
    }
    let is_loopback = |value: &Option<Value>| match value {
        None => true,
        Some(Value::Known(host)) => ["127.0.0.1", "localhost", "::1"].contains(&host.as_str()),
        Some(_) => false,
    };
    if host.is_some_and(is_loopback) {
        found.push(Problem {
            place: place.to_owned(),
            what: "accepts only Host headers of this machine".to_owned(),
            help: "create it with `host=\"0.0.0.0\"`".to_owned(),
            fault: Fault::Mcp,
        });
    }
    found
}

fn sessions(place: &str) -> Problem {
    Problem {
        place: place.to_owned(),
        what: "keeps MCP sessions, but AgentCore sends session IDs that the server did not issue"
            .to_owned(),
        help: "make it stateless: `stateless_http=True`".to_owned(),
        fault: Fault::Mcp,
    }
}

/// Returns the problems of a server that is started this way.
pub(super) fn problems(start: &Start, protocol: Protocol, place: &str) -> Vec<Problem> {
    let problem = |fault: Fault, what: String, help: String| Problem {
        place: place.to_owned(),
        what,
        help,
        fault,
    };
    let mut found = Vec::new();
    if let Some(transport) = start.transport.text() {
        found.push(problem(
            Fault::Transport,
            format!("serves over {transport}, but AgentCore uses streamable HTTP"),
            "run it with `transport=\"streamable-http\"`".to_owned(),
        ));
        return found;
    }
    if let Some(host) = start.host.text()
        && !["0.0.0.0", "::"].contains(&host)
    {
        found.push(problem(
            Fault::Host,
            format!("listens on {host}, where AgentCore cannot reach it"),
            "make it listen on `host=\"0.0.0.0\"`".to_owned(),
        ));
    }
    let wanted = serving::port(protocol);
    if let Some(port) = start.port.text()
        && port != wanted
    {
        found.push(problem(
            Fault::Port,
            format!("listens on port {port}, but AgentCore connects to {wanted}"),
            format!("make it listen on `port={wanted}`"),
        ));
    }
    if let Some(stateless) = start.stateless.text()
        && stateless != "True"
    {
        found.push(sessions(place));
    }
    if let Some(path) = start.path.text()
        && protocol == Protocol::Mcp
        && path.trim_end_matches('/') != "/mcp"
    {
        found.push(problem(
            Fault::Path,
            format!("answers at `{path}`, but AgentCore calls `/mcp`"),
            "serve it at `/mcp`".to_owned(),
        ));
    }
    found
}
