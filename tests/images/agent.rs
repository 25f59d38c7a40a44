//! An agent without dependencies: it answers pings, and invocations with what it was asked.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

const VERSION: &str = "one";
const SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";

fn main() {
    let port = env::var("PORT").ok().and_then(|port| port.parse().ok());
    let listener = TcpListener::bind(("0.0.0.0", port.unwrap_or(8080_u16))).unwrap();
    println!("version {VERSION} listens");
    for stream in listener.incoming().flatten() {
        std::thread::spawn(move || serve(stream));
    }
}

fn serve(mut stream: TcpStream) -> Option<()> {
    let mut lines = Vec::new();
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let header = |wanted: &str| {
        lines.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.eq_ignore_ascii_case(wanted)).then(|| value.trim().to_owned())
        })
    };
    let length = header("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let answer = if lines.first()?.starts_with("GET /ping ") {
        r#"{"status":"Healthy","time_of_last_update":0}"#.to_owned()
    } else {
        println!("asked in {}", header(SESSION).unwrap_or_default());
        // Relative to the folder of the session, where an agent may write.
        std::fs::write("written", "here").unwrap();
        format!(
            r#"{{"version":"{VERSION}","asked":{},"region":"{}","mood":"{}","authorities":{}}}"#,
            String::from_utf8_lossy(&body),
            env::var("AWS_REGION").unwrap_or_default(),
            env::var("MOOD").unwrap_or_default(),
            env::var("SSL_CERT_FILE").is_ok_and(|path| std::path::Path::new(&path).exists()),
        )
    };
    let length = answer.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}"
    )
    .ok()
}
