//! An HTTP server on a real socket of 127.0.0.1, in its own thread. Answers can wait, come in
//! pieces, or break off. The proxy and the scripted server use it.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    thread::JoinHandle,
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{
    Request, Response,
    body::{Body, Bytes, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    sync::oneshot,
    time::{Sleep, sleep},
};

/// The server's reaction to a request.
#[derive(Debug, Clone)]
pub enum Reply {
    Answer(Answer),
    /// Closes the connection without a byte.
    Silence,
}

/// An answer, complete or in pieces.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// The pieces, each with the pause before it.
    pub pieces: Vec<(Duration, Bytes)>,
    /// Breaks the connection off after the pieces, before the announced length.
    pub torn: bool,
    /// The delay before the head.
    pub delay: Duration,
}

impl Answer {
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), content_type.into())],
            pieces: vec![(Duration::ZERO, body.into())],
            torn: false,
            delay: Duration::ZERO,
        }
    }

    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// Breaks off in the middle of the body.
    pub fn torn(mut self) -> Self {
        let whole = self.body();
        self.headers
            .push(("content-length".into(), (whole.len() + 1).to_string()));
        self.pieces = vec![(Duration::ZERO, whole.slice(..whole.len() / 2))];
        self.torn = true;
        self
    }

    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn replace_body(&mut self, body: String) {
        self.headers.retain(|(name, _)| name != "content-length");
        self.pieces = vec![(Duration::ZERO, body.into())];
    }

    pub fn body(&self) -> Bytes {
        self.pieces
            .iter()
            .flat_map(|(_, piece)| piece.iter().copied())
            .collect()
    }

    fn response(self) -> Response<Pieces> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response
            .body(Pieces {
                left: self.pieces.into(),
                torn: self.torn,
                pause: None,
            })
            .expect("the tests write valid heads")
    }
}

/// A running server; dropping it closes every connection.
pub struct Server {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start<H, F>(handler: H) -> Self
    where
        H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let (told, port) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be made");
            runtime.block_on(async move {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
                told.send(listener.local_addr().unwrap().port()).unwrap();
                tokio::select! {
                    () = accept(listener, Arc::new(handler)) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            port: port.recv().expect("the server listens"),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The test reports its own failure.
            let _ = thread.join();
        }
    }
}

async fn accept<H, F>(listener: TcpListener, handler: Arc<H>)
where
    H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        let handler = Arc::clone(&handler);
        let service = service_fn(move |request: Request<Incoming>| {
            let handler = Arc::clone(&handler);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                match handler(Request::from_parts(head, body)).await {
                    Reply::Answer(answer) => {
                        sleep(answer.delay).await;
                        Ok(answer.response())
                    }
                    Reply::Silence => Err(io::Error::other("silence was asked for")),
                }
            }
        });
        tokio::spawn(async move {
            // Some tests break the connection on purpose.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

struct Pieces {
    left: VecDeque<(Duration, Bytes)>,
    torn: bool,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        // Lets written bytes leave before the connection breaks.
        let torn = Duration::from_millis(50);
        let wait = match self.left.front() {
            Some((wait, _)) => *wait,
            None if self.torn => torn,
            None => return Poll::Ready(None),
        };
        if !wait.is_zero() {
            let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(wait)));
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        Poll::Ready(match self.left.pop_front() {
            Some((_, piece)) => Some(Ok(Frame::data(piece))),
            None => Some(Err(io::Error::other("torn off"))),
        })
    }
}
