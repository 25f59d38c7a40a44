//! An endless answer does not fill the memory. Uses a real socket and measures the process's peak
//! memory.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Stdio},
    thread::JoinHandle,
    time::Duration,
};

use super::{arn, project, support::Cli};

const MIB: usize = 1 << 20;

/// Answers every request with this head and beginning, then repeats the piece.
struct Endless {
    port: u16,
    thread: Option<JoinHandle<()>>,
}

impl Endless {
    fn start(
        status: &'static str,
        content_type: &'static str,
        begin: &'static str,
        piece: &'static str,
        total: usize,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                if !serve(&stream, status, content_type, begin, piece, total) {
                    return;
                }
            }
        });
        Self {
            port,
            thread: Some(thread),
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.write_all(b"STOP / HTTP/1.1\r\n\r\n");
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Returns false if it should stop.
fn serve(
    stream: &TcpStream,
    status: &str,
    content_type: &str,
    begin: &str,
    piece: &str,
    total: usize,
) -> bool {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).unwrap();
    if line.starts_with("STOP") {
        return false;
    }
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).unwrap();
    let mut out = stream;
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\nconnection: close\r\n\r\n{begin}"
    );
    let block = piece.repeat(65536 / piece.len() + 1);
    let mut sent = 0;
    // The client disconnects when it has read enough.
    if out.write_all(head.as_bytes()).is_ok() {
        while sent < total && out.write_all(block.as_bytes()).is_ok() {
            sent += block.len();
        }
    }
    true
}

struct Ran {
    code: Option<i32>,
    stderr: String,
    /// The peak resident memory, in MiB.
    peak: usize,
    /// The number of bytes on stdout, and the first of them.
    printed: usize,
    begin: String,
}

fn run(cli: &Cli) -> Ran {
    let mut child = cli
        .prepared()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let printed = std::thread::spawn(move || {
        let (mut begin, mut count, mut buffer) = (Vec::new(), 0, vec![0; 65536]);
        loop {
            match stdout.read(&mut buffer).unwrap() {
                0 => return (String::from_utf8_lossy(&begin).into_owned(), count),
                read => {
                    if begin.len() < 100 {
                        begin.extend_from_slice(&buffer[..read.min(100)]);
                    }
                    count += read;
                }
            }
        }
    });
    let mut stderr = child.stderr.take().unwrap();
    let said = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let mut peak = 0;
    let code = loop {
        peak = peak.max(resident(&child));
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let (begin, printed) = printed.join().unwrap();
    Ran {
        code,
        stderr: said.join().unwrap(),
        peak,
        printed,
        begin,
    }
}

fn resident(child: &Child) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
    let status = status.unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let size = line.and_then(|line| line.split_whitespace().nth(1));
    size.map_or(0, |size| size.parse::<usize>().unwrap() / 1024)
}

/// By ARN and with a token, so that no other request is made.
fn invoke(server: &Endless, args: &[&str]) -> Ran {
    let project = project();
    let cli = Cli::in_directory(&project.home(), project.root())
        .env("CARGO_AGENTCORE_ENDPOINT_URL", server.url())
        .env("CARGO_AGENTCORE_BEARER_TOKEN", "a.b.c")
        .args(["invoke", "--arn", &arn(), "{}"])
        .args(args);
    run(&cli)
}

#[track_caller]
fn is_cut(ran: &Ran, most: usize, says: &[&str]) {
    let Ran {
        code,
        stderr,
        peak,
        printed: _,
        begin: _,
    } = ran;
    assert_eq!(*code, Some(1), "{stderr}");
    assert!(*peak > 0 && *peak < most, "{peak} MiB were resident");
    for part in says {
        assert!(stderr.contains(part), "`{part}` is missing in:\n{stderr}");
    }
}

#[test]
fn an_event_without_an_end_is_cut() {
    let events = "text/event-stream";
    let server = Endless::start("200 OK", events, "data: \"one\"\n\ndata: ", "x", 1024 * MIB);
    let ran = invoke(&server, &[]);
    is_cut(
        &ran,
        120,
        &[
            "the answer of the runtime `one-AbCdEf1234` is too long",
            "an event of it has more than 16 MiB; the rest was not read",
            "`--raw`",
        ],
    );
    assert_eq!(ran.begin.trim_end(), "one", "what came before is shown");
    let ran = invoke(&server, &["--output", "json"]);
    is_cut(&ran, 200, &["is too long"]);
}

#[test]
fn a_string_and_a_document_without_an_end_are_cut() {
    let json = "application/json";
    let server = Endless::start("200 OK", json, "\"", "x", 1024 * MIB);
    let ran = invoke(&server, &[]);
    is_cut(&ran, 500, &["its string has more than 100000000 bytes"]);
    let server = Endless::start("200 OK", json, "[1", ",1", 1024 * MIB);
    let ran = invoke(&server, &["--output", "json"]);
    is_cut(&ran, 200, &["more than 1000000 members"]);
    let server = Endless::start("200 OK", "text/plain", "", "x", 1024 * MIB);
    let ran = invoke(&server, &["--output", "json"]);
    is_cut(&ran, 700, &["it has more than 100000000 bytes"]);
}

#[test]
fn raw_bytes_pass_through_without_being_kept() {
    let total = 300 * MIB;
    let server = Endless::start("200 OK", "text/event-stream", "data: ", "x", total);
    let ran = invoke(&server, &["--raw"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.printed >= total, "{} bytes", ran.printed);
    assert!(ran.peak < 80, "{} MiB were resident", ran.peak);
}

#[test]
fn an_error_without_an_end_is_cut() {
    let server = Endless::start("418 Teapot", "text/plain", "", "sorry ", 1024 * MIB);
    let ran = invoke(&server, &[]);
    is_cut(&ran, 80, &["sorry sorry", "… (cut: it has "]);
    assert!(ran.stderr.len() < 10_000, "{} bytes", ran.stderr.len());
}

#[test]
fn an_answer_of_a_service_without_an_end_is_cut() {
    for (content_type, begin) in [("text/xml", "<a>"), ("application/json", "{\"a\": \"")] {
        let server = Endless::start("200 OK", content_type, begin, "x", 1024 * MIB);
        let project = project();
        let cli = Cli::new(&project).at(&server.url()).arg("status");
        let ran = run(&cli);
        is_cut(
            &ran,
            150,
            &["the answer is longer than 16 MiB, and the rest was not read"],
        );
    }
}
