use super::*;

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    let found = reply.headers.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn an_http_agents_error_is_a_status_a_name_and_a_message() {
    let reply = Refusal::agent_error(500, &[]).reply(Protocol::Http, None);
    assert_eq!(reply.status, 424);
    assert_eq!(
        header(&reply, "x-amzn-errortype"),
        Some("RuntimeClientError")
    );
    assert_eq!(header(&reply, "content-type"), Some("application/json"));
    let message = body(&reply)["message"].as_str().unwrap().to_owned();
    assert_eq!(Refusal::status_of_agent(&message), Some(500));
    assert_eq!(Refusal::status_of_agent("Received error (x)"), None);
    assert_eq!(
        body(&reply),
        json!({ "message": "Received error (500) from runtime. Please check your CloudWatch logs for more information." })
    );
}

#[test]
fn every_error_has_the_status_that_the_api_model_gives_it() {
    for (kind, status) in [
        (Kind::Validation, 400),
        (Kind::Unauthorized, 401),
        (Kind::ServiceQuota, 402),
        (Kind::AccessDenied, 403),
        (Kind::NotFound, 404),
        (Kind::Conflict, 409),
        (Kind::RetryableConflict, 409),
        (Kind::RuntimeClient, 424),
        (Kind::Throttling, 429),
        (Kind::Internal, 500),
    ] {
        assert_eq!(
            Refusal::new(kind, "x").reply(Protocol::Http, None).status,
            status
        );
    }
}

#[test]
fn mcp_errors_are_json_rpc_with_the_status_200() {
    let id = json!(3);
    let reply = Refusal::agent_error(404, &[]).reply(Protocol::Mcp, Some(&id));
    assert_eq!(reply.status, 200);
    assert_eq!(
        body(&reply),
        json!({ "jsonrpc": "2.0", "id": 3, "error": {
            "code": -32010,
            "message": "Received error (404) from runtime. Please check your CloudWatch logs for more information.",
        } })
    );
    let quota = Refusal::new(Kind::ServiceQuota, "x").reply(Protocol::Mcp, None);
    assert_eq!(
        (quota.status, body(&quota)["error"]["code"].clone()),
        (200, json!(-32003))
    );
    assert_eq!(body(&quota)["id"], Value::Null);
    let unauthorized = Refusal::new(Kind::Unauthorized, "x").reply(Protocol::Mcp, None);
    assert_eq!(unauthorized.status, 401);
}

#[test]
fn a2a_errors_are_json_rpc_with_the_real_status() {
    for (kind, status, code) in [
        (Kind::NotFound, 404, -32051),
        (Kind::Validation, 400, -32052),
        (Kind::Throttling, 429, -32053),
        (Kind::ServiceQuota, 429, -32053),
        (Kind::Conflict, 409, -32054),
        (Kind::RetryableConflict, 409, -32054),
        (Kind::RuntimeClient, 424, -32055),
        (Kind::Internal, 500, -32603),
    ] {
        let id = json!("req-001");
        let reply = Refusal::new(kind, "x").reply(Protocol::A2a, Some(&id));
        assert_eq!(reply.status, status, "{kind:?}");
        assert_eq!(body(&reply)["error"]["code"], code, "{kind:?}");
        assert_eq!(body(&reply)["id"], id);
    }
    let denied = Refusal::wrong_authorization().reply(Protocol::A2a, None);
    assert_eq!(denied.status, 403);
    assert!(body(&denied).get("error").is_none());
    assert!(
        body(&denied)["message"]
            .as_str()
            .unwrap()
            .contains("mismatch")
    );
}

#[test]
fn agui_errors_are_events() {
    let reply = Refusal::session_busy().reply(Protocol::Agui, None);
    assert_eq!(reply.status, 409);
    assert_eq!(header(&reply, "content-type"), Some("text/event-stream"));
    assert_eq!(
        String::from_utf8(reply.body).unwrap(),
        "data: {\"type\":\"RUN_ERROR\",\"code\":\"SESSION_BUSY\",\"message\":\"Session operation in progress, please retry\"}\n\n"
    );
    // A line break in the message would end the event.
    let failed = Refusal::agent_error(500, &["a\nb".to_owned()]).reply(Protocol::Agui, None);
    assert_eq!(failed.status, 200);
    let text = String::from_utf8(failed.body).unwrap();
    assert_eq!(text.matches('\n').count(), 2, "{text}");
    assert!(text.contains("AGENT_ERROR"), "{text}");
}

#[test]
fn a_field_that_breaks_a_rule_is_named_as_the_service_names_it() {
    let reply = Refusal::invalid(
        "runtimeSessionId",
        "Member must have length greater than or equal to 33",
    )
    .reply(Protocol::Http, None);
    let message = "1 validation error detected: Value at 'runtimeSessionId' failed to satisfy constraint: Member must have length greater than or equal to 33";
    assert_eq!(reply.status, 400);
    assert_eq!(
        body(&reply),
        json!({
            "message": message,
            "reason": "FieldValidationFailed",
            "fieldList": [{ "name": "runtimeSessionId", "message": message }],
        })
    );
}

#[test]
fn an_agents_failure_carries_the_end_of_its_log() {
    let log: Vec<String> = (0..100).map(|line| format!("line {line}.")).collect();
    let message = Refusal::slow_start(&log).message;
    assert!(message.contains("completes in 30s."), "{message}");
    assert!(
        message.contains("line 80.") && message.contains("line 99."),
        "{message}"
    );
    assert!(!message.contains("line 79."), "{message}");
    assert!(!Refusal::slow_start(&[]).message.contains("log ends"));
}

#[test]
fn only_a_request_has_an_id() {
    for (body, id) in [
        (r#"{"jsonrpc":"2.0","id":7,"method":"x"}"#, Some(json!(7))),
        (r#"{"id":"a"}"#, Some(json!("a"))),
        (r#"{"id":null}"#, None),
        (r#"{"id":[1]}"#, None),
        ("[]", None),
        ("", None),
    ] {
        assert_eq!(json_rpc_id(body.as_bytes()), id, "{body}");
    }
}
