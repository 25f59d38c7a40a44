//! `strands` talks with a model, its tool included: Converse is ministack's, and behind it a scripted
//! model says what a model could say.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::{
    Generated,
    served::Served,
    support::{
        Answer, Ministack,
        server::{Reply, Server},
    },
};

/// A server that speaks as OpenAI's do, which is what ministack asks for answers.
pub(crate) struct Model {
    server: Server,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Model {
    /// Answers the n-th request with the n-th message.
    pub(crate) fn saying(messages: Vec<Value>) -> Self {
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
            async move { Reply::Answer(answer) }
        });
        Self { server, asked }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    /// The results of tools that the n-th request brought, in their order.
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

/// A message that asks for a tool.
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

        // A tool that fails is no end: the model hears of it. Nor does a request know the one before.
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
