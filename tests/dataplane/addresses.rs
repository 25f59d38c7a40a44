//! How a runtime is addressed, and who may call it.

use serde_json::json;

use super::{Place, encoded};

#[test]
fn a_runtime_is_named_by_its_arn_or_its_id_and_by_nothing_else() {
    let place = Place::new();
    let id = place.arn.rsplit('/').next().unwrap();
    let account = place.arn.split(':').nth(4).unwrap();
    let target = |target: String| {
        let mut ask = place.ask(&json!({}));
        ask.target = target;
        ask.send(&place)
    };
    let by_id = format!("/runtimes/{id}/invocations?accountId={account}");
    assert_eq!(target(by_id).status, 200);
    let lower = encoded(&place.arn)
        .replace("%3A", "%3a")
        .replace("%2F", "%2f");
    assert_eq!(
        target(format!("/runtimes/{lower}/invocations/?qualifier=DEFAULT")).status,
        200
    );

    for (wrong, status, told) in [
        (format!("/runtimes/{id}/invocations"), 400, "accountId"),
        (format!("/runtimes/{}/invocations", place.arn), 404, "%2F"),
        (
            format!("/runtimes/{lower}/invocations?qualifier=nowhere"),
            404,
            "'nowhere'",
        ),
        (
            format!("/runtimes/{lower}x/invocations"),
            404,
            "No endpoint or agent found",
        ),
        (
            format!("/runtimes/{lower}/invocations/x"),
            404,
            "invocations/x",
        ),
        (
            format!("/runtimes/{lower}/invocations/%2e%2e/commands"),
            404,
            "no operation",
        ),
        (
            "/runtimes/%zz/invocations?accountId=000000000000".to_owned(),
            400,
            "percent-encoded",
        ),
    ] {
        let reply = target(wrong.clone());
        let (_, message) = reply.error();
        assert_eq!(reply.status, status, "{wrong}: {message}");
        assert!(message.contains(told), "{wrong}: {message}");
    }
    let reply = place.ask_for("GET", "invocations").send(&place);
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
}

#[test]
fn a_page_in_a_browser_is_refused_whatever_it_asks_for() {
    let place = Place::new();
    let ask = place.ask(&json!({}));
    let mut control = ask.clone();
    control.method = "GET";
    control.target = format!("/runtimes/{}/", place.arn.rsplit('/').next().unwrap());
    for ask in [ask, control] {
        for (name, value) in [
            ("Host", "evil.example"),
            ("Host", "localhost.evil.example:80"),
            ("Origin", "null"),
            ("Origin", "http://localhost:3000"),
            ("Sec-Fetch-Site", "cross-site"),
        ] {
            let reply = ask.clone().header(name, value).send(&place);
            assert_eq!(reply.status, 403, "{name}: {value}: {}", reply.text());
        }
        let port = place.authority().rsplit(':').next().unwrap();
        let reply = ask.header("Host", format!("localhost:{port}")).send(&place);
        assert_ne!(reply.status, 403, "{}", reply.text());
    }
}
