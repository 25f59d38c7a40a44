//! Which headers reach the agent, and which are returned.

use super::{Place, SESSION, seen, session};

#[test]
fn an_agent_sees_what_the_service_passes_on() {
    let place = Place::with(
        8080,
        "header-allowlist = [\"X-Tenant\"]\nfile-systems = [{ session-storage = \"/mnt/work\" }]",
    );
    let id = session("headers");
    let ask = place
        .ask(&serde_json::json!({}))
        .session(&id)
        .header("x-tenant", "a")
        .header("X-Other", "b")
        .header("Cookie", "c=d")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .header(
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=test/20261129/us-east-1/bedrock-agentcore/aws4_request, SignedHeaders=host, Signature=0",
        )
        .header("X-Amz-Security-Token", "e")
        .header("X-Amzn-Bedrock-AgentCore-Runtime-User-Id", "f")
        .header("X-Amzn-Bedrock-AgentCore-Runtime-Request-Id", "forged")
        .header("X-Amzn-Bedrock-AgentCore-Runtime-Custom-A", "g");
    let look = place.look(ask.clone());
    assert_eq!(look["path"], "/invocations");
    assert_eq!(seen(&look, SESSION), Some(id.as_str()));
    assert_eq!(seen(&look, "x-tenant"), Some("a"));
    assert_eq!(seen(&look, "content-type"), Some("application/json"));
    assert!(seen(&look, "traceparent").unwrap().starts_with("00-4bf9"));
    let request = seen(&look, "x-amzn-bedrock-agentcore-runtime-request-id");
    assert_ne!(request, Some("forged"));
    assert_eq!(request.map(str::len), Some(36));
    for name in [
        "x-other",
        "cookie",
        "authorization",
        "x-amz-security-token",
        "x-amzn-bedrock-agentcore-runtime-user-id",
        "x-amzn-bedrock-agentcore-runtime-custom-a",
    ] {
        assert_eq!(seen(&look, name), None, "{name}");
    }

    let reply = ask.body(r#"{"do":"look"}"#).send(&place);
    assert_eq!(reply.header(SESSION), Some(id.as_str()));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("x-amzn-requestid").map(str::len), Some(36));
    assert_eq!(reply.header("set-cookie"), None);
    let note = reply.header("x-cargo-agentcore-note").unwrap();
    assert!(
        note.ends_with("the file system at `/mnt/work` is not mounted on this machine"),
        "{note}"
    );
    assert_eq!(reply.header("server"), None);

    let long = place
        .ask(&serde_json::json!({}))
        .header("X-Tenant", "a".repeat(4097))
        .send(&place);
    let (name, message) = long.error();
    assert_eq!((long.status, name.as_str()), (400, "ValidationException"));
    assert!(message.contains("4096"), "{message}");
}
