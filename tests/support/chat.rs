//! Answers of an OpenAI-compatible model server, complete or streamed.

use std::time::Duration;

use serde_json::{Value, json};

use super::server::Answer;

/// The request line for such a server.
pub const PATH: &str = "POST /v1/chat/completions";

/// A complete answer.
pub fn whole(text: &str) -> Answer {
    complete(&json!({ "role": "assistant", "content": text }), "stop")
}

/// A complete answer that the limit for tokens ended.
pub fn cut_off(text: &str) -> Answer {
    complete(&json!({ "role": "assistant", "content": text }), "length")
}

/// A complete answer that calls a tool after these words.
pub fn whole_tool(text: &str, name: &str, arguments: &str) -> Answer {
    let function = json!({ "name": name, "arguments": arguments });
    let call = json!({ "id": "call-1", "type": "function", "function": function });
    let message = json!({ "role": "assistant", "content": text, "tool_calls": [call] });
    complete(&message, "tool_calls")
}

fn complete(message: &Value, reason: &str) -> Answer {
    Answer::json(
        200,
        &json!({
            "object": "chat.completion",
            "choices": [{ "index": 0, "message": message, "finish_reason": reason }],
            "usage": { "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18 },
        }),
    )
}

/// A text in pieces, with a pause before each.
pub fn streamed(pieces: &[&str], pause: Duration) -> Answer {
    let mut deltas: Vec<Value> = pieces
        .iter()
        .map(|piece| json!({ "content": piece }))
        .collect();
    deltas.insert(0, json!({ "role": "assistant", "content": "" }));
    stream(&deltas, "stop", pause)
}

/// A tool call of the model; the arguments come in two pieces.
pub fn tool(name: &str, arguments: &Value) -> Answer {
    let text = arguments.to_string();
    let (first, second) = text.split_at(text.len() / 2);
    let call = |call: Value| json!({ "tool_calls": [call] });
    let deltas = [
        call(
            json!({ "index": 0, "id": "call-1", "type": "function", "function": { "name": name, "arguments": "" } }),
        ),
        call(json!({ "index": 0, "function": { "arguments": first } })),
        call(json!({ "index": 0, "function": { "arguments": second } })),
    ];
    stream(&deltas, "tool_calls", Duration::ZERO)
}

fn stream(deltas: &[Value], reason: &str, pause: Duration) -> Answer {
    let event = |value: &Value| format!("data: {value}\n\n");
    let chunk = |delta: &Value, reason: Option<&str>| {
        event(&json!({
            "object": "chat.completion.chunk",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }],
        }))
    };
    let usage = json!({
        "object": "chat.completion.chunk",
        "choices": [],
        "usage": { "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18 },
    });
    let mut answer = Answer::new(200, "text/event-stream", "");
    answer.pieces = deltas
        .iter()
        .map(|delta| (pause, chunk(delta, None).into()))
        .collect();
    let end = [
        chunk(&json!({}), Some(reason)),
        event(&usage),
        "data: [DONE]\n\n".to_owned(),
    ];
    answer.pieces.push((Duration::ZERO, end.concat().into()));
    answer
}
