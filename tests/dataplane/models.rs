//! Local answers for Bedrock's models: `local.models` in the table.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Place, cli};
use crate::support::{
    Answer, Project, Script, Scripted, chat, emulator::DEAD_PORT, scripted::ACCOUNT, signature,
};

const CONVERSE: &str = "POST /model/some.model-v1%3A0/converse";
const KEY: &str = "AKIAEXAMPLEEXAMPLE00";
const SECRET: &str = "a-secret-that-nobody-may-see";

impl Place {
    /// Restarts the local AgentCore with these models. Returns its output.
    pub(super) fn set_models(&self, models: &str, variables: &[(&str, &str)]) -> String {
        let manifest = self.project.read("Cargo.toml");
        let manifest = match manifest.split_once("\n[workspace.metadata.agentcore.local]") {
            Some((before, _)) => before.to_owned(),
            None => manifest,
        };
        self.project.write(
            "Cargo.toml",
            format!("{manifest}\n[workspace.metadata.agentcore.local]\nmodels = \"{models}\"\n"),
        );
        self.start(variables)
    }

    fn start(&self, variables: &[(&str, &str)]) -> String {
        let cli = self.cli(&["local", "start"]);
        let cli = variables
            .iter()
            .fold(cli, |cli, (name, value)| cli.env(name, value));
        cli.run().succeeds().stderr
    }

    /// Returns the answer to the agent's call of a model.
    fn model(&self, operation: &str, asked: &Value) -> Value {
        let reply = self
            .ask(&json!({ "do": "model", "operation": operation, "asked": asked }))
            .send(self);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }
}

fn question() -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "text": "hello" }] }] })
}

/// Returns the bodies of the requests to the server.
pub(super) fn asked(server: &Scripted) -> Vec<Value> {
    let requests = server.requests();
    let chats = requests
        .iter()
        .filter(|request| request.uri().path() == "/v1/chat/completions");
    chats
        .map(|request| serde_json::from_slice(request.body()).unwrap())
        .collect()
}

/// Returns the text of an answer's pieces, without the frames around it.
fn text(answer: &Value) -> String {
    let pieces = answer["pieces"].as_array().unwrap();
    let text: Vec<&str> = pieces
        .iter()
        .map(|piece| piece["text"].as_str().unwrap())
        .collect();
    text.concat()
}

