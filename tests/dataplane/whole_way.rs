//! From nothing to an agent that answers on this machine and back: the templates, as their users
//! run them, called from the command line, by boto3 and by curl.

use std::{
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Place, agents::made_from};
use crate::support::{Script, chat};

const PAUSE: Duration = Duration::from_millis(300);

impl Place {
    fn run(&self, words: &[&str]) -> crate::support::Outcome {
        self.cli(words).run().succeeds()
    }

    /// Returns the agent's answer as shown to the user.
    fn says(&self, words: &[&str]) -> Value {
        self.run(&[&["invoke", "--local"], words].concat()).json()
    }

    fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.project.read(path);
        assert!(text.contains(from), "{path}: {text}");
        self.project.write(path, text.replace(from, to));
    }

    /// Returns the answer's lines in boto3, with the second at which each arrived.
    fn streamed_to_boto3(&self, prompt: &str) -> Vec<(String, f64)> {
        let printed = self.boto3(&format!(
            r#"
answer = plane.invoke_agent_runtime(agentRuntimeArn=arn, payload=json.dumps({{"prompt": "{prompt}"}}))
lines = [(line.decode(), time.monotonic()) for line in answer["response"].iter_lines(chunk_size=1) if line]
print(json.dumps(lines))
"#
        ));
        serde_json::from_str(&printed).unwrap()
    }

    /// Returns the answer in curl, without a signature.
    pub(super) fn curl(&self, prompt: &str) -> String {
        let url = format!(
            "{}/runtimes/{}/invocations",
            self.url,
            super::encoded(&self.arn)
        );
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--no-buffer", &url])
            .args(["-H", "Content-Type: application/json", "-d"])
            .arg(json!({ "prompt": prompt }).to_string())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Removes everything, after which no process, port or file is left.
    fn comes_to_its_end(&self) {
        let home = self.project.path().join("target/agentcore");
        let home = home.canonicalize().unwrap();
        let home = home.to_string_lossy().into_owned();
        let processes = || {
            let all = std::fs::read_dir("/proc").unwrap();
            let lines = all.filter_map(|entry| {
                let line = std::fs::read(entry.unwrap().path().join("cmdline")).ok()?;
                Some(String::from_utf8_lossy(&line).into_owned())
            });
            lines.filter(|line| line.contains(&home)).count()
        };
        assert!(processes() >= 3, "data plane, ministack and an agent");
        self.run(&["clean", "--local", "--logs", "--yes"]);
        assert_eq!(processes(), 0);
        assert!(TcpStream::connect(self.authority()).is_err());
        let left = std::fs::read_dir(&home).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"]);
    }
}

/// Checks that the stream arrived gradually.
fn comes_bit_by_bit(lines: &[(String, f64)]) {
    assert!(lines.len() >= 3, "{lines:?}");
    for pair in lines.windows(2) {
        assert!(
            pair[1].1 - pair[0].1 > PAUSE.as_secs_f64() / 3.0,
            "{lines:?}"
        );
    }
}

