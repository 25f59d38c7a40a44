//! Bodies and clients for requests between processes on this machine.

use std::{
    net::Ipv4Addr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Body as _, Bytes, Frame, Incoming, SizeHint},
    header::{self, HeaderName},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::net::TcpStream;

/// An error in a body; it ends the connection.
pub(in crate::effects) type BodyError = Box<dyn std::error::Error + Send + Sync>;
pub(in crate::effects) type Body = UnsyncBoxBody<Bytes, BodyError>;
pub(in crate::effects) type HttpClient = Client<HttpConnector, Body>;

pub(in crate::effects) fn full(content: impl Into<Bytes>) -> Body {
    Full::new(content.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(in crate::effects) fn streamed(body: Incoming) -> Body {
    body.map_err(BodyError::from).boxed_unsync()
}

/// The next part of a body.
pub(in crate::effects) type Next = Poll<Option<Result<Frame<Bytes>, BodyError>>>;

/// Processes a body while it is forwarded.
pub(in crate::effects) trait Passage<B> {
    /// Polls the body's next frame and processes it.
    fn next(&mut self, body: Pin<&mut B>, context: &mut Context<'_>) -> Next;
}

/// A forwarded body, with the same length as the original.
pub(in crate::effects) struct Passing<B, P> {
    pub(in crate::effects) body: B,
    pub(in crate::effects) passage: P,
}

impl<B, P> hyper::body::Body for Passing<B, P>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
    P: Passage<B> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Next {
        let Self { body, passage } = &mut *self;
        passage.next(Pin::new(body), context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Holds something until the body ends or is dropped.
struct Holding<T> {
    _held: T,
}

impl<T> Passage<Body> for Holding<T> {
    fn next(&mut self, body: Pin<&mut Body>, context: &mut Context<'_>) -> Next {
        body.poll_frame(context)
    }
}

/// Returns a body that holds a value until it ends or is dropped.
pub(in crate::effects) fn holding(body: Body, held: impl Send + Unpin + 'static) -> Body {
    let passage = Holding { _held: held };
    Passing { body, passage }.boxed_unsync()
}

/// Reads a whole body; returns `None` if it is longer than the limit or breaks off.
pub(super) async fn collected<B>(mut body: B, limit: usize) -> Option<Bytes>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            whole.extend_from_slice(&data);
        }
        if whole.len() > limit {
            return None;
        }
    }
    Some(whole.into())
}

pub(in crate::effects) fn text(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut response = Response::new(full(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("text/plain"),
    );
    response
}

/// Returns a client for servers on this machine, with a pool of connections.
pub(in crate::effects) fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_secs(5)));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(4))
        .build(connector)
}

/// Sends an upgrade request on its own connection.
pub(in crate::effects) async fn upgrade(
    port: u16,
    request: Request<Body>,
) -> Result<Response<Incoming>, BodyError> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    Ok(sender.send_request(request).await?)
}

/// Headers that belong to one connection (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Removes headers that belong to one connection, including those that `Connection` names.
pub(in crate::effects) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.into_iter().chain(named) {
        headers.remove(name);
    }
}
