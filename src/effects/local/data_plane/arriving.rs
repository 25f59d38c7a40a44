//! The body of a request as it arrives, with limits for its size and speed, and a record of its
//! faults.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use serde_json::Value;

use crate::{
    config::Protocol,
    effects::{
        clock,
        local::{
            http::{Next, Passage, Passing},
            pace::waits,
        },
    },
    protocol::{Refusal, limits, refusal::json_rpc_id},
};

/// How many bytes of a call are kept to find the ID for an error. A longer call has no ID.
const LONGEST_CALL: usize = 1 << 20;
/// The time limit for the rest of a refused call.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a body may be silent before it has ended.
const SILENCE: Duration = Duration::from_secs(30);

/// A fault of the caller's body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the body is longer than {} bytes", limits::PAYLOAD)]
    TooLarge,
    #[error("nothing more of the body came for {} seconds", SILENCE.as_secs())]
    Silent,
    #[error("the body was cut off: {0}")]
    Broken(String),
}

/// What is known about a body, shared with its readers.
#[derive(Clone, Default)]
pub(super) struct Call(Arc<Known>);

#[derive(Default)]
struct Known {
    kept: Mutex<Vec<u8>>,
    fault: OnceLock<Fault>,
}

/// A body that is arriving.
pub(super) type Arriving = Passing<Incoming, Arrival>;

pub(super) struct Arrival {
    /// As its sender announced it.
    length: u64,
    count: u64,
    limit: u64,
    call: Call,
    keeps: bool,
    silence: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Call {
    /// Wraps the body of an invocation. Keeps its bytes only for protocols whose calls have IDs.
    pub(super) fn payload(&self, speaks: Protocol, body: Incoming) -> Arriving {
        let keeps = matches!(speaks, Protocol::Mcp | Protocol::A2a);
        self.arriving(body, limits::PAYLOAD as u64, keeps)
    }

    /// Wraps a body of any length.
    pub(super) fn unlimited(&self, body: Incoming) -> Arriving {
        self.arriving(body, u64::MAX, false)
    }

    fn arriving(&self, body: Incoming, limit: u64, keeps: bool) -> Arriving {
        let passage = Arrival {
            length: body.size_hint().lower(),
            count: 0,
            limit,
            call: self.clone(),
            keeps,
            silence: None,
        };
        Passing { body, passage }
    }

    /// Returns the call's ID if it was read.
    pub(super) fn id(&self) -> Option<Value> {
        json_rpc_id(&self.0.kept.lock().expect("no thread panics with it"))
    }

    pub(super) fn fault(&self) -> Option<&Fault> {
        self.0.fault.get()
    }

    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.kept.lock().expect("no thread panics with it");
        if kept.len() + bytes.len() <= LONGEST_CALL {
            kept.extend_from_slice(bytes);
        }
    }
}

impl Fault {
    pub(super) fn refusal(&self) -> Refusal {
        match self {
            Self::TooLarge => Refusal::too_large(),
            Self::Silent | Self::Broken(_) => Refusal::invalid("payload", self),
        }
    }
}

impl Arriving {
    /// Returns true if the announced length exceeds the service's limit.
    pub(super) fn is_too_large(&self) -> bool {
        self.passage.length > self.passage.limit
    }

    /// Reads a refused call to find its ID.
    pub(super) async fn read(self) {
        if !self.passage.keeps {
            return;
        }
        let call = self.passage.call.clone();
        // A longer, slow or broken call has no ID.
        let read = Limited::new(self, LONGEST_CALL).collect();
        if !matches!(clock::within(PATIENCE, read).await, Some(Ok(_))) {
            call.0
                .kept
                .lock()
                .expect("no thread panics with it")
                .clear();
        }
    }
}

impl Arrival {
    fn fails(&self, fault: Fault) -> Next {
        let fault = self.call.0.fault.get_or_init(|| fault);
        Poll::Ready(Some(Err(fault.clone().into())))
    }
}

impl Passage<Incoming> for Arrival {
    fn next(&mut self, body: Pin<&mut Incoming>, context: &mut Context<'_>) -> Next {
        let frame = match body.poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let silence = self
                    .silence
                    .get_or_insert_with(|| Box::pin(clock::sleep(waits(SILENCE))));
                return match silence.as_mut().poll(context) {
                    Poll::Ready(()) => self.fails(Fault::Silent),
                    Poll::Pending => Poll::Pending,
                };
            }
        };
        self.silence = None;
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return self.fails(Fault::Broken(error.to_string())),
            None => return Poll::Ready(None),
        };
        if let Some(bytes) = frame.data_ref() {
            self.count += bytes.len() as u64;
            if self.count > self.limit {
                return self.fails(Fault::TooLarge);
            }
            if self.keeps {
                self.call.add(bytes);
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }
}
