//! Requests that no client should send, to the agent of a template itself: each gets one answer.

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

use super::*;

/// A request as bytes.
fn any_request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![
        4 => Just("POST".to_owned()),
        2 => Just("GET".to_owned()),
        1 => "[A-Z]{1,12}".prop_filter("it has no body", |method| method != "HEAD" && method != "CONNECT"),
    ];
    let path = prop_oneof![
        4 => Just("/invocations".to_owned()),
        1 => Just("/ping".to_owned()),
        1 => Just("/ws".to_owned()),
        2 => "/[!-~]{0,40}",
    ];
    let name = prop_oneof![
        Just("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id".to_owned()),
        Just("X-Amzn-Bedrock-AgentCore-Runtime-Request-Id".to_owned()),
        Just("WorkloadAccessToken".to_owned()),
        Just("Content-Type".to_owned()),
        Just("Accept".to_owned()),
        "x-[a-z!#$%&'*+.^_`|~-]{1,20}",
    ];
    // Text, and bytes that are none.
    let value = vec(prop_oneof![4 => 0x20..0x7f_u8, 1 => 0x80..=0xff_u8], 0..60);
    let headers = vec((name, value), 0..6);
    let body = prop_oneof![
        vec(any::<u8>(), 0..200),
        "[\\[\\]{}\":,a-z0-9 ]{0,60}".prop_map(String::into_bytes),
        (1..3000_usize).prop_map(|depth| "[".repeat(depth).into_bytes()),
    ];
    let chunks = proptest::option::of(1..50_usize);
    (
        method,
        path,
        headers,
        body,
        chunks,
        prop::bool::weighted(0.1),
    )
        .prop_map(|(method, path, headers, body, chunks, is_broken)| {
            let mut request =
                format!("{method} {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n")
                    .into_bytes();
            for (name, value) in headers {
                request.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
            }
            let Some(size) = chunks else {
                request.extend(format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes());
                return [request, body].concat();
            };
            request.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            for chunk in body.chunks(size) {
                request.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                request.extend([chunk, b"\r\n"].concat());
            }
            request.extend(if is_broken {
                &b"no size\r\n\r\n"[..]
            } else {
                b"0\r\n\r\n"
            });
            request
        })
}

/// Returns the status of an answer that is one and whole.
fn status(answer: &[u8]) -> Option<u16> {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n")?;
    let (head, body) = (
        std::str::from_utf8(&answer[..head]).ok()?,
        &answer[head + 4..],
    );
    let mut lines = head.split("\r\n");
    let status = lines
        .next()?
        .strip_prefix("HTTP/1.1 ")?
        .get(..3)?
        .parse()
        .ok()?;
    let lengths = lines.filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().ok())
    });
    // No answer to these requests is streamed.
    (lengths.collect::<Vec<_>>() == [Some(body.len())]).then_some(status)
}

pub(super) fn any_gets_one_answer(program: &Path) {
    let port = support::emulator::free_port();
    let child = Command::new(program)
        .env_clear()
        .env("PORT", port.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let out = collect(child.stdout.take().unwrap());
    let err = collect(child.stderr.take().unwrap());
    let agent = Dev { child, out, err };
    eventually(|| agent.out(), || agent.out().contains("listening"));
    let mut runner = TestRunner::new(proptest::test_runner::Config::with_cases(300));
    let run = runner.run(&any_request(), |request| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        // It may close the connection before it has read everything.
        let _ = stream.read_to_end(&mut answer);
        let shown = String::from_utf8_lossy(&answer);
        let status = status(&answer);
        prop_assert!(
            status.is_some_and(|status| (200..500).contains(&status)),
            "{shown}"
        );
        Ok(())
    });
    assert_eq!(run, Ok(()));
    assert_eq!(agent.err(), "", "it panicked");
}