#[test]
fn an_echo_agent_goes_the_whole_way() {
    let place = Place::of(made_from("echo"));
    // Deployed agents are ready, so the first request waits for no installation.
    let asked = Instant::now();
    let answer = place.says(&["--prompt", "hello"]);
    assert_eq!(answer, json!({ "answer": "You said: hello" }));
    assert!(asked.elapsed() < Duration::from_secs(20), "{asked:?}");
    let answer = place.says(&["--continue", "--prompt", "again"]);
    assert_eq!(answer, json!({ "answer": "You said: again" }));
    assert_eq!(place.curl("hé"), r#"{"answer": "You said: hé"}"#);
    let answer = place.boto3(
        "print(plane.invoke_agent_runtime(agentRuntimeArn=arn, payload=b'{\"prompt\": \"b\"}')['response'].read().decode())",
    );
    assert_eq!(answer.trim(), r#"{"answer": "You said: b"}"#);

    place.replace(
        "project/agent.py",
        "return f\"You said: {prompt}\"",
        "print(\"asked:\", prompt)\n    return f\"You now said: {prompt}\"",
    );
    place.run(&["deploy", "--local"]);
    // A session keeps the code that it began with.
    let answer = place.says(&["--continue", "--prompt", "c"]);
    assert_eq!(answer, json!({ "answer": "You said: c" }));
    let follow = place.cli(&["logs", "--local", "--follow", "--raw"]).start();
    let answer = place.says(&["--prompt", "d"]);
    assert_eq!(answer, json!({ "answer": "You now said: d" }));
    std::thread::sleep(Duration::from_secs(5));
    follow.kill();
    let followed = follow.wait();
    assert!(
        followed.stdout.contains("asked: d"),
        "{}\n{}",
        followed.stdout,
        followed.stderr
    );
    let prod = ["--endpoint", "prod", "--prompt", "e"];
    for version in ["1", "2"] {
        place.run(&["endpoint", "set", "prod", "--version", version, "--local"]);
    }
    let answer = place.says(&prod);
    assert_eq!(answer, json!({ "answer": "You now said: e" }));
    place.run(&["rollback", "--endpoint", "prod", "--local"]);
    let answer = place.says(&prod);
    assert_eq!(answer, json!({ "answer": "You said: e" }));

    place.replace("project/agent.py", "asyncio.sleep(0)", "asyncio.sleep(0.3)");
    let manifest = place.project.read("Cargo.toml");
    place.project.write(
        "Cargo.toml",
        format!("{manifest}entrypoint = \"invoke_async.py\"\n"),
    );
    place.run(&["deploy", "--local"]);
    let lines = place.streamed_to_boto3("f g");
    comes_bit_by_bit(&lines);
    let words: Vec<&str> = lines.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(
        words,
        [
            "data: \"You \"",
            "data: \"now \"",
            "data: \"said: \"",
            "data: \"f \"",
            "data: \"g\""
        ]
    );
    let outcome = place.run(&["invoke", "--local", "--prompt", "f g"]);
    assert_eq!(outcome.stdout, "You now said: f g");
    place.run(&["stop-session", "--local"]);
    let stopped = place.cli(&["invoke", "--local", "--continue", "--prompt", "h"]);
    stopped.run().exits(1);
    place.says_stream(&["--prompt", "i"], "You now said: i");
    place.comes_to_its_end();
}

impl Place {
    fn says_stream(&self, words: &[&str], expected: &str) {
        let outcome = self.run(&[&["invoke", "--local"], words].concat());
        assert_eq!(outcome.stdout, expected);
    }
}

/// With the real packages, a tool that the model calls, and a model that answers word by word.
#[test]
fn a_strands_agent_goes_the_whole_way() {
    let days = json!({ "first": "2026-01-01", "last": "2026-01-31" });
    let server = Script::new()
        .then(chat::PATH, chat::tool("days_between", &days))
        .then(
            chat::PATH,
            chat::streamed(&["It is ", "30 ", "days."], Duration::ZERO),
        )
        .then(chat::PATH, chat::streamed(&["Yes."], Duration::ZERO))
        .then(chat::PATH, chat::tool("days_between", &days))
        .then(
            chat::PATH,
            chat::streamed(&["It ", "is ", "30 ", "days."], PAUSE),
        )
        .start();
    let project = made_from("strands");
    let manifest = project.read("Cargo.toml");
    let models = format!(
        "\n[workspace.metadata.agentcore.local]\nmodels = \"{}\"\n",
        server.url()
    );
    project.write("Cargo.toml", format!("{manifest}{models}"));
    let place = Place::of(project);
    let asked = "How many days are there?";
    let answer = place.says(&["--prompt", asked]);
    assert_eq!(answer, json!({ "answer": "It is 30 days." }));
    let answer = place.says(&["--continue", "--prompt", "Really?"]);
    assert_eq!(answer, json!({ "answer": "Yes." }));

    place.project.write(
        "Cargo.toml",
        format!("{manifest}entrypoint = \"invoke_async.py\"\n{models}"),
    );
    place.run(&["deploy", "--local"]);
    let lines = place.streamed_to_boto3(asked);
    comes_bit_by_bit(&lines);
    let words: Vec<&str> = lines.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(
        words,
        [
            "data: \"It \"",
            "data: \"is \"",
            "data: \"30 \"",
            "data: \"days.\""
        ]
    );

    // The model got the tool and its result.
    let requests = server.requests();
    let chats: Vec<Value> = requests
        .iter()
        .filter(|request| request.uri().path() == "/v1/chat/completions")
        .map(|request| serde_json::from_slice(request.body()).unwrap())
        .collect();
    assert_eq!(chats.len(), 5, "{chats:?}");
    assert_eq!(chats[0]["tools"][0]["function"]["name"], "days_between");
    // The session continued: the earlier conversation is included, with the tool's result.
    let before = chats[2]["messages"].as_array().unwrap().iter();
    let before: Vec<&str> = before
        .filter_map(|message| message["content"].as_str())
        .collect();
    assert!(
        before.ends_with(&["30", "It is 30 days.", "Really?"]),
        "{before:?}"
    );
    for chat in [&chats[1], &chats[4]] {
        let messages = chat["messages"].as_array().unwrap();
        let result = messages.last().unwrap();
        assert_eq!(
            (&result["role"], &result["content"]),
            (&json!("tool"), &json!("30"))
        );
    }
    place.comes_to_its_end();
}
