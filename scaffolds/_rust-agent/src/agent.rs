//! The agent: a model, its instructions, its tools and its conversations.

use std::sync::Arc;

use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, Message, ToolResultBlock, ToolResultContentBlock,
    ToolResultStatus, ToolUseBlock,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::Instrument;

use crate::{
    conversations::{Conversation, Conversations},
    documents,
    handler::{Context, Error, Handler, Reply},
    tools,
};

pub const INSTRUCTIONS: &str = "\
You are a helpful assistant. Answer briefly, in the language of the question.
Use days_between whenever a number of days is asked for. Never count days yourself.";

/// How many times the model may use its tools before it must have answered.
const ROUNDS: usize = 10;
/// How many pieces of an answer may wait for the caller.
const PIECES: usize = 32;

/// What answers, piece by piece.
pub trait Model: Send + Sync + 'static {
    /// Continues a conversation. Sends the pieces of the text while they arrive, and returns the
    /// whole message.
    fn answer(
        &self,
        messages: &[Message],
        pieces: &mpsc::Sender<String>,
    ) -> impl Future<Output = Result<Message, Error>> + Send;
}

pub struct Agent<M> {
    model: Arc<M>,
    conversations: Arc<Conversations>,
}

impl<M: Model> Agent<M> {
    pub fn new(model: M) -> Self {
        Self {
            model: Arc::new(model),
            conversations: Arc::default(),
        }
    }
}

impl<M: Model> Handler for Agent<M> {
    /// Answers `{"prompt": "…"}` with `{"answer": "…"}`, or piece by piece if the payload also has
    /// `"stream": true`.
    async fn handle(&self, payload: Value, context: Context) -> Result<Reply, Error> {
        let prompt = match payload.get("prompt").and_then(Value::as_str) {
            Some(prompt) if !prompt.trim().is_empty() => prompt.to_owned(),
            _ => return Err(Error::bad_request("the payload needs a \"prompt\"")),
        };
        let is_streamed = payload.get("stream") == Some(&Value::Bool(true));
        let (sender, pieces) = mpsc::channel(PIECES);
        let (model, conversations) = (Arc::clone(&self.model), Arc::clone(&self.conversations));
        // A task of its own, so that a turn is remembered even if the caller leaves.
        let turn = tokio::spawn(
            async move {
                let conversation = conversations.of(context.conversation_id.as_deref());
                take_turn(&*model, &conversation, prompt, &sender).await
            }
            .in_current_span(),
        );
        let pieces = futures_util::stream::unfold(pieces, |mut pieces| async {
            Some((pieces.recv().await?, pieces))
        });
        let end = async {
            turn.await
                .unwrap_or_else(|_| Err(Error::internal("the agent failed")))
        };
        if !is_streamed {
            let answer: Vec<String> = pieces.collect().await;
            end.await?;
            return Ok(Reply::Json(json!({ "answer": answer.concat().trim() })));
        }
        let failure = futures_util::stream::once(end).filter_map(async |end| end.err().map(Err));
        let items = pieces.map(|piece| Ok(Value::String(piece))).chain(failure);
        Ok(Reply::Stream(items.boxed()))
    }
}

/// Lets the model answer, and use its tools until it has. Remembers the turn if it succeeds.
async fn take_turn<M: Model>(
    model: &M,
    conversation: &Conversation,
    prompt: String,
    pieces: &mpsc::Sender<String>,
) -> Result<(), Error> {
    let mut kept = conversation.messages.lock().await;
    let mut messages = kept.clone();
    messages.push(message(
        ConversationRole::User,
        vec![ContentBlock::Text(prompt)],
    )?);
    for _ in 0..ROUNDS {
        let reply = model.answer(&messages, pieces).await?;
        let results: Vec<ContentBlock> = calls(&reply).map(result).collect::<Result<_, _>>()?;
        messages.push(reply);
        if results.is_empty() {
            Conversation::shorten(&mut messages);
            *kept = messages;
            return Ok(());
        }
        messages.push(message(ConversationRole::User, results)?);
    }
    Err(Error::internal(format!(
        "the model used its tools {ROUNDS} times without an answer"
    )))
}

/// Returns the tool calls in a message.
fn calls(message: &Message) -> impl Iterator<Item = &ToolUseBlock> {
    message
        .content()
        .iter()
        .filter_map(|block| block.as_tool_use().ok())
}

/// Calls a tool, and returns its result for the model.
fn result(call: &ToolUseBlock) -> Result<ContentBlock, Error> {
    tracing::info!("tool {}", call.name());
    let (text, status) = match tools::call(call.name(), &documents::to_json(call.input())) {
        Ok(text) => (text, ToolResultStatus::Success),
        Err(why) => (why, ToolResultStatus::Error),
    };
    let block = ToolResultBlock::builder()
        .tool_use_id(call.tool_use_id())
        .content(ToolResultContentBlock::Text(text))
        .status(status)
        .build()
        .map_err(|error| Error::internal(error.to_string()))?;
    Ok(ContentBlock::ToolResult(block))
}

pub fn message(role: ConversationRole, content: Vec<ContentBlock>) -> Result<Message, Error> {
    Message::builder()
        .role(role)
        .set_content(Some(content))
        .build()
        .map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests;
