//! InvokeModel and InvokeModelWithResponseStream, answered by an OpenAI-compatible server.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Place, models::asked};
use crate::support::{Answer, Script, Scripted, chat};

const CLIENTS: &str = r#"
import base64, anthropic
bedrock = boto3.client("bedrock-runtime", config=config)
client = anthropic.AnthropicBedrock(base_url=os.environ["AWS_ENDPOINT_URL"], aws_region="us-east-1", max_retries=0)
MODEL = "us.anthropic.claude-sonnet-4-6"

def invoke(model, **body):
    return json.loads(bedrock.invoke_model(modelId=model, body=json.dumps(body))["body"].read())

def invoke_stream(model, **body):
    answer = bedrock.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))
    return [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]

def messages(**more):
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    return {name: value for name, value in {**body, **more}.items() if value is not None}

def show(value):
    print(json.dumps(value))
"#;

impl Place {
    /// Runs a script with the clients, and returns the JSON of each line.
    fn clients(&self, script: &str) -> Vec<Value> {
        let printed = self.boto3(&format!("{CLIENTS}{script}"));
        let lines = printed.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Starts a place whose models are answered like this, in order.
fn answered_by(answers: Vec<Answer>) -> (Place, Scripted) {
    let script = answers.into_iter().fold(Script::new(), |script, answer| {
        script.then(chat::PATH, answer)
    });
    let server = script.start();
    let place = Place::new();
    place.set_models(&format!("{}/v1", server.url()), &[]);
    (place, server)
}

#[test]
fn the_anthropic_client_has_a_conversation_with_tools_images_and_a_stream() {
    let (place, server) = answered_by(vec![
        chat::whole_tool("let me look", "days", r#"{"from": "here"}"#),
        chat::whole("three days"),
        chat::streamed(&["one ", "two"], Duration::from_millis(300)),
        chat::tool("days", &json!({ "from": "here" })),
        chat::cut_off("so far"),
    ]);
    let lines = place.clients(
        r#"
tools = [{"name": "days", "description": "counts", "input_schema": {"type": "object", "properties": {"from": {"type": "string"}}}}]
picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
asked = {"role": "user", "content": [{"type": "text", "text": "how far?", "cache_control": {"type": "ephemeral"}}, picture]}
options = dict(model=MODEL, max_tokens=50, tools=tools)
one = client.messages.create(
    messages=[asked], system=[{"type": "text", "text": "be short"}], extra_body={"temperature": 0.5, "top_p": 0.9, "top_k": 4},
    stop_sequences=["END"], tool_choice={"type": "any", "disable_parallel_tool_use": True}, metadata={"user_id": "x"}, **options)
show(one.model_dump())
result = {"type": "tool_result", "tool_use_id": one.content[1].id, "content": [{"type": "text", "text": "3"}]}
two = client.messages.create(
    messages=[asked, {"role": "assistant", "content": one.content}, {"role": "user", "content": [result, {"type": "text", "text": "and?"}]}],
    system="be short", tool_choice={"type": "tool", "name": "days"}, **options)
show(two.model_dump())
times = []
with client.messages.stream(messages=[{"role": "user", "content": "count"}], model=MODEL, max_tokens=50) as stream:
    for text in stream.text_stream:
        times.append([text, time.monotonic()])
    show([times, stream.get_final_message().model_dump()])
with client.messages.stream(messages=[{"role": "user", "content": "count"}], tool_choice={"type": "none"}, **options) as stream:
    show(stream.get_final_message().model_dump())
show(client.messages.create(messages=[{"role": "user", "content": "more"}], model=MODEL, max_tokens=1).model_dump())
"#,
    );
    let [one, two, streamed, tool, cut] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(one["content"][0]["text"], "let me look");
    assert_eq!(one["content"][1]["type"], "tool_use");
    assert_eq!(one["content"][1]["input"], json!({ "from": "here" }));
    assert_eq!(one["stop_reason"], "tool_use");
    assert_eq!(one["usage"]["input_tokens"], 11);
    assert_eq!(one["usage"]["output_tokens"], 7);
    assert_eq!(two["content"][0]["text"], "three days");
    assert_eq!(two["stop_reason"], "end_turn");
    let times = streamed[0].as_array().unwrap();
    assert_eq!(
        (&times[0][0], &times[1][0]),
        (&json!("one "), &json!("two"))
    );
    let gap = times[1][1].as_f64().unwrap() - times[0][1].as_f64().unwrap();
    assert!(gap > 0.15, "{streamed}");
    assert_eq!(streamed[1]["content"][0]["text"], "one two");
    assert_eq!(streamed[1]["usage"]["output_tokens"], 7);
    assert_eq!(tool["content"][0]["id"], "call-1");
    assert_eq!(tool["content"][0]["input"], json!({ "from": "here" }));
    assert_eq!(tool["stop_reason"], "tool_use");
    assert_eq!(cut["stop_reason"], "max_tokens");
    reached_the_server_translated(&asked(&server));
}

/// Checks what the server got of the conversation.
fn reached_the_server_translated(asked: &[Value]) {
    let [one, two, streamed, tool, _] = asked else {
        panic!("{asked:?}")
    };
    let picture = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,iVBORw0KGgo=" } });
    let user =
        json!({ "role": "user", "content": [{ "type": "text", "text": "how far?" }, picture] });
    let system = json!({ "role": "system", "content": "be short" });
    let function = json!({
        "name": "days",
        "description": "counts",
        "parameters": { "type": "object", "properties": { "from": { "type": "string" } } },
    });
    assert_eq!(
        *one,
        json!({
            "model": "us.anthropic.claude-sonnet-4-6",
            "messages": [system, user],
            "stream": false,
            "max_tokens": 50,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 4,
            "stop": ["END"],
            "tools": [{ "type": "function", "function": function }],
            "tool_choice": "required",
            "parallel_tool_calls": false,
        })
    );
    let messages = two["messages"].as_array().unwrap();
    let roles: Vec<&str> = messages
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "user"]);
    assert_eq!(messages[2]["content"], "let me look");
    let call = &messages[2]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], r#"{"from": "here"}"#);
    assert_eq!(messages[3]["tool_call_id"], call["id"]);
    assert_eq!(messages[3]["content"], "3");
    assert_eq!(
        two["tool_choice"],
        json!({ "type": "function", "function": { "name": "days" } })
    );
    assert_eq!(streamed["stream"], true);
    assert_eq!(tool["tool_choice"], "none");
}

