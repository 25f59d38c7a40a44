//! An agent writes into a declared memory of the local AgentCore and reads it back.

use super::*;

const DECLARED: &str = "permissions = [{ memory = \"notes\" }]

[workspace.metadata.agentcore.memories.notes]
strategies = [\"semantic\"]
";

/// Answers with the texts in the memory after it has added the request's.
const REMEMBERING: &str = r#"
import json
import os
import urllib.request

import seller
import server

SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/bedrock-agentcore/aws4_request, SignedHeaders=host, Signature=0"


def call(path, body):
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"] + path,
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": SIGNED},
    )
    return json.load(urllib.request.urlopen(request))


def remember(text):
    memory = os.environ["MEMORY_NOTES_ID"]
    content = {"conversational": {"content": {"text": text}, "role": "USER"}}
    call(
        f"/memories/{memory}/events",
        {"actorId": "user", "sessionId": "one", "eventTimestamp": 1, "payload": [content]},
    )
    events = call(f"/memories/{memory}/actor/user/sessions/one", {"includePayloads": True})["events"]
    return sorted(e["payload"][0]["conversational"]["content"]["text"] for e in events)


class Agent(server.Agent):
    def invoke(self, asked):
        self.answer(remember(asked["text"]))


server.serve(Agent)
"#;

#[test]
fn an_agent_remembers_in_its_declared_memory_until_it_is_cleaned() {
    let stage = Stage::new().with_sources();
    let manifest = fs::read_to_string(stage.dir.path().join("Cargo.toml")).unwrap();
    stage.write(
        "Cargo.toml",
        &format!("{}\n{DECLARED}", manifest.trim_end()),
    );
    stage.write("deployment/invoke.py", REMEMBERING);
    let made = stage.does(&["deploy", "--local"], 0);
    assert!(
        made.stderr.contains("Creating memory `notes`"),
        "{}",
        made.stderr
    );
    let ask = |text: &str| {
        let payload = json!({ "text": text }).to_string();
        stage.says(&["invoke", "--local", &payload])
    };
    assert_eq!(ask("blue"), json!(["blue"]));
    assert_eq!(ask("green"), json!(["blue", "green"]));

    let again = stage.does(&["deploy", "--local"], 0);
    assert!(again.stderr.contains("Unchanged"), "{}", again.stderr);
    let status = stage.says(&["status", "--local", "--output", "json"]);
    let memory = &status["resources"][0];
    assert_eq!(
        (&memory["name"], &memory["status"]),
        (&json!("notes"), &json!("ACTIVE"))
    );
    assert_eq!(memory["changes"], json!([]));

    stage.write(
        "Cargo.toml",
        &format!("{}\n{DECLARED}event-expiry = 7\n", manifest.trim_end()),
    );
    let changed = stage.does(&["deploy", "--local"], 0);
    assert!(
        changed.stderr.contains("Updating memory `notes`"),
        "{}",
        changed.stderr
    );
    assert_eq!(ask("red"), json!(["blue", "green", "red"]));

    let cleaned = stage.does(&["clean", "--local", "--yes"], 0);
    assert!(
        cleaned.stderr.contains("memory `notes`"),
        "{}",
        cleaned.stderr
    );
}
