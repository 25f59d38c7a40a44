//! WebSockets, frame by frame.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Ask, PATIENCE, Place, SESSION, seen, session};

/// An open WebSocket.
pub(super) struct Socket {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    /// What the agent saw of the handshake.
    seen: Value,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Text(Vec<u8>),
    Closed(u16, String),
    /// The connection ended without a close frame.
    Gone,
}

fn ask<'a>(place: &Place, query: &str) -> Ask<'a> {
    place
        .ask_for("GET", &format!("ws{query}"))
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

impl Socket {
    pub(super) fn open(place: &Place, query: &str) -> Self {
        let mut stream = place.connect();
        stream.write_all(&ask(place, query).bytes(place)).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let lower = head.to_ascii_lowercase();
        assert!(
            lower.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
            "{head}"
        );
        let mut socket = Self {
            stream,
            reader,
            seen: Value::Null,
        };
        let Frame::Text(first) = socket.receive() else {
            panic!("no frame came");
        };
        socket.seen = serde_json::from_slice(&first).unwrap();
        socket
    }

    fn send(&mut self, opcode: u8, content: &[u8]) {
        let mut frame = vec![0x80 | opcode];
        match content.len() {
            length @ 0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
            length @ 126..65_536 => {
                frame.push(0x80 | 0x7e);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                frame.push(0x80 | 0x7f);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.extend(
            content
                .iter()
                .enumerate()
                .map(|(at, byte)| byte ^ [1, 2, 3, 4][at % 4]),
        );
        // The other side may already have closed.
        let _ = self.stream.write_all(&frame);
    }

    pub(super) fn receive(&mut self) -> Frame {
        let mut read = |length: usize| {
            let mut bytes = vec![0; length];
            self.reader.read_exact(&mut bytes).map(|()| bytes)
        };
        let Ok(head) = read(2) else {
            return Frame::Gone;
        };
        let length = match head[1] {
            126 => read(2).map(|bytes| usize::from(bytes[0]) << 8 | usize::from(bytes[1])),
            127 => read(8).map(|bytes| {
                bytes
                    .iter()
                    .fold(0, |all, byte| all << 8 | usize::from(*byte))
            }),
            length => Ok(usize::from(length)),
        };
        let Ok(content) = length.and_then(&mut read) else {
            return Frame::Gone;
        };
        if head[0] & 15 != 8 {
            return Frame::Text(content);
        }
        let code = u16::from_be_bytes([content[0], content[1]]);
        Frame::Closed(code, String::from_utf8_lossy(&content[2..]).into_owned())
    }
}

#[test]
fn a_websocket_joins_the_caller_with_the_agent() {
    let place = Place::with(
        8080,
        "header-allowlist = [\"X-Amzn-Bedrock-AgentCore-Runtime-Custom-A\"]",
    );
    let id = session("socket");
    let query = format!(
        "?qualifier=DEFAULT&X-Amzn-Bedrock-AgentCore-Runtime-Session-Id={id}\
         &X-Amzn-Bedrock-AgentCore-Runtime-Custom-A=b%20c&X-Amz-Signature=0"
    );
    let mut socket = Socket::open(&place, &query);
    assert_eq!(socket.seen["path"], "/ws");
    assert_eq!(seen(&socket.seen, SESSION), Some(id.as_str()));
    assert_eq!(
        seen(&socket.seen, "x-amzn-bedrock-agentcore-runtime-custom-a"),
        Some("b c")
    );
    for text in [b"one".to_vec(), b"two".to_vec(), vec![b'x'; 65_536]] {
        socket.send(1, &text);
        assert_eq!(socket.receive(), Frame::Text(text));
    }
    // The session's own process answers.
    let same = place
        .ask(&json!({ "do": "look" }))
        .session(&id)
        .send(&place);
    assert_eq!(same.status, 200);
    socket.send(8, &1000_u16.to_be_bytes());
    assert_eq!(socket.receive(), Frame::Closed(1000, String::new()));
}

#[test]
fn frames_are_limited_as_in_the_service_in_both_directions() {
    let place = Place::new();
    let query = format!(
        "?X-Amzn-Bedrock-AgentCore-Runtime-Session-Id={}",
        session("frames")
    );
    let open = || Socket::open(&place, &query);
    let ends = |mut socket: Socket| loop {
        match socket.receive() {
            Frame::Text(_) => {}
            end => return end,
        }
    };
    let too_long = Frame::Closed(1009, "a frame is longer than 65536 bytes".to_owned());
    let too_many = Frame::Closed(1008, "more than 250 frames came within a second".to_owned());

    let mut socket = open();
    socket.send(2, &vec![b'x'; 65_537]);
    assert_eq!(ends(socket), too_long);
    let mut socket = open();
    socket.send(1, b"send 1 65537");
    assert_eq!(ends(socket), too_long);
    let mut socket = open();
    for _ in 0..400 {
        socket.send(1, b"x");
    }
    assert_eq!(ends(socket), too_many);
    let mut socket = open();
    socket.send(1, b"send 400 1");
    assert_eq!(ends(socket), too_many);
    assert!(place.log().contains("a frame is longer than 65536 bytes"));
}

#[test]
fn a_websocket_is_closed_when_its_session_is_stopped_and_costs_nothing_when_its_caller_goes() {
    let place = Place::new();
    let id = session("stopped");
    let query = format!("?X-Amzn-Bedrock-AgentCore-Runtime-Session-Id={id}");
    drop(Socket::open(&place, &query));
    let before = place.held();
    for _ in 0..20 {
        drop(Socket::open(&place, &query));
    }
    place.lets_go(before);
    let mut socket = Socket::open(&place, &query);
    let start = Instant::now();
    let stopped = place.ask_for("POST", "stopruntimesession").session(&id);
    assert_eq!(stopped.send(&place).status, 200);
    assert_eq!(
        socket.receive(),
        Frame::Closed(1001, "the session ended".to_owned())
    );
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn a_page_in_a_browser_opens_no_websocket() {
    let place = Place::new();
    for (name, value) in [
        ("Origin", "http://127.0.0.1:3000"),
        ("Origin", "null"),
        ("Host", "evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        let mut stream = place.connect();
        let ask = ask(&place, "").header(name, value);
        stream.write_all(&ask.bytes(&place)).unwrap();
        // The server keeps the connection, so there is no end to wait for.
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status).unwrap();
        assert!(
            status.starts_with("HTTP/1.1 403 "),
            "{name}: {value}: {status}"
        );
    }
}

/// Only frames keep a session from being idle, not an open connection.
#[test]
fn a_websocket_without_frames_ends_with_its_idle_session() {
    // Ten seconds in this test.
    let place = Place::hasty(6, "lifecycle = { idle-timeout = 60 }");
    let mut socket = Socket::open(&place, "");
    let start = Instant::now();
    socket.send(1, b"hello");
    assert_eq!(socket.receive(), Frame::Text(b"hello".to_vec()));
    assert_eq!(
        socket.receive(),
        Frame::Closed(1001, "the session ended".to_owned())
    );
    assert!(start.elapsed() > Duration::from_secs(9));
}
