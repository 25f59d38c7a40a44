//! The rules of MCP and A2A.

use serde_json::{Value, json};

use super::{Ask, Place, seen};

const MCP_SESSION: &str = "mcp-session-id";

#[test]
fn an_mcp_server_is_spoken_to_at_its_path_and_answers_with_json_rpc() {
    let place = Place::with(8000, "protocol = \"mcp\"");
    let both = "application/json, text/event-stream";
    let call = |id: u32, body: Value| {
        let mut call = json!({ "jsonrpc": "2.0", "id": id, "method": "look" });
        for (name, value) in body.as_object().unwrap() {
            call[name] = value.clone();
        }
        place.ask(&call).header("Accept", both)
    };
    let first = call(1, json!({})).send(&place);
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(first.json()["path"], "/mcp");
    let given = first.header(MCP_SESSION).unwrap().to_owned();
    assert_eq!(seen(&first.json(), MCP_SESSION), Some(given.as_str()));
    let second = call(2, json!({}))
        .header("Mcp-Session-Id", given)
        .send(&place);
    assert_eq!(second.json()["pid"], first.json()["pid"]);

    // A server that chooses its own ID is found by it.
    let chosen = call(3, json!({ "choose": true })).send(&place);
    assert_eq!(chosen.header(MCP_SESSION), Some("chosen"));
    assert_ne!(chosen.json()["pid"], first.json()["pid"]);
    let going_on = call(4, json!({}))
        .header("Mcp-Session-Id", "chosen")
        .send(&place);
    assert_eq!(going_on.json()["pid"], chosen.json()["pid"]);
    assert_eq!(seen(&going_on.json(), MCP_SESSION), Some("chosen"));

    let failed = call(5, json!({ "method": "fail", "status": 404 })).send(&place);
    assert_eq!(
        (failed.status, failed.json()["error"]["code"].clone()),
        (200, json!(-32010))
    );
    assert_eq!(failed.json()["id"], 5);
    let message = failed.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        message.starts_with("Received error (404) from runtime."),
        "{message}"
    );

    let deaf = place
        .ask(&json!({ "jsonrpc": "2.0", "id": "a", "method": "look" }))
        .header("Accept", "application/json")
        .send(&place);
    assert_eq!(deaf.json()["error"]["code"], -32011);
    assert_eq!(deaf.json()["id"], "a");
}

#[test]
fn an_a2a_agent_shows_its_card_and_fails_with_the_real_status() {
    let place = Place::with(9000, "protocol = \"a2a\"");
    let look = place.look(place.ask(&json!({})));
    assert_eq!(look["path"], "/");
    let card = place.boto3(
        r#"
answer = plane.get_agent_card(agentRuntimeArn=arn, runtimeSessionId="c" * 40)
print(json.dumps([answer["statusCode"], answer["runtimeSessionId"], answer["agentCard"]]))
"#,
    );
    let card: Value = serde_json::from_str(&card).unwrap();
    assert_eq!(
        (card[0].clone(), card[1].clone()),
        (json!(200), json!("c".repeat(40)))
    );
    assert_eq!(card[2]["name"], "one");
    // It is told the address at which others reach it.
    let address = card[2]["url"].as_str().unwrap().to_owned();
    assert!(address.starts_with(&place.url), "{address}");
    let path = address.trim_start_matches(&place.url);
    let there = Ask {
        target: path.to_owned(),
        ..place.ask(&json!({}))
    };
    assert_eq!(place.look(there)["path"], "/");
    let failed = place
        .ask(&json!({ "jsonrpc": "2.0", "id": "req-1", "method": "fail" }))
        .send(&place);
    assert_eq!(failed.status, 424);
    assert_eq!(failed.json()["error"]["code"], -32055);
    assert_eq!(failed.json()["id"], "req-1");
    // No other protocol has a card.
    let ws = place.ask_for("GET", "ws").send(&place);
    assert_eq!(ws.status, 404, "{}", ws.text());
}
