//! `deploy` against both emulators, and against a scripted server for what they do not support.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod bucket;
mod callers;
mod compiling;
mod convergence;
mod endpoint;
mod fields;
mod foreseen;
mod kills;
mod pruning;
mod restoring;
mod settings;
mod storms;
mod together;
mod trouble;
mod unknown;

use std::collections::BTreeSet;

use crate::support::{
    self, Cli, Emulator, Fault, Ministack, Moto, Outcome, Project, Proxy, Times, boto3,
};
use serde_json::{Value, json};

/// Prefixes of actions that change something in AWS.
const WRITES: [&str; 7] = ["Create", "Put", "Update", "Delete", "Tag", "Untag", "Abort"];

fn project() -> Project {
    project_with("")
}

/// Creates an agent without dependencies, so that no index is needed.
fn project_with(keys: &str) -> Project {
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent_with("one", keys);
    project.write("deployment/requirements.txt", "");
    project
}

fn deploy(project: &Project, emulator: &Emulator) -> Outcome {
    let proxy = settling(emulator);
    Cli::new(project).at(&proxy.url()).arg("deploy").run()
}

fn deploy_json(project: &Project, emulator: &Emulator, args: &[&str]) -> Value {
    let proxy = settling(emulator);
    let outcome = Cli::new(project)
        .at(&proxy.url())
        .args(["deploy", "--output", "json"])
        .args(args)
        .run()
        .succeeds();
    outcome.json()["agents"][0].clone()
}

/// Hides that moto leaves an updated runtime in UPDATING forever.
fn settling(emulator: &Emulator) -> Proxy {
    let proxy = Proxy::to(emulator);
    proxy.fault(
        "bedrock-agentcore:GetAgentRuntime",
        Times::Always,
        Fault::Reworded("UPDATING", "READY"),
    );
    proxy
}

/// Returns the runtime as the service shows it, including fields newer than the test bed's boto3.
fn runtime(emulator: &Emulator, id: &str) -> Value {
    let script = format!("{RAW}print(raw('GET', '/runtimes/{id}/'))");
    serde_json::from_str(&boto3(emulator, &script)).unwrap()
}

/// Requests in the newest SDKs' form; no emulator checks a signature.
const RAW: &str = r"
from urllib.request import Request, urlopen

def raw(method, path, body=None):
    scope = 'test/20261125/us-east-1/bedrock-agentcore/aws4_request'
    headers = {'Content-Type': 'application/json', 'Authorization': f'AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0'}
    data = None if body is None else json.dumps(body).encode()
    return urlopen(Request(endpoint + path, data=data, method=method, headers=headers)).read().decode()

";

fn writes(actions: &[String]) -> Vec<&String> {
    actions
        .iter()
        .filter(|action| {
            let operation = action.split(':').nth(1).unwrap_or_default();
            WRITES.iter().any(|write| operation.starts_with(write))
        })
        .collect()
}

#[test]
fn a_project_is_deployed_and_a_second_run_only_reads() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = project();
        let first = deploy(&project, &emulator).succeeds();
        assert!(first.stderr.contains("Created"), "{}", first.stderr);
        assert!(
            first.stderr.contains("cargo agentcore invoke"),
            "{}",
            first.stderr
        );
        let arn = first.stdout.trim().to_owned();
        assert!(
            arn.starts_with("arn:aws:bedrock-agentcore:us-east-1:"),
            "{arn}"
        );

        let proxy = Proxy::to(&emulator);
        let again = Cli::new(&project)
            .at(&proxy.url())
            .arg("deploy")
            .run()
            .succeeds();
        assert_eq!(again.stdout.trim(), arn);
        assert!(again.stderr.contains("Unchanged"), "{}", again.stderr);
        assert!(again.stderr.contains("up to date"), "{}", again.stderr);
        assert_eq!(writes(&proxy.actions()), Vec::<&String>::new());
    }
}

#[test]
fn what_the_service_is_given_is_the_archive_that_was_built() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = project();
        let done = deploy_json(&project, &emulator, &[]);
        let artifact = &done["artifact"];
        let account = emulator.account();
        let id = done["runtime"]["id"].as_str().unwrap();
        let there = runtime(&emulator, id);
        let code = &there["agentRuntimeArtifact"]["codeConfiguration"];
        assert_eq!(code["runtime"], "PYTHON_3_13");
        assert_eq!(code["entryPoint"], json!(["invoke.py"]));
        assert_eq!(code["code"]["s3"]["bucket"], artifact["bucket"]);
        assert_eq!(code["code"]["s3"]["prefix"], artifact["key"]);
        assert_eq!(
            there["roleArn"],
            format!("arn:aws:iam::{account}:role/AgentCoreRole-one")
        );
        assert_eq!(
            there["environmentVariables"],
            json!({"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "DOCKER_CONTAINER": "1"})
        );
        let digest = boto3(
            &emulator,
            &format!(
                "import hashlib\nprint(hashlib.sha256(client('s3').get_object(Bucket={}, Key={})['Body'].read()).hexdigest())",
                artifact["bucket"], artifact["key"]
            ),
        );
        let local = project
            .path()
            .join("target/agentcore/test-project-7k2qpx/one/deployment.zip");
        assert_eq!(digest.trim(), sha256(&local));
    }
}

fn sha256(path: &std::path::Path) -> String {
    let output = std::process::Command::new("sha256sum")
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split(' ').next().unwrap().to_owned()
}