#[test]
fn a_server_answers_for_models_and_streams_as_it_speaks() {
    let place = Place::new();
    let status = place.cli(&["local", "status"]).run().succeeds();
    assert!(status.stderr.contains("canned text"), "{}", status.stderr);
    assert!(text(&place.model("converse", &question())).contains("ministack mock"));

    let server = Script::new()
        .then(chat::PATH, chat::whole("from the server"))
        .then(
            chat::PATH,
            chat::streamed(&["one ", "two ", "three"], Duration::from_millis(400)),
        )
        .then(chat::PATH, chat::tool("days", &json!({ "from": "here" })))
        .then(chat::PATH, chat::whole("not streamed"))
        .start();
    let url = format!("{}/v1", server.url());
    let said = place.set_models(&url, &[]);
    assert!(
        said.contains(&format!(
            "`local.models` changed from `emulator` to `{url}`"
        )),
        "{said}"
    );
    let document = place
        .cli(&["local", "status", "--output", "json"])
        .run()
        .succeeds()
        .json();
    assert_eq!(document["emulator"]["models"], url);
    assert_eq!(document["emulator"]["url"], place.url);

    let answer = place.model("converse", &question());
    assert_eq!(answer["status"], 200);
    assert!(text(&answer).contains("from the server"), "{answer}");

    let answer = place.model("converse-stream", &question());
    let pieces = answer["pieces"].as_array().unwrap();
    let at = |word: &str| {
        let mut pieces = pieces.iter();
        let piece = pieces.find(|piece| piece["text"].as_str().unwrap().contains(word));
        piece.unwrap_or_else(|| panic!("{word}: {answer}"))["at"]
            .as_f64()
            .unwrap()
    };
    assert!(at("three") - at("one ") > 0.6, "{answer}");
    assert!(text(&answer).contains(r#""outputTokens": 7"#), "{answer}");

    let answer = text(&place.model("converse-stream", &question()));
    for part in [
        r#""toolUse": {"toolUseId": "call-1", "name": "days"}"#,
        r#""stopReason": "tool_use""#,
    ] {
        assert!(answer.contains(part), "{answer}");
    }
    let answer = text(&place.model("converse-stream", &question()));
    assert!(answer.contains("not streamed"), "{answer}");
    let asked = asked(&server);
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[0]["messages"][0]["content"], "hello");
    assert_eq!(asked[0]["model"], "some.model-v1:0");
    assert_eq!(
        (&asked[0]["stream"], &asked[1]["stream"]),
        (&json!(false), &json!(true))
    );
}

#[test]
fn a_server_that_fails_is_named_and_nothing_is_made_up() {
    let place = Place::new();
    let url = format!("http://127.0.0.1:{DEAD_PORT}/v1");
    let said = place.set_models(&url, &[]);
    assert!(
        said.contains(&format!(
            "warning: the model server at {url} does not answer"
        )),
        "{said}"
    );
    for operation in ["converse", "converse-stream", "invoke"] {
        let answer = place.model(operation, &question());
        assert_eq!(answer["status"], 424, "{answer}");
        let said = text(&answer);
        assert!(
            said.contains(&format!("the model server at {url} does not answer")),
            "{said}"
        );
        assert!(said.contains("ModelErrorException"), "{said}");
    }
    let missing = json!({ "error": { "message": "model `x` not found" } });
    let mut half = chat::streamed(&["half"], Duration::ZERO);
    half.pieces.pop();
    let server = Script::new()
        .then(chat::PATH, Answer::json(404, &missing))
        .then(chat::PATH, Answer::json(404, &missing))
        .then(chat::PATH, Answer::new(200, "text/html", "<html>"))
        .then(chat::PATH, half)
        .start();
    let said = place.set_models(&server.url(), &[]);
    assert!(!said.contains("warning"), "{said}");
    let url = format!("{}/v1", server.url());
    for operation in ["converse", "converse-stream"] {
        let answer = place.model(operation, &question());
        let expected = format!("the model server at {url} answered with 404: model `x` not found");
        assert!(text(&answer).contains(&expected), "{answer}");
    }
    let answer = place.model("converse", &question());
    assert!(text(&answer).contains("chat completion"), "{answer}");
    let answer = text(&place.model("converse-stream", &question()));
    assert!(answer.contains("half"), "{answer}");
    assert!(answer.contains("modelStreamErrorException"), "{answer}");
    assert!(answer.contains("cut off its answer"), "{answer}");
}

/// Returns variables of a developer's shell, with another address for Bedrock.
fn developer(server: &Scripted) -> [(&'static str, String); 3] {
    [
        ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("AWS_ENDPOINT_URL", server.url()),
    ]
}

#[test]
fn models_on_aws_are_called_as_the_developer_and_nothing_else_is() {
    let place = Place::new();
    let mut stream = Answer::new(200, "application/vnd.amazon.eventstream", "");
    stream.pieces = ["first\u{0}", "second", "third"]
        .map(|piece| (Duration::from_millis(400), piece.into()))
        .to_vec();
    let answer = json!({ "output": "of Bedrock" });
    let server = Script::new()
        .identity()
        .then(
            CONVERSE,
            Answer::json(200, &answer).header("x-amzn-requestid", "r-1"),
        )
        .then("POST /model/some.model-v1%3A0/converse-stream", stream)
        .then(
            CONVERSE,
            Answer::json(429, &json!({ "message": "slow down" }))
                .header("x-amzn-errortype", "ThrottlingException"),
        )
        .start();
    let variables = developer(&server);
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let started = place.set_models("aws", &variables);
    let expected = format!(
        "are called on AWS as arn:aws:iam::{ACCOUNT}:user/tester in account {ACCOUNT} via the environment (`AWS_ACCESS_KEY_ID`)"
    );
    assert!(started.contains(&expected), "{started}");

    let reply = place.model("converse", &question());
    assert_eq!(reply["status"], 200);
    assert_eq!(reply["request"], "r-1");
    assert_eq!(text(&reply), answer.to_string());
    let reply = place.model("converse-stream", &question());
    assert_eq!(reply["type"], "application/vnd.amazon.eventstream");
    assert_eq!(text(&reply), "first\u{0}secondthird");
    let pieces = reply["pieces"].as_array().unwrap();
    let times: Vec<f64> = pieces
        .iter()
        .map(|piece| piece["at"].as_f64().unwrap())
        .collect();
    assert!(times[times.len() - 1] - times[0] > 0.6, "{reply}");
    let reply = place.model("converse", &question());
    assert_eq!(
        (&reply["status"], &reply["error"]),
        (&json!(429), &json!("ThrottlingException"))
    );

    are_signed(&server);
    nothing_else_is_passed_on(&place, &server);
    no_secret_is_shown(&place);

    // The same credentials keep it running; others restart it.
    let same = place.start(&variables);
    assert!(!same.contains("Restarting"), "{same}");
    let mut others = variables.clone();
    others[0].1 = "AKIAEXAMPLEEXAMPLE11";
    let others = place.start(&others);
    assert!(
        others.contains("models are called with other AWS credentials now"),
        "{others}"
    );
}

/// Checks that the calls are signed by the developer.
fn are_signed(server: &Scripted) {
    let calls: Vec<_> = server
        .requests()
        .into_iter()
        .filter(|request| request.uri().path().starts_with("/model/"))
        .collect();
    assert_eq!(calls.len(), 3);
    for call in &calls {
        signature::check(call, SECRET);
        let authorization = call.headers()["authorization"].to_str().unwrap();
        assert!(authorization.contains(KEY), "{authorization}");
        assert!(
            authorization.contains("/us-east-1/bedrock/"),
            "{authorization}"
        );
        assert_eq!(call.headers()["content-type"], "application/json");
        assert_eq!(call.body(), &question().to_string());
    }
}

fn nothing_else_is_passed_on(place: &Place, server: &Scripted) {
    let before = server.requests().len();
    let environment = place
        .ask(&json!({ "do": "environment" }))
        .send(place)
        .json();
    let seen = environment.to_string();
    assert!(!seen.contains(SECRET) && !seen.contains(KEY), "{seen}");
    let own = environment["AWS_ACCESS_KEY_ID"].as_str().unwrap();
    let buckets = place
        .boto3("print(boto3.client('s3').list_buckets()['ResponseMetadata']['HTTPStatusCode'])\n");
    assert_eq!(buckets.trim(), "200");
    for (key, query, said) in [
        ("test", "", "only agents of the local AgentCore"),
        (own, "?X-Amz-Signature=0", "presigned"),
    ] {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20261129/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"
        );
        let mut ask = place
            .ask(&question())
            .header("Authorization", authorization);
        ask.target = format!("/model/some.model-v1%3A0/converse{query}");
        let reply = ask.send(place);
        let (name, message) = reply.error();
        assert_eq!(
            (reply.status, name.as_str()),
            (403, "AccessDeniedException")
        );
        assert!(message.contains(said), "{message}");
    }
    assert_eq!(server.requests().len(), before);
    assert_eq!(server.unexpected(), Vec::<String>::new());
}

/// Checks that no secret is in a file or in the list of processes.
fn no_secret_is_shown(place: &Place) {
    let home = place.project.path().join("target/agentcore");
    for entry in walk(&home) {
        let content = std::fs::read(&entry).unwrap_or_default();
        let content = String::from_utf8_lossy(&content);
        assert!(
            !content.contains(SECRET) && !content.contains(KEY),
            "{}",
            entry.display()
        );
    }
    let processes = std::fs::read_dir("/proc").unwrap();
    for process in processes {
        let line = std::fs::read(process.unwrap().path().join("cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&line).contains(SECRET));
    }
}

/// Returns all files below.
fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn without_credentials_a_call_of_a_model_says_how_to_get_some() {
    let place = Place::new();
    let server = Script::new()
        .always(CONVERSE, Answer::json(200, &json!({})))
        .start();
    let said = place.set_models(
        "aws",
        &[("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", &server.url())],
    );
    for part in [
        "warning: agents cannot call models on AWS",
        "no AWS credentials were found",
        "`aws sso login`",
        "CARGO_AGENTCORE_PROFILE",
    ] {
        assert!(said.contains(part), "{said}");
    }
    for operation in ["converse", "converse-stream"] {
        let answer = place.model(operation, &question());
        assert_eq!(answer["status"], 403, "{answer}");
        assert_eq!(answer["error"], "UnrecognizedClientException");
        for part in [
            "no AWS credentials were found",
            "`aws sso login`",
            "models = \\\"aws\\\"",
        ] {
            assert!(text(&answer).contains(part), "{answer}");
        }
    }
    // Later credentials are found without a restart.
    let home = place.project.root().join("home/.aws");
    std::fs::create_dir_all(&home).unwrap();
    let credentials =
        format!("[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n");
    std::fs::write(home.join("credentials"), credentials).unwrap();
    let answer = place.model("converse", &question());
    assert_eq!(answer["status"], 200, "{answer}");
    signature::check(&server.requests()[0], SECRET);
    // `check` starts its own emulator.
    place.cli(&["local", "stop"]).run().succeeds();
    let payload = json!({ "do": "model", "operation": "converse", "asked": question() });
    place
        .cli(&["check", "--only", "invoke-failed", "--payload"])
        .arg(payload.to_string())
        .env("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url())
        .run()
        .succeeds();
    assert_eq!(server.requests().len(), 2);
    signature::check(&server.requests()[1], SECRET);
}

#[test]
fn a_wrong_value_points_at_its_place() {
    let project = Project::new().agent("one");
    let manifest = project.read("Cargo.toml");
    let lines = manifest.lines().count();
    project.write(
        "Cargo.toml",
        format!("{manifest}\n[workspace.metadata.agentcore.local]\nmodels = \"emulater\"\n"),
    );
    let refused = cli(&project, &["deploy", "--local"]).run().exits(3);
    refused.says(&[
        "`emulater` cannot answer for models",
        "did you mean `emulator`?",
        &format!("Cargo.toml:{}:10", lines + 3),
    ]);
    assert!(!project.path().join("target/agentcore").exists());
}

/// A checkout could name any of the user's profiles.
#[test]
fn a_profile_that_the_tables_name_is_not_used_unasked() {
    let server = Script::new().identity().start();
    let project = Project::new()
        .metadata("profile = \"dev\"")
        .agent("one")
        .home_file(
            ".aws/credentials",
            format!("[dev]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"),
        );
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        format!("{manifest}\n[workspace.metadata.agentcore.local]\nmodels = \"aws\"\n"),
    );
    let start = || cli(&project, &["local", "start"]).env("AWS_ENDPOINT_URL", server.url());
    let refused = start().run().exits(4);
    refused.says(&[
        "names the AWS profile `dev`, and you have not confirmed it",
        "set CARGO_AGENTCORE_PROFILE=dev",
    ]);
    assert_eq!(server.requests().len(), 0);
    let started = start()
        .env("CARGO_AGENTCORE_PROFILE", "dev")
        .run()
        .succeeds();
    let expected = format!("in account {ACCOUNT} via profile `dev`");
    assert!(started.stderr.contains(&expected), "{}", started.stderr);
    signature::check(&server.requests()[0], SECRET);
    // Cleaning up needs no models.
    cli(&project, &["clean", "--local", "--yes"])
        .run()
        .succeeds();
}