#[test]
fn boto3_gets_each_family_in_its_own_format_and_events_as_bedrock_sends_them() {
    let (place, server) = answered_by(vec![
        chat::tool("days", &json!({ "from": "here" })),
        chat::whole_tool("", "days", r#"{"from": "here"}"#),
        chat::streamed(&["one ", "two"], Duration::ZERO),
        chat::whole("of OpenAI"),
        chat::streamed(&["x"], Duration::ZERO),
        chat::whole("of Llama"),
        chat::streamed(&["of ", "Titan"], Duration::ZERO),
        chat::cut_off("half"),
        chat::whole_tool("", "days", "{broken"),
    ]);
    let lines = place.clients(
        r#"
show(invoke_stream(MODEL, **messages()))
nova = {"schemaVersion": "messages-v1", "messages": [{"role": "user", "content": [{"text": "hello"}]}], "inferenceConfig": {"max_new_tokens": 3, "topP": 0.5}}
show(invoke("us.amazon.nova-lite-v1:0", **nova))
show(invoke_stream("us.amazon.nova-lite-v1:0", **nova))
chat = {"messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": 3}
show(invoke("openai.gpt-oss-20b-1:0", **chat))
show(invoke_stream("openai.gpt-oss-20b-1:0", **chat))
show(invoke("meta.llama3-8b-instruct-v1:0", prompt="hello", max_gen_len=3, temperature=0.1))
show(invoke_stream("amazon.titan-text-express-v1", inputText="hello", textGenerationConfig={"maxTokenCount": 3, "stopSequences": ["END"]}))
answer = bedrock.converse(modelId=MODEL, messages=[{"role": "user", "content": [
    {"image": {"format": "png", "source": {"bytes": b"png"}}}]}])
show([answer["stopReason"], answer["usage"]["inputTokens"]])
show(error(bedrock.invoke_model, modelId=MODEL, body=json.dumps(messages())))
"#,
    );
    let events = lines[0].as_array().unwrap();
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    let metrics = &events[6]["amazon-bedrock-invocationMetrics"];
    assert_eq!(metrics["inputTokenCount"], 11, "{metrics}");
    assert_eq!(metrics["outputTokenCount"], 7, "{metrics}");
    let use_of_days = json!({ "toolUseId": "call-1", "name": "days", "input": { "from": "here" } });
    let content = &lines[1]["output"]["message"]["content"];
    assert_eq!(*content, json!([{ "toolUse": use_of_days }]));
    assert_eq!(lines[1]["stopReason"], "tool_use");
    assert_eq!(lines[2][1]["contentBlockDelta"]["delta"]["text"], "one ");
    assert_eq!(lines[3]["choices"][0]["message"]["content"], "of OpenAI");
    assert_eq!(lines[4][1]["choices"][0]["delta"]["content"], "x");
    assert_eq!(lines[5]["generation"], "of Llama");
    assert!(lines[6].to_string().contains("Titan"), "{}", lines[6]);
    assert_eq!(lines[7], json!(["max_tokens", 11]));
    assert_eq!(lines[8][0], "ModelErrorException");
    let asked = asked(&server);
    for (number, option, value) in [
        (1, "max_tokens", json!(3)),
        (1, "top_p", json!(0.5)),
        (3, "max_completion_tokens", json!(3)),
        (5, "max_tokens", json!(3)),
        (5, "temperature", json!(0.1)),
        (6, "stop", json!(["END"])),
    ] {
        assert_eq!(asked[number][option], value, "{}", asked[number]);
    }
    let url = &asked[7]["messages"][0]["content"][0]["image_url"]["url"];
    assert_eq!(url, "data:image/png;base64,cG5n");
}

#[test]
fn what_chat_completions_lack_is_refused_by_name() {
    let (place, server) = answered_by(Vec::new());
    let lines = place.clients(
        r#"
def refused(model=MODEL, **body):
    show(error(bedrock.invoke_model, modelId=model, body=json.dumps(body)))

def of(role, *content):
    return messages(messages=[{"role": role, "content": list(content)}])

refused(**messages(thinking={"type": "enabled", "budget_tokens": 1024}))
refused(**messages(tools=[{"type": "bash_20250124", "name": "bash"}]))
refused(**messages(mcp_servers=[]))
refused(**of("user", {"type": "text", "text": "x"}, {"type": "document", "source": {}}))
refused(**of("user", {"type": "image", "source": {"type": "url", "url": "https://x"}}))
refused(**of("user", {"type": "tool_result", "tool_use_id": "x", "content": [{"type": "image", "source": {}}]}))
refused(**of("user", {"type": "text"}))
refused(**messages(max_tokens=None))
refused(**messages(messages="hello"))
refused("amazon.titan-embed-text-v2:0", inputText="x")
refused("meta.llama3-8b-instruct-v1:0", prompt="x", images=[])
document = {"document": {"format": "pdf", "name": "x", "source": {"bytes": b"x"}}}
for call in [bedrock.converse, bedrock.converse_stream]:
    show(error(call, modelId=MODEL, messages=[{"role": "user", "content": [{"text": "x"}, document]}]))
show(error(bedrock.invoke_model_with_response_stream, modelId=MODEL, body=b"{"))
"#,
    );
    let named = [
        "thinking: it has no equivalent in chat completions",
        "tools.0.type: `bash_20250124` has no equivalent",
        "mcp_servers: ",
        "messages.0.content.1.type: `document` ",
        "messages.0.content.0.source.type: `url` ",
        "messages.0.content.0.content.0.type: `image` ",
        "messages.0.content.0.text: must be a string",
        "max_tokens: Field required",
        "messages: must be an array",
        "inputText: ",
        "images: ",
        "messages.0.content.1.document: ",
        "messages.0.content.1.document: ",
        "the body: must be valid JSON",
    ];
    assert_eq!(lines.len(), named.len());
    for (line, name) in lines.iter().zip(named) {
        assert_eq!(line[0], "ValidationException", "{line}");
        assert!(line[1].as_str().unwrap().contains(name), "{line}: {name}");
    }
    assert_eq!(asked(&server), Vec::<Value>::new());
}
