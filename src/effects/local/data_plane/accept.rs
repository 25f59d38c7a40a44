//! Serves HTTP on a port of this machine, with limits for slow, stuck and lost clients.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use crate::effects::{
    clock,
    local::{http::Body, pace::waits},
};

/// The time limit for the head of a request, and between two requests.
const HEAD: Duration = Duration::from_secs(30);
/// How long a client may stop reading.
const STUCK: Duration = Duration::from_mins(10);
/// The number of concurrent connections.
const CONNECTIONS: usize = 1_000;
/// The pause after a failed accept, for example without a free descriptor.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers requests.
pub(in crate::effects) trait Answers: Send + Sync + 'static {
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

/// Accepts connections until it is dropped.
pub(in crate::effects) async fn accept(listener: TcpListener, server: Arc<impl Answers>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            clock::sleep(PAUSE).await;
            continue;
        };
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            serve(stream, server).await;
            drop(permit);
        });
    }
}

async fn serve(stream: TcpStream, server: Arc<impl Answers>) {
    // Without it, small answers would be delayed; a failure is harmless.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(server.answer(request).await) }
    });
    // A client that disconnects is not an error.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(waits(HEAD))
        .serve_connection(TokioIo::new(Impatient::new(stream, STUCK)), service)
        .with_upgrades()
        .await;
}

/// A stream whose writes fail if the other side does not read for too long.
struct Impatient<T> {
    stream: T,
    limit: Duration,
    /// The deadline for a write in progress.
    stuck: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<T> Impatient<T> {
    fn new(stream: T, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            stuck: None,
        }
    }

    fn watched(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let limit = self.limit;
        let stuck = self
            .stuck
            .get_or_insert_with(|| Box::pin(clock::sleep(limit)));
        match stuck.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Impatient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Impatient<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watched(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watched(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::effects::runtime;

    const LIMIT: Duration = Duration::from_millis(100);

    #[test]
    fn who_takes_nothing_for_too_long_is_given_up() {
        let error = runtime::block_on(async {
            let (stream, _stuck) = tokio::io::duplex(16);
            let mut stream = Impatient::new(stream, LIMIT);
            Ok(stream.write_all(&[0; 64]).await.unwrap_err())
        });
        assert_eq!(error.unwrap().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn who_is_slow_gets_everything() {
        let received = runtime::block_on(async {
            let (stream, mut slow) = tokio::io::duplex(16);
            let mut stream = Impatient::new(stream, LIMIT);
            let reading = async {
                let mut buffer = [0; 16];
                let mut count = 0;
                while count < 160 {
                    clock::sleep(LIMIT / 2).await;
                    count += slow.read(&mut buffer).await.unwrap();
                }
                count
            };
            let (written, count) = tokio::join!(stream.write_all(&[0; 160]), reading);
            written.unwrap();
            Ok(count)
        });
        assert_eq!(received.unwrap(), 160);
    }
}
