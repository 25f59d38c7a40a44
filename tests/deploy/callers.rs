//! `callers`: resource policies for callers from other accounts.

use serde_json::{Value, json};

use super::{RAW, project_with, writes};
use crate::support::{
    Answer, Cli, Emulator, Fault, Ministack, Outcome, Project, Proxy, Times, boto3,
};

const PUT: &str = "bedrock-agentcore:PutResourcePolicy";
const GET: &str = "bedrock-agentcore:GetResourcePolicy";
const TAGS: &str = "bedrock-agentcore:ListTagsForResource";
const WEB: &str = "arn:aws:iam::210987654321:role/web";
const PARTNER: &str = "arn:aws:iam::444455556666:root";

fn with_callers(callers: &[&str]) -> String {
    format!("callers = {callers:?}\n")
}

fn run(project: &Project, proxy: &Proxy, args: &[&str]) -> Outcome {
    Cli::new(project).at(&proxy.url()).args(args).run()
}

/// Returns the policy of a runtime or an endpoint, as in the service.
fn policy(emulator: &Emulator, arn: &str) -> Value {
    let script = format!(
        r"{RAW}
from urllib.parse import quote
from urllib.error import HTTPError
try:
    print(json.loads(raw('GET', '/resourcepolicy/' + quote('{arn}', safe='')))['policy'])
except HTTPError:
    print('null')
"
    );
    serde_json::from_str(&boto3(emulator, &script)).unwrap()
}

fn replace(project: &Project, from: &str, to: &str) {
    let manifest = project.read("Cargo.toml");
    assert!(manifest.contains(from), "{manifest}");
    project.write("Cargo.toml", manifest.replace(from, to));
}

#[test]
fn callers_reach_the_runtime_and_every_endpoint_and_nothing_else() {
    let emulator = Ministack::start();
    let project = project_with(&with_callers(&[WEB]));
    let proxy = Proxy::to(&emulator);
    let planned = run(&project, &proxy, &["deploy", "--dry-run"]).succeeds();
    let line = format!("callers: (not set) -> {WEB}");
    assert!(planned.stderr.contains(&line), "{}", planned.stderr);
    assert!(!proxy.actions().contains(&PUT.to_owned()));

    let runtime = run(&project, &proxy, &["deploy"]).succeeds().stdout;
    let runtime = runtime.trim();
    let default = format!("{runtime}/runtime-endpoint/DEFAULT");
    for arn in [runtime, &default] {
        assert_eq!(
            policy(&emulator, arn)["Statement"],
            json!([{
                "Sid": "AgentCoreCallersPrincipals", "Effect": "Allow", "Principal": { "AWS": WEB },
                "Action": "bedrock-agentcore:InvokeAgentRuntime", "Resource": arn,
                "Condition": { "ArnEquals": { "aws:PrincipalArn": WEB } },
            }]),
            "{arn}"
        );
    }
    proxy.forget();
    let again = run(&project, &proxy, &["deploy"]).succeeds();
    assert!(again.stderr.contains("Unchanged"), "{}", again.stderr);
    assert_eq!(writes(&proxy.actions()), Vec::<&String>::new());
    let status = run(&project, &proxy, &["status"]).succeeds().stdout;
    assert!(status.contains(&format!("callers    {WEB}")), "{status}");

    // An endpoint created later has them from the beginning.
    run(
        &project,
        &proxy,
        &["endpoint", "set", "prod", "--version", "1"],
    )
    .succeeds();
    let prod = format!("{runtime}/runtime-endpoint/prod");
    assert_ne!(policy(&emulator, &prod), Value::Null);

    replace(&project, WEB, PARTNER);
    let checked = run(&project, &proxy, &["deploy", "--check"]).exits(5);
    let line = format!("callers of endpoint `prod`: {WEB} -> {PARTNER}");
    assert!(checked.stderr.contains(&line), "{}", checked.stderr);
    assert!(
        run(&project, &proxy, &["status"])
            .succeeds()
            .stdout
            .contains(&line)
    );
    let done = run(&project, &proxy, &["deploy", "--output", "json"])
        .succeeds()
        .json();
    let changes = done["agents"][0]["changes"].as_array().unwrap();
    let mut policies = changes
        .iter()
        .filter(|one| one["kind"] == "resource_policy");
    let change = &policies.next().expect("a policy is written")["changes"][0];
    assert_eq!(change["after"], PARTNER, "{done}");
    let condition = json!({ "StringEquals": { "aws:PrincipalAccount": "444455556666" } });
    for arn in [runtime, &default, &prod] {
        assert_eq!(
            policy(&emulator, arn)["Statement"][0]["Condition"],
            condition,
            "{arn}"
        );
    }

    // The runtime's tags record that there were callers.
    let tags = json!({ "tags": {
        "cargo-agentcore:managed": "true", "cargo-agentcore:project": "test-project-7k2qpx",
        "cargo-agentcore:agent": "one", "cargo-agentcore:stage": "-", "cargo-agentcore:settings": "callers",
    }});
    proxy.fault(TAGS, Times::Always, Fault::Answer(Answer::json(200, &tags)));
    let none = Answer::json(204, &json!({}));
    proxy.fault(
        "bedrock-agentcore:UntagResource",
        Times::Always,
        Fault::Answer(none),
    );
    replace(&project, &with_callers(&[PARTNER]), "");
    let checked = run(&project, &proxy, &["deploy", "--check"]).exits(5);
    let line = format!(
        "callers of runtime `{}`: {PARTNER} -> (not set)",
        id(runtime)
    );
    assert!(checked.stderr.contains(&line), "{}", checked.stderr);
    run(&project, &proxy, &["deploy"]).succeeds();
    for arn in [runtime, &default, &prod] {
        assert_eq!(policy(&emulator, arn), Value::Null, "{arn}");
    }
    run(&project, &proxy, &["clean", "--yes"]).succeeds();
}

