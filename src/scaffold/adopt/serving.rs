//! Knows the libraries that agents serve with: how servers are created and started, and where they
//! listen.

use super::module::code::{Call, Value};
use crate::config::Protocol;

/// Something that can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// `BedrockAgentCoreApp`
    Sdk,
    /// The SDK's `AGUIApp`
    SdkAgui,
    /// An MCP server with a `run` method.
    Mcp(Mcp),
    /// The low-level server of `mcp`, which needs something else to serve it.
    McpLowLevel,
    /// An ASGI app, with its protocol if its creation shows it.
    Asgi(Option<Protocol>),
    Flask,
    /// `A2AServer` of Strands
    A2aStrands,
    /// `A2AStarletteApplication` of a2a-sdk and similar ones, whose `build()` creates an app.
    A2aBuilder,
}

/// The libraries with MCP servers, which take the address in different places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mcp {
    /// `mcp.server.fastmcp.FastMCP`: set on creation.
    Official1,
    /// `mcp.server.MCPServer`: set when it runs.
    Official2,
    /// `fastmcp.FastMCP`: set when it runs.
    Fast,
}

impl Server {
    /// Returns the server that `name` creates, for example `fastapi.FastAPI()`.
    pub(crate) fn made_by(name: &str) -> Option<Self> {
        let callee = name.strip_suffix("()")?;
        let (owner, last) = callee.rsplit_once('.').unwrap_or(("", callee));
        let root = callee.split('.').next().unwrap_or_default();
        let found = match last {
            "BedrockAgentCoreApp" => Self::Sdk,
            "AGUIApp" | "build_ag_ui_app" => Self::SdkAgui,
            "FastMCP" if root == "fastmcp" => Self::Mcp(Mcp::Fast),
            "FastMCP" => Self::Mcp(Mcp::Official1),
            "MCPServer" => Self::Mcp(Mcp::Official2),
            "Server" if root == "mcp" => Self::McpLowLevel,
            "FastAPI" | "Starlette" | "Quart" | "Litestar" | "Sanic" | "BlackSheep" => {
                Self::Asgi(None)
            }
            "Flask" => Self::Flask,
            "A2AServer" => Self::A2aStrands,
            "A2AStarletteApplication" | "A2AFastAPIApplication" | "A2ARESTFastAPIApplication" => {
                Self::A2aBuilder
            }
            "to_a2a" | "build_a2a_app" => Self::Asgi(Some(Protocol::A2a)),
            "create_strands_app" | "to_ag_ui" => Self::Asgi(Some(Protocol::Agui)),
            _ => return Self::of_method(owner, last),
        };
        Some(found)
    }

    fn of_method(owner: &str, last: &str) -> Option<Self> {
        let protocol = match (Self::made_by(owner)?, last) {
            (Self::A2aBuilder, "build")
            | (Self::A2aStrands, "to_starlette_app" | "to_fastapi_app") => Protocol::A2a,
            (Self::Mcp(_), "streamable_http_app" | "http_app" | "sse_app") => Protocol::Mcp,
            (Self::SdkAgui, _) => return Some(Self::SdkAgui),
            _ => return None,
        };
        Some(Self::Asgi(Some(protocol)))
    }

    pub(crate) fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Sdk => Some(Protocol::Http),
            Self::SdkAgui => Some(Protocol::Agui),
            Self::Mcp(_) | Self::McpLowLevel => Some(Protocol::Mcp),
            Self::Asgi(protocol) => protocol,
            Self::Flask => None,
            Self::A2aStrands | Self::A2aBuilder => Some(Protocol::A2a),
        }
    }
}

/// Returns the protocol that a call or import indicates, for apps that do not show it themselves.
pub(crate) fn sign(callee: &str) -> Option<Protocol> {
    let last = callee.rsplit('.').next().unwrap_or(callee);
    let root = callee.split('.').next().unwrap_or_default();
    match last {
        "StreamableHTTPSessionManager" | "streamable_http_app" => Some(Protocol::Mcp),
        "http_app" if root == "fastmcp" => Some(Protocol::Mcp),
        "A2AStarletteApplication"
        | "A2AFastAPIApplication"
        | "A2ARESTFastAPIApplication"
        | "A2AServer"
        | "to_a2a"
        | "build_a2a_app"
        | "create_jsonrpc_routes"
        | "create_rest_routes"
        | "add_a2a_routes_to_fastapi" => Some(Protocol::A2a),
        "EventEncoder"
        | "add_langgraph_fastapi_endpoint"
        | "add_adk_fastapi_endpoint"
        | "add_strands_fastapi_endpoint"
        | "add_crewai_flow_fastapi_endpoint"
        | "add_crewai_crew_fastapi_endpoint" => Some(Protocol::Agui),
        _ => None,
    }
}

/// A call that starts a server, and its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    /// The name of the served value; empty if the call itself implies it.
    pub(crate) what: String,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) line: usize,
    pub(crate) host: Setting,
    pub(crate) port: Setting,
    /// For MCP servers: `stdio`, `sse`, or what the service needs.
    pub(crate) transport: Setting,
    pub(crate) stateless: Setting,
    pub(crate) path: Setting,
}

/// A setting, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setting {
    /// What the service needs.
    Right,
    Is(String),
    /// Not set; this is the library's default.
    Default(&'static str),
    Unknown,
}

impl Setting {
    fn of(value: Option<&Value>, default: Self) -> Self {
        match value {
            None => default,
            Some(Value::Known(text)) => Self::Is(text.clone()),
            Some(Value::Named(_) | Value::Unknown) => Self::Unknown,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Is(text) => Some(text),
            Self::Default(text) => Some(text),
            Self::Right | Self::Unknown => None,
        }
    }
}

