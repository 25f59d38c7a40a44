//! The call that a request's body holds, for the ID in the error that answers it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Bytes, Frame, Incoming, SizeHint};
use serde_json::Value;

use super::http::BodyError;
use crate::{
    config::Protocol,
    effects::clock,
    protocol::{limits, refusal::json_rpc_id},
};

/// How much of a body is kept. A call that is longer has no ID here.
const LONGEST: usize = 1 << 20;
/// How long the rest of a call that is refused may take to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// What has been read of a body.
#[derive(Clone, Default)]
pub(super) struct Call(Arc<Mutex<Vec<u8>>>);

/// A body of a limited length that is kept as it passes.
pub(super) struct Kept {
    /// As its sender announced it.
    length: u64,
    body: Limited<Incoming>,
    call: Option<Call>,
}

impl Call {
    /// The body; only of a protocol whose calls have IDs is anything kept.
    pub(super) fn keep(&self, speaks: Protocol, body: Incoming) -> Kept {
        Kept {
            length: body.size_hint().lower(),
            body: Limited::new(body, limits::PAYLOAD),
            call: matches!(speaks, Protocol::Mcp | Protocol::A2a).then(|| self.clone()),
        }
    }

    /// The ID, as far as the call has been read.
    pub(super) fn id(&self) -> Option<Value> {
        json_rpc_id(&self.0.lock().expect("no thread panics with it"))
    }

    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().expect("no thread panics with it");
        if kept.len() + bytes.len() <= LONGEST {
            kept.extend_from_slice(bytes);
        }
    }
}

impl Kept {
    /// Whether it is longer than the service takes, before any of it has come.
    pub(super) fn is_too_large(&self) -> bool {
        self.length > limits::PAYLOAD as u64
    }

    /// Reads the call of a request that goes no further.
    pub(super) async fn read(self) {
        let Self {
            length: _,
            body,
            call,
        } = self;
        let Some(call) = call else { return };
        // What is longer, comes slowly or breaks off has no ID.
        let read = Limited::new(body, LONGEST).collect();
        if let Some(Ok(body)) = clock::within(PATIENCE, read).await {
            call.add(&body.to_bytes());
        }
    }
}

impl hyper::body::Body for Kept {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let (Some(call), Some(bytes)) = (&self.call, frame.data_ref())
        {
            call.add(bytes);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
