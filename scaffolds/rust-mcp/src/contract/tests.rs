use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

/// A request as AgentCore sends it, in a session that this server did not issue.
fn call(version: &str, method: &str, params: &Value) -> Request<Body> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    Request::post("/mcp")
        .header(header::HOST, "cell.agentcore.internal")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("Mcp-Session-Id", "a-session-of-agentcore")
        .header("MCP-Protocol-Version", version)
        .body(body.to_string().into())
        .unwrap()
}

async fn send(request: Request<Body>) -> (StatusCode, String, String) {
    let answer = router().oneshot(request).await.unwrap();
    let kind = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .map_or("", |kind| kind.to_str().unwrap())
        .to_owned();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

/// Returns the answer's `result`.
async fn result(request: Request<Body>) -> Value {
    let (status, kind, body) = send(request).await;
    assert_eq!(
        (status, &*kind),
        (StatusCode::OK, "application/json"),
        "{body}"
    );
    let mut body: Value = serde_json::from_str(&body).unwrap();
    body["result"].take()
}

fn days(first: &str) -> Value {
    let arguments = json!({ "first": first, "last": "2026-12-24" });
    json!({ "name": "days_between", "arguments": arguments })
}

const HANDSHAKE: &str = "2025-11-25";
const STATELESS: &str = "2026-07-28";

#[tokio::test]
async fn serves_clients_that_begin_with_initialize() {
    let client = json!({ "name": "test", "version": "1" });
    let params = json!({ "protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": client });
    let begun = result(call(HANDSHAKE, "initialize", &params)).await;
    assert_eq!(begun["protocolVersion"], HANDSHAKE);
    assert_eq!(begun["serverInfo"]["name"], env!("CARGO_PKG_NAME"));
    let listed = result(call(HANDSHAKE, "tools/list", &json!({}))).await;
    let tool = &listed["tools"][0];
    assert_eq!(tool["name"], "days_between");
    assert_eq!(tool["inputSchema"]["required"], json!(["first", "last"]));
    let called = result(call(HANDSHAKE, "tools/call", &days("2026-01-01"))).await;
    assert_eq!(called["content"][0]["text"], "357");
}

#[tokio::test]
async fn serves_clients_without_a_handshake() {
    let mut params = days("2026-01-01");
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    });
    let mut request = call(STATELESS, "tools/call", &params);
    for (name, value) in [("Mcp-Method", "tools/call"), ("Mcp-Name", "days_between")] {
        let value = HeaderValue::from_static(value);
        request.headers_mut().insert(name, value);
    }
    let called = result(request).await;
    assert_eq!(called["content"][0]["text"], "357");
}

#[tokio::test]
async fn the_error_of_a_tool_is_its_result() {
    let called = result(call(HANDSHAKE, "tools/call", &days("2026-02-30"))).await;
    assert_eq!(called["isError"], true);
    let text = called["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("2026-02-30 is not a date"), "{text}");
}

#[tokio::test]
async fn an_unknown_method_is_an_error_of_json_rpc() {
    let (_, _, body) = send(call(HANDSHAKE, "other", &json!({}))).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["error"]["code"], -32601);
}

#[tokio::test]
async fn takes_large_requests() {
    let padding = json!({ "_meta": { "padding": "x".repeat(10_000_000) } });
    let listed = result(call(HANDSHAKE, "tools/list", &padding)).await;
    assert_eq!(listed["tools"][0]["name"], "days_between");
}

#[tokio::test]
async fn refuses_pages_in_a_browser() {
    let mut request = call(HANDSHAKE, "tools/list", &json!({}));
    let origin = HeaderValue::from_static("https://example.com");
    request.headers_mut().insert(header::ORIGIN, origin);
    assert_eq!(send(request).await.0, StatusCode::FORBIDDEN);
}
