//! `strands` talks to a model and uses its tool. ministack provides Converse, with a scripted model
//! behind it.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    Generated,
    served::{Answered, Served},
    succeeds,
    support::{
        Answer, Ministack,
        server::{Reply, Server},
    },
};

/// A server with OpenAI's API, which ministack calls for answers.
pub(crate) struct Model {
    server: Server,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Model {
    /// Answers the n-th request with the n-th message.
    pub(crate) fn saying(messages: Vec<Value>) -> Self {
        Self::saying_after(Duration::ZERO, messages)
    }

    /// Waits this long before each answer.
    fn saying_after(delay: Duration, messages: Vec<Value>) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let server = Server::start(move |request| {
            let mut heard = heard.lock().unwrap();
            let message = messages.get(heard.len()).cloned();
            heard.push(serde_json::from_slice(request.body()).unwrap_or_default());
            let answer = match message {
                Some(message) => Answer::json(
                    200,
                    &json!({"choices": [{"index": 0, "message": message}],
                            "usage": {"prompt_tokens": 1, "completion_tokens": 1}}),
                ),
                None => Answer::json(500, &json!({"error": "the script is at its end"})),
            };
            async move { Reply::Answer(answer.after(delay)) }
        });
        Self { server, asked }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the requests so far.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    /// Returns the texts of user and model in the n-th request.
    pub(crate) fn said(&self, n: usize) -> Vec<String> {
        let asked = self.asked();
        let messages = asked[n]["messages"].as_array().unwrap().iter();
        messages
            .filter(|message| message["role"] != "system")
            .filter_map(|message| message["content"].as_str())
            .map(str::to_owned)
            .collect()
    }

    /// Returns the tool results in the n-th request, in order.
    pub(crate) fn results(&self, n: usize) -> Vec<String> {
        let asked = self.asked();
        let messages = asked[n]["messages"].as_array().unwrap();
        messages
            .iter()
            .filter(|message| message["role"] == "tool")
            .map(|message| message["content"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Returns a message that calls a tool.
pub(crate) fn call(tool: &str, arguments: &Value) -> Value {
    json!({"role": "assistant", "content": null, "tool_calls": [{
        "id": format!("call-{tool}"),
        "type": "function",
        "function": {"name": tool, "arguments": arguments.to_string()},
    }]})
}

pub(crate) fn text(said: &str) -> Value {
    json!({"role": "assistant", "content": said})
}

#[test]
fn the_tool_runs_its_result_reaches_the_model_and_the_answer_the_caller() {
    const ANSWER: &str = "There are 357 days from the first date to the last one.";
    let christmas = json!({"first": "2026-01-01", "last": "2026-12-24"});
    let nonsense = json!({"first": "tomorrow", "last": "2026-12-24"});
    for entry in ["invoke.py", "invoke_async.py"] {
        let model = Model::saying(vec![
            call("days_between", &christmas),
            text(ANSWER),
            call("days_between", &nonsense),
            text("That is no date."),
        ]);
        let emulator = Ministack::start_with(&[("MINISTACK_BEDROCK_PROXY_URL", &model.url())]);
        let project = Generated::prepared("strands", &emulator);
        let agent = Served::start(&project, entry, &[("AWS_ENDPOINT_URL", &emulator.url())]);
        let ask = |prompt: &str| {
            let answer = agent.invoke(&json!({"prompt": prompt}));
            assert_eq!(answer.status, 200, "{}\n{}", answer.body, agent.log());
            if entry == "invoke.py" {
                answer.json()["answer"].as_str().unwrap().to_owned()
            } else {
                answer.streamed_text()
            }
        };

        assert_eq!(ask("How many days are there until Christmas?"), ANSWER);
        let asked = model.asked();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0]["tools"][0]["function"]["name"], "days_between");
        assert_eq!(asked[0]["model"], "us.anthropic.claude-sonnet-4-6");
        assert_eq!(model.results(1), ["357"]);

        // A failing tool does not end the conversation: the model is told. Without a session,
        // nothing is remembered.
        assert_eq!(ask("And from tomorrow?"), "That is no date.");
        assert!(model.results(2).is_empty());
        let [failure] = &model.results(3)[..] else {
            panic!("one result: {:?}", model.results(3))
        };
        assert!(
            failure.contains("Invalid isoformat string: 'tomorrow'"),
            "{failure}"
        );
        assert_eq!(agent.get("/ping").json()["status"], "Healthy");
    }
}

/// Returns the text of an answer in either format.
fn text_of(answer: &Answered, entry: &str) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    if entry == "invoke.py" {
        answer.json()["answer"].as_str().unwrap().to_owned()
    } else {
        answer.streamed_text()
    }
}

#[test]
fn a_session_is_remembered_by_its_id_and_no_other_hears_of_it() {
    for entry in ["invoke.py", "invoke_async.py"] {
        let model = Model::saying(vec![
            text("Hello Mary"),
            text("You are Mary"),
            text("I do not know"),
            text("Nor do I"),
        ]);
        let emulator = Ministack::start_with(&[("MINISTACK_BEDROCK_PROXY_URL", &model.url())]);
        let project = Generated::prepared("strands", &emulator);
        let agent = Served::start(&project, entry, &[("AWS_ENDPOINT_URL", &emulator.url())]);
        let ask = |session: Option<&str>, prompt: &str| {
            let payload = json!({ "prompt": prompt });
            let answer = match session {
                Some(session) => agent.invoke_in(session, &payload),
                None => agent.invoke(&payload),
            };
            text_of(&answer, entry)
        };
        assert_eq!(ask(Some("one"), "I am Mary"), "Hello Mary");
        assert_eq!(ask(Some("one"), "Who am I?"), "You are Mary");
        assert_eq!(model.said(1), ["I am Mary", "Hello Mary", "Who am I?"]);
        assert_eq!(ask(Some("two"), "Who am I?"), "I do not know");
        assert_eq!(ask(None, "Who am I?"), "Nor do I");
        for n in [2, 3] {
            assert_eq!(model.said(n), ["Who am I?"]);
        }
    }
}

/// Requests of one session wait for each other, those of different sessions do not; a caller that
/// disconnects during a stream leaves the session usable.
#[test]
fn a_sessions_requests_take_turns() {
    const THINKS: Duration = Duration::from_millis(700);
    for entry in ["invoke.py", "invoke_async.py"] {
        let said = ["a", "b", "c", "d", "e"].map(text).to_vec();
        let model = Model::saying_after(THINKS, said);
        let emulator = Ministack::start_with(&[("MINISTACK_BEDROCK_PROXY_URL", &model.url())]);
        let project = Generated::prepared("strands", &emulator);
        let agent = Served::start(&project, entry, &[("AWS_ENDPOINT_URL", &emulator.url())]);
        let ask = |session: &str, prompt: &str| {
            text_of(
                &agent.invoke_in(session, &json!({ "prompt": prompt })),
                entry,
            )
        };
        thread::scope(|scope| {
            for session in ["one", "one", "two"] {
                scope.spawn(move || ask(session, "x"));
            }
        });
        let mut lengths: Vec<usize> = (0..3).map(|n| model.said(n).len()).collect();
        assert_eq!(
            lengths.pop(),
            Some(3),
            "the second request of a session is last"
        );
        assert_eq!(lengths, [1, 1]);
        if entry == "invoke_async.py" {
            agent.abandon("one", &json!({ "prompt": "y" }), THINKS / 2);
            ask("one", "z");
            let last = model.said(model.asked().len() - 1);
            let whole = ["y", "d"].map(|word| last.contains(&word.to_owned()));
            assert!(whole == [true; 2] || whole == [false; 2], "{last:?}");
            assert!(last.ends_with(&["z".to_owned()]), "{last:?}");
        }
    }
}

#[test]
fn memory_is_bounded_in_sessions_and_messages() {
    const SCRIPT: &str = r#"
import asyncio
from unittest.mock import patch

from my_agent import agent, conversations
from tests.scripted import ScriptedModel

model = ScriptedModel(*["yes"] * 300)


async def main():
    with patch("my_agent.agent.model", return_value=model):
        for turn in range(60):
            await agent.answer("go on", "long")
        longest = max(len(heard) for heard in model.heard)
        assert longest <= conversations.MAX_MESSAGES + 1, longest
        async with conversations.conversation("busy") as busy:
            for number in range(150):
                await agent.answer("hello", f"session {number}")
            kept = conversations.conversations
            assert len(kept) == conversations.MAX_SESSIONS, len(kept)
            assert kept["busy"] is busy
            assert "session 149" in kept and "session 0" not in kept
        again = [agent.answer("hello", "busy") for _ in range(3)]
        await asyncio.gather(*again)
        assert [len(heard) for heard in model.heard[-3:]] == [1, 3, 5]
    print("bounded")


asyncio.run(main())
"#;
    let project = Generated::new("strands");
    let printed = succeeds(project.program("python").args(["-c", SCRIPT]));
    assert_eq!(printed, "bounded\n");
}

#[test]
fn a_model_that_may_not_be_used_is_said_and_the_agent_lives_on() {
    let bedrock = Server::start(|_| async {
        let message = "You don't have access to the model with the specified model ID.";
        let denied = Answer::json(403, &json!({"message": message}));
        Reply::Answer(denied.header("x-amzn-errortype", "AccessDeniedException"))
    });
    let emulator = Ministack::start();
    let project = Generated::prepared("strands", &emulator);
    let variables = [("AWS_ENDPOINT_URL", &*bedrock.url())];

    let whole = Served::start(&project, "invoke.py", &variables);
    let refused = whole.invoke(&json!({"prompt": "hello"}));
    assert_eq!(refused.status, 500);
    let said = refused.json()["error"].as_str().unwrap().to_owned();
    assert!(
        said.contains("You don't have access to the model"),
        "{said}"
    );
    assert_eq!(whole.get("/ping").status, 200);

    let pieces = Served::start(&project, "invoke_async.py", &variables);
    let events = pieces.invoke(&json!({"prompt": "hello"})).events();
    let last = events.last().unwrap();
    assert!(
        last["error"]
            .as_str()
            .unwrap()
            .contains("You don't have access"),
        "{last}"
    );
    assert_eq!(pieces.get("/ping").status, 200);
}
