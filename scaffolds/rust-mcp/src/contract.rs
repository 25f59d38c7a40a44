//! AgentCore's contract for MCP servers: `POST /mcp`, without sessions of the server's own.
//!
//! AgentCore adds the ID of its session to every request, and this server never issued that ID. It
//! serves clients that begin with `initialize` (MCP up to 2025-11-25) and those that do not (MCP
//! 2026-07-28). Nothing here needs to change for other tools.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::HeaderMap,
    middleware::{Next, from_fn},
    response::Response,
};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use tracing::Instrument;

use crate::tools::Tools;

/// The port that AgentCore calls.
pub const PORT: u16 = 8000;

/// The largest request that AgentCore passes on.
const LARGEST: usize = 100_000_000;

/// Returns the routes of the contract.
pub fn router() -> Router {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        // AgentCore calls the server by a name of its own. Pages in a browser send their origin, and
        // are refused by it.
        .disable_allowed_hosts()
        .enforce_origin_validation()
        .with_max_request_body_bytes(LARGEST);
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(|| Ok(Tools), sessions, config);
    Router::new()
        .nest_service("/mcp", service)
        .layer(from_fn(in_span))
}

/// Adds the request and the session to log lines.
async fn in_span(request: Request, next: Next) -> Response {
    let span = span(request.headers());
    next.run(request).instrument(span).await
}

fn span(headers: &HeaderMap) -> tracing::Span {
    let header = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        (!value.is_empty()).then(|| value.to_owned())
    };
    let request_id = header("x-amzn-bedrock-agentcore-runtime-request-id")
        .unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let session_id = header("mcp-session-id");
    tracing::info_span!("request", requestId = request_id, sessionId = session_id)
}

#[cfg(test)]
mod tests;
