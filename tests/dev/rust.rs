//! Rust agents: built by cargo, rebuilt at edits, and the template with a scripted model.

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use super::{
    support::{Script, chat, scripted::Scripted},
    template::{stderr, stdout, template},
    *,
};

const SHOP: &str = r#"
[package]
name = "shop"
version = "0.1.0"
edition = "2024"

[package.metadata.agentcore]
project = "shop-7k2qpx"

[dependencies]
names = { path = "names" }
"#;

const NAMES: &str = "[package]\nname = \"names\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";

/// Answers with its name, without any dependency from elsewhere.
const MAIN: &str = r#"
use std::{env, io::{BufRead, BufReader, Read, Write}, net::TcpListener, process, thread};

fn main() {
    let port = env::var("PORT").unwrap();
    let listener = TcpListener::bind(format!("0.0.0.0:{port}")).unwrap();
    for stream in listener.incoming() {
        thread::spawn(move || {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim().to_lowercase();
                if line.is_empty() {
                    break;
                }
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let body = if first.starts_with("GET /ping") {
                "{\"status\": \"Healthy\", \"time_of_last_update\": 1}".to_owned()
            } else {
                let (file, outside) = (env::var("FROM_FILE").ok(), env::var("OUTSIDE").ok());
                format!(
                    "{{\"name\": \"{}\", \"pid\": {}, \"seen\": \"{file:?} {outside:?}\"}}",
                    names::LAST,
                    process::id()
                ).replace("Some(\"", "").replace("\")", "")
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let mut stream = reader.into_inner();
            stream.write_all((head + &body).as_bytes()).unwrap();
        });
    }
}
"#;

impl Stage {
    fn shop() -> Self {
        let stage = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        stage.write("Cargo.toml", SHOP);
        stage.write("src/main.rs", MAIN);
        stage.write("names/Cargo.toml", NAMES);
        stage.name_in_dependency("one");
        stage
    }

    fn name_in_dependency(&self, name: &str) {
        let text = format!("pub const LAST: &str = \"{name}\";\n");
        self.write("names/src/lib.rs", text);
    }
}

#[test]
fn a_rust_agent_is_rebuilt_at_edits_and_the_last_good_build_keeps_serving() {
    let stage = Stage::shop();
    stage.write(".env.local", "FROM_FILE=one\n");
    let dev = stage.dev(&[]);
    dev.says("Compiling shop");
    let first = dev.answer();
    assert_eq!(first["name"], "one");
    assert_eq!(
        first["seen"], "one None",
        "the user's shell does not reach it"
    );

    stage.name_in_dependency("two");
    dev.eventually_answers("two");
    dev.says("`names/src/lib.rs` changed");

    stage.write("src/main.rs", format!("{MAIN}\nfn broken( {{\n"));
    dev.says("the previous build still runs");
    dev.says("error: this file contains an unclosed delimiter");
    assert_eq!(dev.answer()["name"], "two");

    stage.write(
        "src/main.rs",
        MAIN.replace("fn main() {", "fn main() { panic!(\"at start\");"),
    );
    dev.says("cannot start agent `shop`: the agent ended with code 101");
    assert_eq!(dev.answer()["name"], "two");

    stage.name_in_dependency("three");
    stage.write("src/main.rs", MAIN);
    dev.eventually_answers("three");
    let pid = dev.answer()["pid"].clone();
    // A file that cargo does not need restarts nothing; a variable does.
    stage.write("names/README.md", "Names.\n");
    stage.write(".env.local", "FROM_FILE=two\n");
    eventually(|| dev.err(), || dev.answer()["seen"] == "two None");
    assert_ne!(dev.answer()["pid"], pid);
    let said = stage.command(&["invoke", "--dev", "{}"]).output().unwrap();
    assert!(stdout(&said).contains("three"), "{}", stderr(&said));
    assert_eq!(dev.ends(), Some(0));
    eventually(String::new, || stage.processes().is_empty());
}

/// The build script of `names` does not say what it depends on.
#[test]
fn what_a_binary_is_made_from_is_rebuilt_and_nothing_else() {
    let stage = Stage::shop();
    let included = MAIN.replacen("names::LAST", "include_str!(\"../name.txt\")", 1);
    stage.write("src/main.rs", &included);
    stage.write("name.txt", "one");
    stage.write("notes.txt", "Nothing.\n");
    let dev = stage.dev_into("err");
    let rebuilds = || dev.err().matches("Rebuilding").count();
    stage.write("notes.txt", "Nothing at all.\n");
    stage.write("name.txt", "two");
    dev.eventually_answers("two");
    dev.says("Rebuilding `shop`: `name.txt` changed");

    // A file that a failed build needs is waited for, wherever it is.
    let missing = included.replace("../name.txt", "../texts/name.txt");
    stage.write("src/main.rs", &missing);
    dev.says("the previous build still runs");
    stage.write("notes.txt", "Still nothing.\n");
    stage.write("texts/name.txt", "three");
    dev.eventually_answers("three");
    assert_eq!(rebuilds(), 3, "{}", dev.err());

    let script = "fn main() { println!(\"cargo::rustc-env=NAME={}\", include_str!(\"word\")); }\n";
    let script = script.replace(
        "include_str!(\"word\")",
        "std::fs::read_to_string(\"word\").unwrap()",
    );
    stage.write("names/word", "four");
    stage.write("names/build.rs", script);
    stage.write(
        "names/src/lib.rs",
        "pub const LAST: &str = env!(\"NAME\");\n",
    );
    stage.write("src/main.rs", MAIN);
    dev.eventually_answers("four");
    stage.write("names/word", "five");
    dev.eventually_answers("five");
    dev.says("`names/word` changed");
    assert_eq!(dev.ends(), Some(0));
}

#[test]
fn what_a_rust_agent_cannot_have_is_refused() {
    let stage = Stage::shop();
    let debug = stage.command(&["dev", "--debug"]).output().unwrap();
    assert_eq!(debug.status.code(), Some(2));
    let expected = "error: `--debug` is for Python agents, and `shop` is written in Rust";
    assert!(stderr(&debug).contains(expected), "{}", stderr(&debug));
    let prepare = stage.command(&["prepare", "--local"]).output().unwrap();
    assert_eq!(prepare.status.code(), Some(2));
    let expected = "error: `prepare` hands Python agents over to other tools";
    assert!(stderr(&prepare).contains(expected), "{}", stderr(&prepare));
    stage.write(
        "Cargo.toml",
        format!("{SHOP}\n[package.metadata.agentcore.build]\nbin = \"shp\"\n"),
    );
    let bin = stage.command(&["dev"]).output().unwrap();
    assert_eq!(bin.status.code(), Some(3));
    let said = stderr(&bin);
    for expected in [
        "the package `shop` has no binary `shp`",
        "Cargo.toml:14:7",
        "did you mean `shop`?",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

/// Returns a model that counts days with a tool, and then remembers.
pub(super) fn model() -> Scripted {
    let dates = json!({ "first": "2026-01-01", "last": "2026-12-24" });
    let streamed = |pieces: &[&str]| chat::streamed(pieces, Duration::ZERO);
    Script::new()
        .then(chat::PATH, chat::tool("days_between", &dates))
        .then(chat::PATH, streamed(&["There are ", "357 days."]))
        .then(chat::PATH, streamed(&["As I ", "said, 357."]))
        .always(chat::PATH, streamed(&["Still ", "here."]))
        .start()
}

/// Sends bodies that are no invocations, and some that are.
fn any_body_gets_an_answer(port: u16) {
    let object = (".*", proptest::bool::ANY, proptest::option::of(".*")).prop_map(
        |(prompt, stream, other)| {
            json!({ "prompt": prompt, "stream": stream, "other": other })
                .to_string()
                .into_bytes()
        },
    );
    let text = "[\\[\\]{}\":,a-z0-9 ]{0,40}".prop_map(String::into_bytes);
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    let bodies = prop_oneof![object, text, bytes];
    let mut runner = TestRunner::new(proptest::test_runner::Config::with_cases(150));
    let run = runner.run(&bodies, |body| {
        let (status, answer) = send(port, &body);
        let is_stream = answer.starts_with("data: ");
        let answer = serde_json::from_str::<Value>(&answer);
        match status {
            200 => prop_assert!(is_stream || answer.is_ok()),
            400 => prop_assert!(answer.is_ok_and(|answer| answer["error"].is_string())),
            other => prop_assert!(false, "status {other}"),
        }
        Ok(())
    });
    assert_eq!(run, Ok(()));
}

/// Returns the status and the body of the answer, without chunks.
fn send(port: u16, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "POST /invocations HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len(),
    )
    .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap_or("0").parse().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked {
        body.split_once("\r\n").map_or("", |(_, rest)| rest)
    } else {
        body
    };
    (status, body.to_owned())
}

#[test]
fn the_template_uses_its_tool_remembers_is_rebuilt_and_keeps_the_contract() {
    let project = template("rust");
    project.is_clean();

    let model = model();
    let url = format!("{}/v1", model.url());
    let dev = project.serves(&["--models", &url]);
    dev.says("Using");
    let session = format!(
        "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id: {}\r\n",
        "s".repeat(36)
    );
    let (status, body) = dev.asks(&session, r#"{"prompt": "How many days?"}"#);
    assert_eq!(status, 200, "{body}\n{}", dev.err());
    assert_eq!(body, r#"{"answer":"There are 357 days."}"#);
    let prompt = r#"{"prompt": "How many, again?", "stream": true}"#;
    let (status, body) = dev.asks(&session, prompt);
    assert_eq!(status, 200);
    assert!(body.contains("data: \"") && body.contains("357"), "{body}");
    let heard: Vec<Value> = model
        .requests()
        .iter()
        .filter_map(|request| serde_json::from_slice(request.body()).ok())
        .collect();
    let messages = |call: usize| heard[call]["messages"].to_string();
    assert!(messages(1).contains("357"), "the tool's result: {heard:#?}");
    assert!(
        messages(2).contains("How many days?"),
        "what was said: {heard:#?}"
    );
    eventually(|| dev.out(), || dev.out().contains("tool days_between"));

    any_body_gets_an_answer(dev.port());

    let starts = dev.starts();
    let file = project.path("src/agent.rs");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("Answer briefly", "Answer in one word")).unwrap();
    eventually(|| dev.err(), || dev.starts() > starts);
    let (status, body) = dev.asks("", r#"{"prompt": "Are you there?"}"#);
    assert_eq!((status, &*body), (200, r#"{"answer":"Still here."}"#));
    let last = model
        .requests()
        .last()
        .map(|request| request.body().clone())
        .unwrap();
    assert!(String::from_utf8_lossy(&last).contains("Answer in one word"));
    project.stops(dev);
    project.passes_check();
    requests::any_gets_one_answer(&project.program());
}
