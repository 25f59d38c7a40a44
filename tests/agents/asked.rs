//! A request in each protocol, as sent by the service.

use std::{
    io::{Error, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// The protocol of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Http,
    WebSocket,
    Mcp,
    A2a,
    Agui,
}

/// The service uses its own host name rather than this machine's.
const HOST: &str = "cell.agentcore.internal";

impl Asked {
    /// Returns the port on which the service calls the agent.
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Http | Self::WebSocket | Self::Agui => 8080,
            Self::Mcp => 8000,
            Self::A2a => 9000,
        }
    }

    pub(crate) fn is_declared_in(self, manifest: &str) -> bool {
        let mut lines = manifest.lines();
        let declared = lines.find_map(|line| line.strip_prefix("protocol = "));
        declared
            == match self {
                Self::Http | Self::WebSocket => None,
                Self::Mcp => Some("\"mcp\""),
                Self::A2a => Some("\"a2a\""),
                Self::Agui => Some("\"agui\""),
            }
    }

    /// Returns the agent's answer to `hello`, with everything around it.
    pub(crate) fn answer(self, port: u16) -> Result<String, Error> {
        if self != Self::Mcp {
            let pong = request(port, "GET /ping", "", "")?;
            if !pong.starts_with("HTTP/1.1 200") && !pong.starts_with("HTTP/1.0 200") {
                return Err(Error::other(format!("/ping: {pong}")));
            }
        }
        match self {
            Self::Http | Self::Agui => {
                request(port, "POST /invocations", "", r#"{"prompt": "hello"}"#)
            }
            Self::WebSocket => web_socket(port),
            Self::Mcp => request(
                port,
                "POST /mcp",
                "Accept: application/json, text/event-stream\r\nMcp-Session-Id: of-the-service\r\nMCP-Protocol-Version: 2025-06-18\r\n",
                r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "shout", "arguments": {"text": "hello"}}}"#,
            ),
            Self::A2a => {
                let card = request(port, "GET /.well-known/agent-card.json", "", "")?;
                if !card.contains("\"name\"") {
                    return Err(Error::other(format!("the agent card: {card}")));
                }
                request(
                    port,
                    "POST /",
                    "",
                    r#"{"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": {"role": "user", "messageId": "1", "parts": [{"kind": "text", "text": "hello"}]}}}"#,
                )
            }
        }
    }
}

fn request(port: u16, line: &str, headers: &str, body: &str) -> Result<String, Error> {
    let mut stream = connect(port)?;
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Connects, retrying because a bound port may not be listening yet.
fn connect(port: u16) -> Result<TcpStream, Error> {
    let start = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => {
                stream.set_read_timeout(Some(Duration::from_mins(1)))?;
                return Ok(stream);
            }
            Err(error) if start.elapsed() > Duration::from_mins(1) => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn web_socket(port: u16) -> Result<String, Error> {
    let mut stream = connect(port)?;
    write!(
        stream,
        "GET /ws HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    read_to(&mut stream, b"\r\n\r\n", &mut answer)?;
    // A complete text frame, with a mask of zeros.
    stream.write_all(b"\x81\x85\0\0\0\0hello")?;
    read_to(&mut stream, b"HELLO", &mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Reads up to `end` or the end of the stream.
fn read_to(stream: &mut TcpStream, end: &[u8], read: &mut Vec<u8>) -> Result<(), Error> {
    let mut piece = [0; 1024];
    while !read.windows(end.len()).any(|window| window == end) {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            break;
        }
        read.extend_from_slice(&piece[..length]);
    }
    Ok(())
}