#[test]
fn a_changed_line_makes_a_new_version_and_a_dry_run_says_so_before() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = project();
        deploy(&project, &emulator).succeeds();
        project.write(
            "one/agent.py",
            "def answer(prompt: str) -> str:\n    return \"new\"\n",
        );
        let before = project.tree();
        let proxy = settling(&emulator);
        let dry = Cli::new(&project)
            .at(&proxy.url())
            .args(["deploy", "--check"])
            .run()
            .exits(5);
        assert!(dry.stderr.contains("Would upload"), "{}", dry.stderr);
        assert!(
            dry.stderr.contains("Would update runtime"),
            "{}",
            dry.stderr
        );
        assert!(dry.stderr.contains("code: s3://"), "{}", dry.stderr);
        assert_eq!(dry.stdout, "");
        assert_eq!(writes(&proxy.actions()), Vec::<&String>::new());
        assert_eq!(
            project.tree(),
            before,
            "a dry run leaves the disk as it was"
        );

        let done = deploy_json(&project, &emulator, &[]);
        assert_eq!(done["did"], "updated");
        assert_eq!(done["runtime"]["version"], "2");
        let key = done["artifact"]["key"].as_str().unwrap();
        let [upload, update] = &done["changes"].as_array().unwrap()[..] else {
            panic!("{done}");
        };
        assert_eq!(
            (&upload["action"], &upload["kind"]),
            (&json!("upload"), &json!("object"))
        );
        assert!(upload["name"].as_str().unwrap().ends_with(key), "{upload}");
        assert_eq!(update["changes"][0]["field"], "code");
        assert!(
            dry.stderr.contains(key),
            "what was foreseen is what was done: {key}\n{}",
            dry.stderr
        );
    }
}

#[test]
fn a_first_dry_run_shows_everything_and_writes_nothing() {
    let emulator = Ministack::start();
    let project = project();
    project.write("deployment/invoke.py", "def late():\n    import nowhere\n");
    let before = (project.tree(), support::listing(&emulator));
    let dry = Cli::new(&project)
        .on(&emulator)
        .args(["deploy", "--dry-run", "--output", "json"])
        .run()
        .succeeds();
    assert!(dry.stderr.contains("Would create role"), "{}", dry.stderr);
    assert!(
        dry.stderr.contains("logs:CreateLogGroup"),
        "the policy: {}",
        dry.stderr
    );
    assert!(
        dry.stderr.contains("Would create runtime `one`"),
        "{}",
        dry.stderr
    );
    // The archive is built from a copy, but the note is about the user's file.
    let entry_point = project.path().join("deployment/invoke.py");
    let place = format!("--> {}:2:", entry_point.display());
    assert!(dry.stderr.contains(&place), "{place}: {}", dry.stderr);
    let document = dry.json();
    assert_eq!(document["dry_run"], true);
    let changes = document["agents"][0]["changes"].as_array().unwrap();
    let kinds: Vec<(&str, &str)> = changes
        .iter()
        .map(|one| {
            (
                one["action"].as_str().unwrap(),
                one["kind"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("create", "role"),
            ("add", "policy"),
            ("create", "bucket"),
            ("upload", "object"),
            ("create", "runtime"),
        ]
    );
    for line in kinds
        .iter()
        .zip(changes)
        .map(|((action, _), one)| format!("Would {action} {}\n", one["object"].as_str().unwrap()))
    {
        assert!(dry.stderr.contains(&line), "{line}: {}", dry.stderr);
    }
    assert_eq!((project.tree(), support::listing(&emulator)), before);
    assert!(!project.has("target"));
}

#[test]
fn two_stages_of_one_agent_live_side_by_side() {
    let emulator = Ministack::start();
    let project = Project::new()
        .metadata("region = \"us-east-1\"\n[workspace.metadata.agentcore.stages.prod]\nenv = { LEVEL = \"prod\" }")
        .agent("one");
    project.write("deployment/requirements.txt", "");
    let plain = deploy_json(&project, &emulator, &[]);
    let prod = deploy_json(&project, &emulator, &["--stage", "prod"]);
    assert_eq!(plain["runtime"]["name"], "one");
    assert_eq!(prod["runtime"]["name"], "one_prod");
    assert_ne!(plain["role"]["arn"], prod["role"]["arn"]);
    assert_eq!(plain["artifact"]["bucket"], prod["artifact"]["bucket"]);
    let there = runtime(&emulator, prod["runtime"]["id"].as_str().unwrap());
    assert_eq!(there["environmentVariables"]["LEVEL"], "prod");
    for stage in [&[][..], &["--stage", "prod"][..]] {
        assert_eq!(deploy_json(&project, &emulator, stage)["did"], "unchanged");
    }
}

#[test]
fn all_agents_are_deployed_and_one_failure_does_not_hide_the_others() {
    let emulator = Ministack::start();
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
        .agent("two")
        .agent("three");
    for folder in ["deployment", "deployment-two", "deployment-three"] {
        project.write(&format!("{folder}/requirements.txt"), "");
    }
    // One name is taken by another user's runtime.
    boto3(
        &emulator,
        "client('bedrock-agentcore-control').create_agent_runtime(agentRuntimeName='two', roleArn='arn:aws:iam::000000000000:role/theirs', agentRuntimeArtifact={'containerConfiguration': {'containerUri': '000000000000.dkr.ecr.us-east-1.amazonaws.com/x:1'}}, networkConfiguration={'networkMode': 'PUBLIC'})",
    );
    let outcome = deploy(&project, &emulator).exits(1);
    assert!(
        outcome
            .stderr
            .contains("a runtime `two` already exists and is not provably this project's"),
        "{}",
        outcome.stderr
    );
    let arns: BTreeSet<&str> = outcome.stdout.lines().collect();
    assert_eq!(arns.len(), 2, "{}", outcome.stdout);
}
