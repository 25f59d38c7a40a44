//! The templates in Rust for MCP and A2A.

use serde_json::{Value, json};

use super::{rust::model, template::template, *};

#[test]
fn the_template_for_mcp_serves_its_tool_and_keeps_the_contract() {
    let project = template("rust-mcp");
    project.is_clean();
    let dev = project.serves(&[]);
    let dates = json!({ "first": "2026-01-01", "last": "2026-12-24" });
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "days_between", "arguments": dates },
    });
    let answer = project.invoke(&call);
    assert_eq!(answer["result"]["content"][0]["text"], "357", "{answer}");
    eventually(|| dev.out(), || dev.out().contains("tool days_between"));
    project.stops(dev);
    project.passes_check();
    assert_eq!(project.answers_where_deployed(&call), answer);
}

/// A message of A2A 1.0, without the header that AgentCore does not pass on.
fn message(text: &str) -> Value {
    let message = json!({ "messageId": "m", "role": "ROLE_USER", "parts": [{ "text": text }] });
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": { "message": message },
    })
}

#[test]
fn the_template_for_a2a_uses_its_tool_remembers_and_keeps_the_contract() {
    let project = template("rust-a2a");
    project.is_clean();
    let model = model();
    let url = format!("{}/v1", model.url());
    let dev = project.serves(&["--models", &url]);
    let answer = project.invoke(&message("How many days?"));
    let task = &answer["result"]["task"];
    assert_eq!(task["status"]["state"], "TASK_STATE_COMPLETED", "{answer}");
    let text = |task: &Value| task["artifacts"][0]["parts"][0]["text"].clone();
    assert_eq!(text(task), "There are 357 days.");
    let mut again = message("How many, again?");
    again["params"]["message"]["contextId"] = task["contextId"].clone();
    let answer = project.invoke(&again);
    assert_eq!(
        text(&answer["result"]["task"]),
        "As I said, 357.",
        "{answer}"
    );
    let heard = model.requests().last().unwrap().body().clone();
    let heard = String::from_utf8(heard.to_vec()).unwrap();
    assert!(heard.contains("How many days?"), "what was said: {heard}");

    let port = dev.port();
    let card = get(port, "/.well-known/agent-card.json");
    let card: Value = serde_json::from_str(&card).unwrap();
    assert_eq!(card["name"], "my-rust-a2a");
    let address = format!("http://127.0.0.1:{port}/");
    assert_eq!(card["supportedInterfaces"][0]["url"], address);
    project.stops(dev);
    project.passes_check();
    let answer = project.answers_where_deployed(&message("How many days?"));
    let state = &answer["result"]["task"]["status"]["state"];
    assert_eq!(state, "TASK_STATE_COMPLETED", "{answer}");
}

/// Returns the body of an answer.
fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
        .split_once("\r\n\r\n")
        .unwrap_or_default()
        .1
        .to_owned()
}