fn id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap()
}

#[test]
fn a_policy_that_others_wrote_stays_until_it_is_adopted() {
    let emulator = Ministack::start();
    let project = project_with("");
    let proxy = Proxy::to(&emulator);
    let runtime = run(&project, &proxy, &["deploy"]).succeeds().stdout;
    let runtime = runtime.trim();
    let theirs = json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Theirs", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::999988887777:root" },
        "Action": "bedrock-agentcore:InvokeAgentRuntime", "Resource": runtime,
    }]});
    let body = json!({ "policy": theirs.to_string() });
    boto3(
        &emulator,
        &format!(
            "{RAW}\nfrom urllib.parse import quote\nraw('PUT', '/resourcepolicy/' + quote('{runtime}', safe=''), json.loads({:?}))",
            body.to_string()
        ),
    );
    // Without the key the policy is not read.
    proxy.forget();
    run(&project, &proxy, &["deploy"]).succeeds();
    assert!(!proxy.actions().contains(&GET.to_owned()));

    replace(
        &project,
        "source = \"one\"\n",
        &format!("source = \"one\"\n{}", with_callers(&[WEB])),
    );
    proxy.forget();
    let stopped = run(&project, &proxy, &["deploy"]).exits(1);
    assert!(
        stopped
            .stderr
            .contains("has a resource policy that this tool did not write")
            && stopped.stderr.contains("`--adopt`"),
        "{}",
        stopped.stderr
    );
    let asked = run(&project, &proxy, &["deploy", "--adopt"]).exits(2);
    assert!(
        asked
            .stderr
            .contains("cannot ask for confirmation to replace the resource policies"),
        "{}",
        asked.stderr
    );
    assert!(
        asked.stderr.contains("-       \"Sid\": \"Theirs\""),
        "{}",
        asked.stderr
    );
    assert_eq!(writes(&proxy.actions()), Vec::<&String>::new());
    assert_eq!(policy(&emulator, runtime), theirs);

    run(&project, &proxy, &["deploy", "--adopt", "--yes"]).succeeds();
    assert_eq!(
        policy(&emulator, runtime)["Statement"][0]["Principal"]["AWS"],
        WEB
    );
    run(&project, &proxy, &["deploy", "--check"]).succeeds();
}
