//! What was said in each conversation.
//!
//! Conversations are kept in memory. On AgentCore every session has a process of its own, so a
//! conversation is remembered until its session ends. To remember more than that, use AgentCore
//! Memory.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_bedrockruntime::types::{ConversationRole, Message};

/// On your own machine, one process serves every session.
const MAX_CONVERSATIONS: usize = 100;
const MAX_MESSAGES: usize = 40;

/// The messages of one conversation. The lock makes its requests take turns.
#[derive(Default)]
pub struct Conversation {
    pub messages: tokio::sync::Mutex<Vec<Message>>,
}

impl Conversation {
    /// Drops the oldest turns of a long conversation.
    pub fn shorten(messages: &mut Vec<Message>) {
        let excess = messages.len().saturating_sub(MAX_MESSAGES);
        // A conversation begins with a prompt, not with the result of a tool.
        let first = messages.iter().skip(excess).position(|message| {
            *message.role() == ConversationRole::User
                && message.content().iter().all(|block| block.is_text())
        });
        messages.drain(..excess + first.unwrap_or(0));
    }
}

/// The conversations that were continued last, the newest at the end.
#[derive(Default)]
pub struct Conversations(Mutex<VecDeque<(String, Arc<Conversation>)>>);

impl Conversations {
    /// Returns the conversation with this ID. Without an ID, returns a new one that is not kept.
    pub fn of(&self, id: Option<&str>) -> Arc<Conversation> {
        let Some(id) = id else {
            return Arc::default();
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = all.iter().position(|(key, _)| key == id);
        let conversation = place
            .and_then(|place| all.remove(place))
            .map_or_else(Arc::default, |(_, conversation)| conversation);
        all.push_back((id.to_owned(), Arc::clone(&conversation)));
        if all.len() > MAX_CONVERSATIONS {
            // Forget the oldest that no request uses.
            let unused = all
                .iter()
                .position(|(_, kept)| Arc::strong_count(kept) == 1);
            all.remove(unused.unwrap_or(0));
        }
        conversation
    }
}
