//! What `dev` reports about agents that break AgentCore's contract.

use super::*;

/// Returns an agent that binds `HOST` and answers /ping with the result of `ping()`.
fn agent(host: &str, ping: &str) -> String {
    format!(
        r#"
import http.server
import json
import time


def ping():
    return {ping}


class Agent(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(ping()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for number in range(6):
            time.sleep(asked["before"] if number == 0 else asked["between"])
            self.wfile.write(b"data: %d\n\n" % number)

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("{host}", 8080), Agent).serve_forever()
"#
    )
}

fn stage(agent: &str) -> Stage {
    let stage = Stage::new();
    stage.write("deployment/invoke.py", agent);
    stage
}

const WELL: &str = r#"{"status": "Healthy"}"#;

#[test]
fn a_status_in_the_wrong_case_is_told_once_however_often_the_agent_starts() {
    let stage = stage(&agent("0.0.0.0", r#"{"status": "healthy"}"#));
    let dev = stage.dev(&[]);
    dev.says("answers `healthy`, and the service knows only `Healthy`");
    dev.says("rule `ping-wrong-case`");
    stage.edit(&dev, "two");
    // Longer than the time to the next ping.
    std::thread::sleep(Duration::from_secs(3));
    let told = dev.err().matches("ping-wrong-case").count();
    assert_eq!(told, 1, "{}", dev.err());
}

#[test]
fn a_session_that_would_never_be_idle_is_told() {
    let restamping = r#"{"status": "Healthy", "time_of_last_update": int(time.time())}"#;
    let stage = stage(&agent("0.0.0.0", restamping));
    let dev = stage.dev(&[]);
    dev.says("`time_of_last_update` is new with every ping");
}

#[test]
fn an_agent_that_nobody_outside_could_reach_is_told_and_a_variable_that_moves_it() {
    let stage = stage(&agent("127.0.0.1", WELL));
    stage.write(".env.local", "PORT=3000\n");
    let dev = stage.dev(&[]);
    dev.says("listens on `127.0.0.1` only");
    dev.says("the agent gets `PORT=3000`, and AgentCore calls port 8080");
}

#[test]
fn streams_that_always_arrive_in_one_piece_are_told() {
    // Buffered, because the server does not flush its output.
    let buffered =
        agent("0.0.0.0", WELL).replace("def do_POST", "wbufsize = -1\n\n    def do_POST");
    let stage = stage(&buffered);
    let dev = stage.dev(&[]);
    for _ in 0..2 {
        let (status, body) = dev.asks("", r#"{"before": 1.0, "between": 0.1}"#);
        assert_eq!(status, 200, "{body}");
    }
    dev.says("streams arrive in one piece");
}

#[test]
fn an_agent_that_keeps_the_contract_is_not_warned_of() {
    let stage = stage(&agent("0.0.0.0", WELL));
    let dev = stage.dev(&[]);
    for _ in 0..3 {
        dev.asks("", r#"{"before": 1.0, "between": 0.1}"#);
    }
    std::thread::sleep(Duration::from_secs(3));
    assert!(!dev.err().contains("contract"), "{}", dev.err());
}
