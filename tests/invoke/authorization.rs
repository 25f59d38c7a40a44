//! Signatures, tokens, and the errors without them.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{
    INVOKE, SESSION_HEADER, arn, elsewhere, header, invoke, posts, project, refusal, says, script,
    support::{
        Answer, Cli, Project, Script, bed,
        emulator::{ACCESS_KEY, DEAD_PORT, SECRET_KEY},
        scripted::ACCOUNT,
    },
    unsigned,
};

/// The signature that botocore computes for a request from its address and signed headers.
const BOTOCORE: &str = r#"
import json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
asked = json.load(sys.stdin)
request = AWSRequest(method="POST", url=asked["url"], headers=asked["headers"], data=asked["body"].encode())
request.context["timestamp"] = asked["headers"]["x-amz-date"]
auth = SigV4Auth(Credentials(asked["key"], asked["secret"]), "bedrock-agentcore", "us-east-1")
print(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request), end="")
"#;

#[test]
fn a_signature_is_the_one_that_botocore_makes() {
    let server = Script::new()
        .identity()
        .then(INVOKE, Answer::json(200, &json!("ok")))
        .start();
    elsewhere(&project(), &server)
        .args(["{\"prompt\": \"hé\"}", "--header", "X-Tenant: a  b"])
        .run()
        .succeeds();
    let post = &posts(&server)[0];
    let authorization = header(post, "authorization").unwrap();
    let part = |name: &str| {
        let (_, rest) = authorization.split_once(name).unwrap();
        rest.split(',').next().unwrap().to_owned()
    };
    let headers: serde_json::Map<String, Value> = part("SignedHeaders=")
        .split(';')
        .map(|name| (name.to_owned(), json!(header(post, name).unwrap())))
        .collect();
    for name in ["host", "x-amz-date", "x-tenant", SESSION_HEADER] {
        assert!(headers.contains_key(name), "{name} is not signed");
    }
    let asked = json!({
        "url": format!("{}{}", server.url(), post.uri()),
        "headers": headers,
        "body": std::str::from_utf8(post.body()).unwrap(),
        "key": ACCESS_KEY,
        "secret": SECRET_KEY,
    });
    let mut python = Command::new(bed::program(&bed::emulators(), "python"))
        .args(["-c", BOTOCORE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(asked.to_string().as_bytes()).unwrap();
    drop(stdin);
    let made = python.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(made.stdout).unwrap(), part("Signature="));
}

#[test]
fn a_token_goes_alone_and_is_never_shown() {
    let server = Script::new()
        .always(&unsigned(), Answer::json(200, &json!("ok")))
        .start();
    let project = project();
    let secret = "aaaa.bbbb.cccc";
    let run = |cli: Cli, more: &[&str]| {
        let outcome = cli
            .args(["invoke", "--arn", &arn(), "{}", "-vv"])
            .args(more)
            .env("CARGO_AGENTCORE_ENDPOINT_URL", server.url())
            .run()
            .succeeds();
        assert!(!outcome.stderr.contains("bbbb"), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "ok");
        says(
            &outcome,
            "Account 111122223333 in us-east-1 with a bearer token, runtime `one-AbCdEf1234`",
        );
    };
    // Without credentials, and with credentials that are not needed.
    let cli = || Cli::in_directory(&project.home(), project.root());
    run(cli().env("CARGO_AGENTCORE_BEARER_TOKEN", secret), &[]);
    run(cli().at(&server.url()), &["--bearer-token", secret]);
    for post in posts(&server) {
        assert_eq!(
            header(&post, "authorization"),
            Some("Bearer aaaa.bbbb.cccc")
        );
        assert_eq!(header(&post, "x-amz-date"), None);
        assert_eq!(header(&post, SESSION_HEADER).unwrap().len(), 36);
    }
    assert_eq!(server.requests().len(), 2, "nothing else was asked");
    let help = cli()
        .env("CARGO_AGENTCORE_BEARER_TOKEN", secret)
        .args(["invoke", "--help"])
        .run();
    assert!(!help.stdout.contains("bbbb"));
    let wrong = cli()
        .args(["invoke", "--arn", &arn(), "{}", "--bearer-token", "bb bb"])
        .run()
        .exits(2);
    assert!(!wrong.stderr.contains("bb bb"), "{}", wrong.stderr);
}

#[test]
fn the_environment_names_the_service_before_all_services() {
    let server = Script::new()
        .always(&unsigned(), Answer::json(200, &json!("ok")))
        .start();
    let project = project();
    let dead = format!("http://127.0.0.1:{DEAD_PORT}");
    for variables in [
        [("AWS_ENDPOINT_URL", server.url()), ("X", String::new())],
        [
            ("AWS_ENDPOINT_URL", dead.clone()),
            ("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", server.url()),
        ],
    ] {
        let mut cli = Cli::in_directory(&project.home(), project.root())
            .env("CARGO_AGENTCORE_BEARER_TOKEN", "a.b.c")
            .args(["invoke", "--arn", &arn(), "{}"]);
        for (name, value) in variables {
            cli = cli.env(name, value);
        }
        assert_eq!(cli.run().succeeds().stdout, "ok");
    }
}

#[test]
fn a_token_is_not_sent_in_the_clear() {
    let project = project();
    let outcome = Cli::in_directory(&project.home(), project.root())
        .env("CARGO_AGENTCORE_BEARER_TOKEN", "a.b.c")
        .args([
            "invoke",
            "--arn",
            &arn(),
            "{}",
            "--endpoint-url",
            "http://agents.example.invalid",
        ])
        .run()
        .exits(2);
    says(&outcome, "neither HTTPS nor this machine");
}

#[test]
fn a_refused_token_shows_what_the_service_asks_for() {
    let demand = "Bearer resource_metadata=\"https://example.invalid/x\"";
    let answer =
        refusal(401, "UnauthorizedException", "token expired").header("www-authenticate", demand);
    let server = Script::new().always(&unsigned(), answer).start();
    let outcome = elsewhere(&project(), &server)
        .env("CARGO_AGENTCORE_BEARER_TOKEN", "a.b.c")
        .arg("{}")
        .run()
        .exits(4);
    says(&outcome, "did not accept the bearer token");
    says(&outcome, "UnauthorizedException: token expired");
    says(&outcome, &format!("it asks for `{demand}`"));
}

#[test]
fn a_runtime_with_an_authorizer_demands_a_token() {
    // The metadata declares the authorizer: no request is needed.
    let server = script().start();
    let configured = Project::new().metadata("region = \"us-east-1\"").agent_with(
        "one",
        "authorizer = { discovery-url = \"https://example.com/.well-known/openid-configuration\", allowed-clients = [\"c\"] }",
    );
    let outcome = invoke(&configured, &server).arg("{}").run().exits(4);
    says(
        &outcome,
        "the agent `one` has an authorizer, and no bearer token was given",
    );
    says(&outcome, "CARGO_AGENTCORE_BEARER_TOKEN");
    assert_eq!(server.requests().len(), 0);
    // The runtime has the authorizer, which is found after it refused.
    let runtime = json!({
        "agentRuntimeArn": arn(), "agentRuntimeId": "one-AbCdEf1234", "agentRuntimeName": "one", "agentRuntimeVersion": "1",
        "createdAt": "2026-11-01T00:00:00Z", "lastUpdatedAt": "2026-11-01T00:00:00Z", "status": "READY",
        "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/r"), "networkConfiguration": {"networkMode": "PUBLIC"}, "lifecycleConfiguration": {},
        "authorizerConfiguration": {"customJWTAuthorizer": {"discoveryUrl": "https://example.com/.well-known/openid-configuration"}},
    });
    let server = script()
        .always(
            INVOKE,
            refusal(
                403,
                "AccessDeniedException",
                "Authorization method mismatch",
            ),
        )
        .always(
            "bedrock-agentcore:GetAgentRuntime",
            Answer::json(200, &runtime),
        )
        .start();
    let outcome = invoke(&project(), &server).arg("{}").run().exits(4);
    says(
        &outcome,
        "the agent `one` has an authorizer, and no bearer token was given",
    );
    says(
        &outcome,
        "AccessDeniedException: Authorization method mismatch",
    );
}

#[test]
fn a_denied_caller_is_told_the_permission() {
    let server = script()
        .always(
            INVOKE,
            refusal(403, "AccessDeniedException", "not authorized"),
        )
        .errors(
            "bedrock-agentcore:GetAgentRuntime",
            9,
            403,
            "AccessDenied",
            "no",
        )
        .start();
    let outcome = invoke(&project(), &server).arg("{}").run().exits(4);
    says(
        &outcome,
        "`bedrock-agentcore:InvokeAgentRuntime` on runtime",
    );
    says(&outcome, "cargo agentcore policy --only deployer");
}
