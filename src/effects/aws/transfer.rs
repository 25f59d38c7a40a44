//! The body of a request on its way to a service.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use futures_util::future::{self, Either};
use hyper::body::{Body, Bytes, Frame, SizeHint};

use crate::effects::clock;

/// A transfer that makes no progress for this long has stalled.
const STALLED: Duration = Duration::from_secs(30);

/// A smaller body fits into the buffers of the connection.
const SMALL: usize = 1 << 20;

/// The bytes that are passed on at once.
const PIECE: usize = 64 << 10;

/// Watches a request's body.
#[derive(Debug)]
pub(super) struct Transfer {
    /// The number of bytes that were not passed on yet; `None` if there are few.
    left: Option<Arc<AtomicUsize>>,
    patience: Duration,
}

impl Transfer {
    /// Gives the request this body.
    pub(super) fn of(request: &mut HttpRequest, body: &Bytes) -> Self {
        let patience = STALLED;
        if body.len() < SMALL {
            return Self {
                left: None,
                patience,
            };
        }
        let left = Arc::new(AtomicUsize::new(body.len()));
        let pieces = Pieces {
            body: body.clone(),
            left: Arc::clone(&left),
        };
        *request.body_mut() = SdkBody::from_body_1_x(pieces);
        Self {
            left: Some(left),
            patience,
        }
    }

    /// Returns the result of the exchange, or an error if the transfer stalls first.
    pub(super) async fn unless_stalled<T>(
        &self,
        exchange: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        let Self { left, patience } = self;
        let Some(left) = left else {
            return exchange.await;
        };
        let stalled = Box::pin(stalled(left, *patience));
        match future::select(Box::pin(exchange), stalled).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => Err(format!(
                "the upload made no progress for {} s",
                patience.as_secs()
            )),
        }
    }
}

/// Ends when the transfer stalls, but never after all bytes were passed on.
async fn stalled(left: &AtomicUsize, patience: Duration) {
    let mut before = left.load(Ordering::Relaxed);
    loop {
        clock::sleep(patience).await;
        let now = left.load(Ordering::Relaxed);
        if now == 0 {
            future::pending::<()>().await;
        }
        if now == before {
            return;
        }
        before = now;
    }
}

struct Pieces {
    body: Bytes,
    left: Arc<AtomicUsize>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.body.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.body.len().min(PIECE);
        let piece = self.body.split_to(length);
        self.left.store(self.body.len(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn only_a_transfer_without_progress_stalls() {
        let mut request = HttpRequest::new(SdkBody::empty());
        let body = Bytes::from(vec![0; SMALL]);
        let transfer = Transfer {
            patience: Duration::from_millis(200),
            ..Transfer::of(&mut request, &body)
        };
        let silent = future::pending::<Result<(), String>>();
        let error = transfer.unless_stalled(silent).await.unwrap_err();
        assert!(error.contains("no progress"), "{error}");
        let slow = async {
            let mut body = std::mem::replace(request.body_mut(), SdkBody::empty());
            let mut passed = 0;
            while let Some(frame) = body.frame().await {
                passed += frame.unwrap().into_data().unwrap().len();
                clock::sleep(transfer.patience / 10).await;
            }
            // The answer may take longer than that.
            clock::sleep(transfer.patience * 2).await;
            Ok(passed)
        };
        assert_eq!(transfer.unless_stalled(slow).await, Ok(SMALL));
    }
}
