use std::sync::Mutex;

use aws_smithy_types::Document;

use super::*;

/// Answers each call with the next reply of its script.
struct Scripted {
    replies: Mutex<Vec<ContentBlock>>,
    /// The number of messages in each call, and the last of them.
    heard: Arc<Mutex<Vec<(usize, Message)>>>,
}

impl Model for Scripted {
    async fn answer(
        &self,
        messages: &[Message],
        pieces: &mpsc::Sender<String>,
    ) -> Result<Message, Error> {
        let last = messages.last().unwrap().clone();
        self.heard.lock().unwrap().push((messages.len(), last));
        let reply = self.replies.lock().unwrap().remove(0);
        if let ContentBlock::Text(text) = &reply {
            for piece in text.split_inclusive(' ') {
                pieces.send(piece.to_owned()).await.unwrap();
            }
        }
        message(ConversationRole::Assistant, vec![reply])
    }
}

type Heard = Arc<Mutex<Vec<(usize, Message)>>>;

fn agent(replies: Vec<ContentBlock>) -> (Agent<Scripted>, Heard) {
    let heard = Heard::default();
    let model = Scripted {
        replies: Mutex::new(replies),
        heard: Arc::clone(&heard),
    };
    (Agent::new(model), heard)
}

fn says(text: &str) -> ContentBlock {
    ContentBlock::Text(text.to_owned())
}

fn in_session(session: &str) -> Context {
    Context {
        conversation_id: Some(session.to_owned()),
        ..Context::default()
    }
}

async fn ask(agent: &Agent<Scripted>, payload: Value, context: Context) -> Result<Value, Error> {
    match agent.handle(payload, context).await? {
        Reply::Json(value) => Ok(value),
        Reply::Stream(items) => {
            let items: Vec<_> = items.collect().await;
            items.into_iter().collect()
        }
    }
}

#[tokio::test]
async fn uses_its_tool() {
    let input = Document::Object(
        [("first", "2026-01-01"), ("last", "2026-12-24")]
            .map(|(key, date)| (key.to_owned(), Document::String(date.to_owned())))
            .into(),
    );
    let call = ToolUseBlock::builder()
        .tool_use_id("call-1")
        .name("days_between")
        .input(input)
        .build()
        .unwrap();
    let (agent, heard) = agent(vec![
        ContentBlock::ToolUse(call),
        says("There are 357 days."),
    ]);
    let answer = ask(&agent, json!({ "prompt": "How many?" }), Context::default()).await;
    assert_eq!(answer, Ok(json!({ "answer": "There are 357 days." })));
    let (_, last) = heard.lock().unwrap().pop().unwrap();
    let result = last.content()[0].as_tool_result().unwrap();
    assert_eq!(result.content()[0].as_text().unwrap(), "357");
}

#[tokio::test]
async fn streams() {
    let (agent, _) = agent(vec![says("Hello to you")]);
    let payload = json!({ "prompt": "Hi", "stream": true });
    let pieces = ask(&agent, payload, Context::default()).await;
    assert_eq!(pieces, Ok(json!(["Hello ", "to ", "you"])));
}

#[tokio::test]
async fn remembers_what_was_said_in_the_session() {
    let replies = ["Hello, Mary.", "You are Mary.", "I do not know."];
    let (agent, heard) = agent(replies.map(says).to_vec());
    for (session, prompt) in [
        ("one", "I am Mary."),
        ("one", "Who am I?"),
        ("two", "Who am I?"),
    ] {
        ask(&agent, json!({ "prompt": prompt }), in_session(session))
            .await
            .unwrap();
    }
    let lengths: Vec<usize> = heard
        .lock()
        .unwrap()
        .iter()
        .map(|(length, _)| *length)
        .collect();
    assert_eq!(lengths, [1, 3, 1]);
}

#[tokio::test]
async fn forgets_the_oldest_turns_of_a_long_conversation() {
    let (agent, heard) = agent(vec![says("Yes."); 30]);
    for _ in 0..30 {
        ask(&agent, json!({ "prompt": "Hi" }), in_session("one"))
            .await
            .unwrap();
    }
    let lengths: Vec<usize> = heard
        .lock()
        .unwrap()
        .iter()
        .map(|(length, _)| *length)
        .collect();
    assert_eq!(lengths.last(), Some(&41));
}

#[tokio::test]
async fn refuses_a_payload_without_a_prompt() {
    let (agent, _) = agent(Vec::new());
    for payload in [
        json!({}),
        json!([]),
        json!({ "prompt": 1 }),
        json!({ "prompt": " " }),
    ] {
        let error = ask(&agent, payload, Context::default()).await.unwrap_err();
        assert_eq!(error.status.as_u16(), 400);
    }
}