impl Start {
    /// Reads a call with the full name of its callee. `made` finds the call that created a server.
    pub(crate) fn read(
        call: &Call,
        callee: &str,
        made: &dyn Fn(&str) -> Option<Call>,
    ) -> Option<Self> {
        let (owner, last) = callee.rsplit_once('.').unwrap_or(("", callee));
        let start = match (callee, last) {
            ("uvicorn.run" | "uvicorn.Config", _) => Self::uvicorn(call),
            ("waitress.serve", _) => Self::waitress(call),
            (_, "serve_a2a") => {
                Self::new(call, Some(Protocol::A2a), Setting::Right, Setting::Right)
            }
            (_, "serve_ag_ui") => {
                Self::new(call, Some(Protocol::Agui), Setting::Right, Setting::Right)
            }
            _ => Self::method(call, owner, last, made)?,
        };
        Some(if call.argument("**").is_some() {
            start.forget_defaults()
        } else {
            start
        })
    }

    fn new(call: &Call, protocol: Option<Protocol>, host: Setting, port: Setting) -> Self {
        Self {
            what: String::new(),
            protocol,
            line: call.line,
            host: Setting::of(call.argument("host"), host),
            port: Setting::of(call.argument("port"), port),
            transport: Setting::Right,
            stateless: Setting::Right,
            path: Setting::Right,
        }
    }

    /// Forgets all defaults, because unpacked arguments may contain the settings.
    fn forget_defaults(mut self) -> Self {
        for place in [
            &mut self.host,
            &mut self.port,
            &mut self.transport,
            &mut self.stateless,
            &mut self.path,
        ] {
            if matches!(place, Setting::Default(_)) {
                *place = Setting::Unknown;
            }
        }
        self
    }

    fn uvicorn(call: &Call) -> Self {
        let what = call.argument("app").or_else(|| call.positional(0));
        let what = match what {
            Some(Value::Named(name)) => name.clone(),
            // `"main:app"`
            Some(Value::Known(text)) => text.replace(':', "."),
            Some(Value::Unknown) | None => String::new(),
        };
        Self {
            what,
            ..Self::new(
                call,
                None,
                Setting::Default("127.0.0.1"),
                Setting::Default("8000"),
            )
        }
    }

    fn waitress(call: &Call) -> Self {
        let what = match call.positional(0) {
            Some(Value::Named(name)) => name.clone(),
            _ => String::new(),
        };
        let start = Self::new(
            call,
            None,
            Setting::Default("0.0.0.0"),
            Setting::Default("8080"),
        );
        let start = Self { what, ..start };
        match call.argument("listen") {
            Some(_) => Self {
                host: Setting::Unknown,
                port: Setting::Unknown,
                ..start
            },
            None => start,
        }
    }

    fn method(
        call: &Call,
        owner: &str,
        last: &str,
        made: &dyn Fn(&str) -> Option<Call>,
    ) -> Option<Self> {
        let server = Server::made_by(owner)?;
        let start = match (server, last) {
            (Server::Sdk | Server::SdkAgui, "run") => {
                Self::new(call, server.protocol(), Setting::Right, Setting::Right)
            }
            (Server::Flask, "run") => Self::new(
                call,
                None,
                Setting::Default("127.0.0.1"),
                Setting::Default("5000"),
            ),
            (Server::A2aStrands, "serve") => {
                let made = made(owner);
                let argument = |name| made.as_ref().and_then(|made| made.argument(name));
                Self::new(
                    call,
                    server.protocol(),
                    Setting::of(argument("host"), Setting::Default("127.0.0.1")),
                    Setting::of(argument("port"), Setting::Right),
                )
            }
            (Server::Mcp(kind), _) => Self::mcp(call, kind, last, made(owner).as_ref())?,
            (Server::McpLowLevel, "run") => Self {
                transport: Setting::Is("stdio".to_owned()),
                ..Self::new(call, server.protocol(), Setting::Right, Setting::Right)
            },
            _ => return None,
        };
        Some(Self {
            what: owner.to_owned(),
            ..start
        })
    }

    fn mcp(call: &Call, kind: Mcp, last: &str, made: Option<&Call>) -> Option<Self> {
        let transport = match last {
            "run" | "run_async" => Setting::of(
                call.argument("transport").or_else(|| call.positional(0)),
                Setting::Default("stdio"),
            ),
            "run_stdio_async" => Setting::Is("stdio".to_owned()),
            "run_sse_async" => Setting::Is("sse".to_owned()),
            "run_http_async" | "run_streamable_http_async" => Setting::Right,
            _ => return None,
        };
        let transport = match transport.text() {
            Some("http" | "streamable-http") => Setting::Right,
            _ => transport,
        };
        // The first version takes these settings on creation, the others when they run.
        let told = match kind {
            Mcp::Official1 => made,
            Mcp::Official2 | Mcp::Fast => Some(call),
        };
        let argument = |name| told.and_then(|told| told.argument(name));
        let unread = kind == Mcp::Official1 && made.is_none();
        let default = |text| {
            if unread {
                Setting::Unknown
            } else {
                Setting::Default(text)
            }
        };
        let path = argument("streamable_http_path").or_else(|| argument("path"));
        Some(Self {
            transport,
            host: Setting::of(argument("host"), default("127.0.0.1")),
            port: Setting::of(argument("port"), Setting::Right),
            stateless: Setting::of(argument("stateless_http"), default("False")),
            path: Setting::of(path, Setting::Right),
            ..Self::new(call, Some(Protocol::Mcp), Setting::Right, Setting::Right)
        })
    }
}

/// Returns the port that the service expects.
pub(crate) fn port(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http | Protocol::Agui => "8080",
        Protocol::Mcp => "8000",
        Protocol::A2a => "9000",
    }
}
