//! Sends single requests, each on its own connection.

use std::{
    io,
    net::Ipv4Addr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body_util::BodyExt as _;
use hyper::{
    Request as Message,
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    task::JoinHandle,
};

use crate::{
    check::{Answer, NoAnswer, Outcome, request::Request},
    effects::{
        clock,
        local::http::{Body, full},
    },
};

/// The agent's address.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) port: u16,
    /// The `Host` to send.
    pub(super) host: String,
    /// The time limit for an answer.
    pub(super) limit: Duration,
}

/// Sends a request and waits for the complete answer.
pub(super) async fn ask(address: &Address, request: Request) -> Outcome {
    let begin = clock::now();
    let asked = async {
        let mut connection = Connection::open(address.port).await?;
        let message = message(address, request).ok_or(NoAnswer::Closed)?;
        let answer = connection.sender.send_request(message).await;
        let (parts, mut body) = answer.map_err(|_| NoAnswer::Closed)?.into_parts();
        let mut answer = Answer {
            status: parts.status.as_u16(),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.as_str().to_owned(), value)
                })
                .collect(),
            body: Vec::new(),
            is_whole: true,
            took: Duration::ZERO,
        };
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        answer.body.extend_from_slice(&data);
                    }
                }
                Err(_) => {
                    answer.is_whole = false;
                    break;
                }
            }
        }
        answer.took = begin.elapsed();
        Ok(answer)
    };
    let asked = clock::within(address.limit, asked).await;
    asked.unwrap_or(Err(NoAnswer::Late(address.limit)))
}

/// Sends a request and disconnects without reading, either at once or after the answer has begun.
pub(super) async fn leave(address: &Address, request: Request, wait: Duration) {
    let Ok(mut connection) = Connection::open(address.port).await else {
        return;
    };
    let Some(message) = message(address, request) else {
        return;
    };
    let asked = async {
        let answer = connection.sender.send_request(message).await.ok()?;
        answer.into_body().frame().await
    };
    // The answer is ignored.
    let _ = clock::within(wait, asked).await;
}

/// A connection, closed on drop.
struct Connection {
    sender: SendRequest<Body>,
    driving: JoinHandle<()>,
}

impl Connection {
    async fn open(port: u16) -> Result<Self, NoAnswer> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
        let stream = stream.map_err(|_| NoAnswer::NotConnected)?;
        // Without this option small requests are delayed, which is harmless.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = handshake(TokioIo::new(Patient(stream)))
            .await
            .map_err(|_| NoAnswer::Closed)?;
        let driving = tokio::spawn(async move {
            // The answer shows how the connection ended.
            let _ = connection.await;
        });
        Ok(Self { sender, driving })
    }
}

/// A connection that can still be read after writing fails, because a server may refuse a body and
/// close the connection before it has read all of it.
struct Patient(TcpStream);

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.0).poll_write(context, bytes);
        written.map(|written| Ok(written.unwrap_or(bytes.len())))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driving.abort();
    }
}

fn message(address: &Address, request: Request) -> Option<Message<Body>> {
    let Request {
        method,
        path,
        headers,
        body,
    } = request;
    let is_upgrade = headers.iter().any(|(name, _)| *name == "upgrade");
    let connection = if is_upgrade { "Upgrade" } else { "close" };
    let mut message = Message::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, &address.host)
        .header(header::CONNECTION, connection);
    if method == "POST" {
        // Sent even for an empty body.
        message = message.header(header::CONTENT_LENGTH, body.len());
    }
    for (name, value) in headers {
        message = message.header(name, value);
    }
    message.body(full(body)).ok()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// A server that closes the connection with most of the body unread resets it.
    #[tokio::test]
    async fn a_refusal_is_read_though_nobody_takes_the_body() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = Address {
            port: listener.local_addr().unwrap().port(),
            host: "agent".to_owned(),
            limit: Duration::from_secs(20),
        };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.read_exact(&mut [0; 100]).await.unwrap();
                let refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno";
                stream.write_all(refusal).await.unwrap();
            }
        });
        for _ in 0..50 {
            let request = Request {
                method: "POST",
                path: "/".to_owned(),
                headers: Vec::new(),
                body: vec![b'x'; 8 << 20],
            };
            let answer = ask(&address, request).await.unwrap();
            assert_eq!((answer.status, &answer.body[..]), (413, &b"no"[..]));
        }
    }
}
