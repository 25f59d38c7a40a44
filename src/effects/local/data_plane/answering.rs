//! The body of an agent's answer, limited as in the service.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use super::{
    event::{Event, Events},
    sessions::Use,
};
use crate::{
    effects::{
        clock,
        local::{
            http::{Body, Next, Passage, Passing},
            pace::lasts,
        },
    },
    protocol::{chunks::Chunks, limits},
};

/// Holds the session of an answer until the answer ends or is dropped.
pub(super) struct Answering {
    used: Use,
    events: Events,
    limit: Limit,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    longest: Duration,
}

/// The limit for an answer's length.
enum Limit {
    /// For each event of a stream.
    Chunks(Chunks),
    /// For the whole answer; the bytes so far.
    Whole(usize),
}

impl Answering {
    pub(super) fn of(body: Incoming, is_streamed: bool, used: Use, events: Events) -> Body {
        let (limit, longest) = if is_streamed {
            (Limit::Chunks(Chunks::default()), limits::STREAMING)
        } else {
            (Limit::Whole(0), limits::SYNCHRONOUS)
        };
        let passage = Self {
            used,
            events,
            limit,
            over: Box::pin(clock::sleep(lasts(longest))),
            longest,
        };
        Passing { body, passage }.boxed_unsync()
    }

    fn cut(&self, why: String) -> Next {
        self.events.tell(Event::AnswerCut {
            session: self.used.session().to_owned(),
            why: why.clone(),
        });
        Poll::Ready(Some(Err(why.into())))
    }
}

impl Passage<Incoming> for Answering {
    fn next(&mut self, body: Pin<&mut Incoming>, context: &mut Context<'_>) -> Next {
        if self.over.as_mut().poll(context).is_ready() {
            let minutes = self.longest.as_secs() / 60;
            return self.cut(format!("AgentCore ends it after {minutes} minutes"));
        }
        let frame = match body.poll_frame(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Err(error))) => {
                self.used.suspect();
                return self.cut(format!("the agent's answer was cut off: {error}"));
            }
            Poll::Ready(Some(Ok(frame))) => frame,
        };
        self.used.touch();
        let Some(bytes) = frame.data_ref() else {
            return Poll::Ready(Some(Ok(frame)));
        };
        let broken = match &mut self.limit {
            Limit::Chunks(chunks) => (!chunks.push(bytes)).then(|| {
                format!(
                    "an event of the stream is longer than {} bytes, which is more than AgentCore passes on",
                    limits::CHUNK
                )
            }),
            Limit::Whole(count) => {
                *count += bytes.len();
                (*count > limits::PAYLOAD).then(|| {
                    format!(
                        "it is longer than {} bytes, which is more than AgentCore passes on",
                        limits::PAYLOAD
                    )
                })
            }
        };
        match broken {
            Some(why) => self.cut(why),
            None => Poll::Ready(Some(Ok(frame))),
        }
    }
}
