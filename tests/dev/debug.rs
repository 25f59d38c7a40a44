//! An agent under a debugger: the real debugpy, and an editor that uses its protocol.

use std::io::Write as _;

use serde_json::{Value, json};

use super::*;

/// An attached editor.
struct Editor {
    stream: BufReader<TcpStream>,
    number: u64,
    /// Events that arrived while waiting for something else.
    events: Vec<Value>,
}

impl Editor {
    fn attach(configuration: &Value) -> Self {
        let port = u16::try_from(configuration["connect"]["port"].as_u64().unwrap()).unwrap();
        // The first connection is the session, so the test cannot probe the port.
        let start = Instant::now();
        let stream = loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => break stream,
                Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut editor = Self {
            stream: BufReader::new(stream),
            number: 0,
            events: Vec::new(),
        };
        editor.asks(
            "initialize",
            &json!({ "adapterID": "test", "pathFormat": "path" }),
        );
        editor.sends("attach", configuration);
        editor.waits_for("initialized");
        editor
    }

    fn sends(&mut self, command: &str, arguments: &Value) {
        self.number += 1;
        let body = json!({ "seq": self.number, "type": "request", "command": command, "arguments": arguments });
        let body = body.to_string();
        let stream = self.stream.get_mut();
        write!(stream, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    }

    fn message(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some((_, value)) => length = value.parse().unwrap(),
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    fn asks(&mut self, command: &str, arguments: &Value) -> Value {
        self.sends(command, arguments);
        loop {
            let message = self.message();
            if message["type"] == "response" && message["command"] == command {
                assert_eq!(message["success"], true, "{message}");
                return message["body"].clone();
            }
            self.events.push(message);
        }
    }

    fn waits_for(&mut self, event: &str) -> Value {
        let is_it = |message: &Value| message["event"] == event;
        if let Some(found) = self.events.iter().position(is_it) {
            return self.events.remove(found)["body"].clone();
        }
        loop {
            let message = self.message();
            if is_it(&message) {
                return message["body"].clone();
            }
        }
    }
}

#[test]
fn an_agent_halts_at_a_breakpoint_in_the_users_own_file() {
    let stage = Stage::new();
    let mut lines: Vec<&str> = AGENT.lines().collect();
    let line = lines
        .iter()
        .position(|line| line.contains("print(\"asked for\""))
        .unwrap();
    lines.insert(0, "# The first line.");
    stage.write("deployment/invoke.py", lines.join("\n"));
    let dev = stage.begin(&["--port", "0", "--debug", "--debug-port", "0"]);
    dev.says("PyCharm");
    assert!(!dev.err().contains("Ready"), "{}", dev.err());
    let err = dev.err();
    let printed = err
        .lines()
        .find(|line| line.contains("\"debugpy\""))
        .unwrap();
    let configuration: Value = serde_json::from_str(printed.trim()).unwrap();
    let mut editor = Editor::attach(&configuration);
    let file = stage.path("deployment/invoke.py");
    let set = editor.asks(
        "setBreakpoints",
        &json!({ "source": { "path": file }, "breakpoints": [{ "line": line + 2 }] }),
    );
    assert_eq!(set["breakpoints"][0]["verified"], true, "{set}");
    editor.asks("configurationDone", &json!({}));
    dev.says("Using");
    dev.says("Ready");
    let port = dev.port();
    let asking = std::thread::spawn(move || ask(port, "", "{}"));
    let stopped = editor.waits_for("stopped");
    assert_eq!(stopped["reason"], "breakpoint", "{stopped}");
    let thread = &stopped["threadId"];
    let stack = editor.asks("stackTrace", &json!({ "threadId": thread }));
    let frame = &stack["stackFrames"][0];
    assert_eq!(frame["source"]["path"], json!(file), "{frame}");
    editor.asks("continue", &json!({ "threadId": thread }));
    assert_eq!(asking.join().unwrap().0, 200);
    assert_eq!(dev.ends(), Some(0));
    eventually(
        || format!("{:?} still run", stage.processes()),
        || stage.processes().is_empty(),
    );
}

#[test]
fn a_debugger_cannot_be_imported_by_an_agent_that_has_none() {
    let stage = Stage::new();
    let agent = AGENT.replace("import seller\n", "import seller\nimport debugpy\n");
    stage.write("deployment/invoke.py", agent);
    let dev = stage.begin(&["--port", "0"]);
    dev.says("No module named 'debugpy'");
}

#[test]
fn a_taken_port_of_the_debugger_is_told() {
    let stage = Stage::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let answer = stage
        .command(&["dev", "--port", "0", "--debug", "--debug-port", &port])
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&answer.stderr);
    assert_eq!(answer.status.code(), Some(1), "{err}");
    assert!(
        err.contains("for the debugger is in use by process"),
        "{err}"
    );
}
