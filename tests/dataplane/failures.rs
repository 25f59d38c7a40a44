//! Failures are reported as the service reports them.

use serde_json::json;

use super::{Place, session};

#[test]
fn an_agents_error_is_a_424_with_the_end_of_its_log() {
    let place = Place::new();
    for status in [400, 404, 500, 503] {
        let reply = place
            .ask(&json!({ "do": "fail", "status": status }))
            .send(&place);
        let (name, message) = reply.error();
        assert_eq!((reply.status, name.as_str()), (424, "RuntimeClientError"));
        assert!(
            message.starts_with(&format!(
                "Received error ({status}) from runtime. Please check your CloudWatch logs for more information."
            )),
            "{message}"
        );
        assert!(message.contains("before the failure"), "{message}");
    }
    // Only this request is affected.
    let id = session("exit");
    let reply = place
        .ask(&json!({ "do": "exit" }))
        .session(&id)
        .send(&place);
    let (name, message) = reply.error();
    assert_eq!((reply.status, name.as_str()), (424, "RuntimeClientError"));
    assert!(message.contains("last words"), "{message}");
    let again = place.ask(&json!({ "again": 1 })).session(&id).send(&place);
    assert_eq!(again.status, 200, "{}", again.text());

    let words = ["invoke", "--local", r#"{"do": "fail"}"#];
    let outcome = place.cli(&words).run().exits(1);
    assert!(
        outcome.stderr.contains("before the failure"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.stdout, "");
    // Its answer to a deployment's call has the log's end too, once.
    let words = ["deploy", "--local", "--smoke", r#"{"do": "fail"}"#];
    let outcome = place.cli(&words).run().exits(1);
    let shown = outcome.stderr.matches("before the failure").count();
    assert_eq!(shown, 1, "{}", outcome.stderr);
}

#[test]
fn what_the_service_does_not_take_reaches_no_agent() {
    let place = Place::new();
    for (ask, field) in [
        (place.ask(&json!({})).session("short"), "runtimeSessionId"),
        (
            place.ask(&json!({})).session(&"a".repeat(257)),
            "runtimeSessionId",
        ),
        (
            // The length alone is enough, without a body.
            place
                .ask(&json!({}))
                .body("")
                .header("Content-Length", "100000001"),
            "payload",
        ),
    ] {
        let reply = ask.send(&place);
        let (name, message) = reply.error();
        assert_eq!(
            (reply.status, name.as_str()),
            (400, "ValidationException"),
            "{message}"
        );
        assert!(
            message.starts_with(&format!(
                "1 validation error detected: Value at '{field}' failed"
            )),
            "{message}"
        );
        assert_eq!(reply.json()["fieldList"][0]["name"], field);
    }
    let logs = place.cli(&["logs", "--local"]).run();
    assert!(
        !logs.stdout.contains("listening"),
        "an agent was started: {}",
        logs.stdout
    );
}

#[test]
fn a_payload_of_any_kind_reaches_the_agent_as_it_is() {
    let place = Place::new();
    let large = json!({ "filler": "x".repeat(5_000_000) }).to_string();
    let reply = place.ask(&json!({})).body(large.clone()).send(&place);
    assert_eq!(reply.json()["bytes"], large.len());
    assert_eq!(
        reply.json()["asked"]["filler"].as_str().unwrap().len(),
        5_000_000
    );
    let empty = place
        .ask(&json!({}))
        .body("")
        .without("Content-Type")
        .send(&place);
    assert_eq!(
        (empty.status, empty.json()["bytes"].clone()),
        (200, json!(0))
    );
}
