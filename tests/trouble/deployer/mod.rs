//! The deployer's policy: it suffices for every command, contains nothing that no command needs,
//! and a missing action is named in the error.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    project,
    support::{Answer, Cli, Emulator, Fault, Project, Proxy, Times},
};

mod document;
mod gateway;
mod life;
mod memory;
mod taken_away;
mod takeover;

/// The toolkit's entry for the repository that `clean` deletes.
fn toolkits_file(account: &str) -> String {
    format!(
        "agents:\n  one:\n    name: one\n    aws:\n      account: '{account}'\n      region: us-east-1\n      ecr_repository: {account}.dkr.ecr.us-east-1.amazonaws.com/bedrock-agentcore-one\n"
    )
}

/// Returns the policy of a project that declares the tag `team` and [`POLICY`] and has an image of
/// the toolkit. The project stays unchanged.
fn document(project: &Project, account: &str) -> Value {
    const FILE: &str = ".bedrock_agentcore.yaml";
    let manifest = project.read("Cargo.toml");
    declare_tags(project, "{ team = \"x\" }");
    declare_policies(project, &[POLICY]);
    project.write(FILE, toolkits_file(account));
    let arguments = ["policy", "--only", "deployer", "--region", "us-east-1"];
    let printed = Cli::new(project)
        .args(arguments)
        .args(["--account", account])
        .run()
        .succeeds();
    project.write("Cargo.toml", manifest);
    std::fs::remove_file(project.path().join(FILE)).unwrap();
    // The policy may be split.
    let parts = serde_json::Deserializer::from_str(&printed.stdout).into_iter::<Value>();
    let whole = parts.map(Result::unwrap).reduce(|mut whole, part| {
        let statements = part["Statement"].as_array().unwrap();
        let all = whole["Statement"].as_array_mut().unwrap();
        all.extend(statements.iter().cloned());
        whole
    });
    whole.unwrap()
}

fn words(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        many => many
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap())
            .collect(),
    }
}

/// Actions that no test can call, because an emulator is reached without TLS, and its bucket does
/// not demand it.
const WITH_TLS_ONLY: [&str; 2] = ["s3:GetBucketPolicy", "s3:PutBucketPolicy"];

/// Returns every action that the policy allows.
fn actions(document: &Value) -> BTreeSet<String> {
    let statements = document["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|statement| words(&statement["Action"]));
    actions.map(str::to_owned).collect()
}

/// Changes the tags that the metadata declares.
fn declare_tags(project: &Project, tags: &str) {
    let text = project.read("Cargo.toml");
    let lines = text.lines().filter(|line| !line.starts_with("tags = "));
    let lines: Vec<String> = lines
        .map(|line| match line {
            "region = \"us-east-1\"" => format!("{line}\ntags = {tags}"),
            _ => line.to_owned(),
        })
        .collect();
    project.write("Cargo.toml", lines.join("\n"));
}

/// An AWS managed policy.
const POLICY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

/// Changes the managed policies that the agent's table declares.
fn declare_policies(project: &Project, policies: &[&str]) {
    let text = project.read("Cargo.toml");
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("managed-policies = "));
    let lines: Vec<String> = lines
        .map(|line| match line {
            "source = \"one\"" => format!("{line}\nmanaged-policies = {policies:?}"),
            _ => line.to_owned(),
        })
        .collect();
    project.write("Cargo.toml", lines.join("\n"));
}

/// An agent without dependencies, so that no package index is needed.
fn agent() -> Project {
    let project = project();
    project.write("deployment/requirements.txt", "");
    project
}

/// moto leaves an updated runtime in UPDATING; no emulator supports X-Ray's settings or stops
/// sessions.
fn proxy_to(emulator: &Emulator) -> Proxy {
    let proxy = Proxy::to(emulator);
    proxy.fault(
        "bedrock-agentcore:GetAgentRuntime",
        Times::Always,
        Fault::Reworded("UPDATING", "READY"),
    );
    for (actions, answer) in [
        ("xray:*", json!({ "Destination": "XRay" })),
        ("bedrock-agentcore:StopRuntimeSession", json!({})),
    ] {
        let answer = Fault::Answer(Answer::json(200, &answer));
        proxy.fault(actions, Times::Always, answer);
    }
    proxy
}
