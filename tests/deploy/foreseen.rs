//! What a dry run shows is what the next run does, for generated tables.

use proptest::{
    sample::{Index, subsequence},
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Value, json};

use super::{project_with, settling};
use crate::support::{Cli, Moto, Project, boto3};

/// Keys of an agent's table that change its role, its runtime or both, and code that changes its
/// archive.
const KEYS: [&str; 7] = [
    "env = { LEVEL = \"debug\" }",
    "lifecycle = { idle-timeout = 600, max-lifetime = 3600 }",
    "managed-policies = [\"Extra\"]",
    "models = [\"us.anthropic.claude-sonnet-4-6\"]",
    "permissions = [\"code-interpreter\", { dynamodb = \"orders\", access = \"read\" }]",
    "protocol = \"mcp\"",
    "tags = { team = \"research\" }",
];

/// How many tables follow each other.
const TABLES: usize = 4;

/// Writes the agent's table with these keys, and its code.
fn write(project: &Project, keys: &[&str], number: usize) {
    let head = "[workspace.metadata.agentcore.agents.one]\nsource = \"one\"\ndeployment = \"deployment\"\n";
    let manifest = project.read("Cargo.toml");
    let (before, _) = manifest.split_once(head).unwrap();
    project.write("Cargo.toml", format!("{before}{head}{}\n", keys.join("\n")));
    let code = format!("def answer(prompt: str) -> str:\n    return \"{number}\"\n");
    project.write("one/agent.py", code);
}

/// Returns what a document says about an agent's changes, in the words that both documents share.
fn changes(document: &Value) -> Value {
    let agent = &document["agents"][0];
    json!({
        "changes": agent["changes"],
        "bucket": agent["bucket"],
        "files": agent["files"],
        "key": agent["artifact"]["key"],
    })
}

/// Returns the changes of the role, and those of the runtime.
fn of_role_and_runtime(plan: &Value) -> (Vec<&Value>, Vec<&Value>) {
    let changes = plan["changes"].as_array().unwrap().iter();
    let of_store = ["bucket", "object"];
    let changes = changes.filter(|one| !of_store.iter().any(|kind| one["kind"] == *kind));
    changes.partition(|one| {
        let is_role = |part: &Value| part.as_str().is_some_and(|name| name.contains("Role-one"));
        is_role(&one["name"]) || is_role(&one["of"])
    })
}

/// Returns the differences that `status` lists for the steps of a dry run, apart from the artifact.
fn differences(plan: &Value) -> Vec<Value> {
    let step = |field: &Value, step: &Value| {
        let text = |key: &str| step[key].as_str().unwrap();
        let words = format!("{} {}", text("action"), text("object"));
        json!({ "field": field, "change": "changed", "before": null, "after": words })
    };
    let (role, runtime) = of_role_and_runtime(plan);
    let mut all = Vec::new();
    for one in runtime {
        match one["changes"].as_array() {
            Some(fields) if one["action"] == "update" => all.extend(fields.iter().cloned()),
            _ => all.push(step(&one["kind"], one)),
        }
    }
    all.extend(role.into_iter().map(|one| step(&"role".into(), one)));
    all.retain(|one| one["field"] != "code");
    all
}

#[test]
fn what_a_dry_run_shows_is_what_the_next_run_does() {
    let emulator = Moto::start();
    boto3(
        &emulator,
        "statement = {'Effect': 'Allow', 'Action': 's3:ListAllMyBuckets', 'Resource': '*'}\n\
         document = json.dumps({'Version': '2012-10-17', 'Statement': [statement]})\n\
         client('iam').create_policy(PolicyName='Extra', PolicyDocument=document)",
    );
    let project = project_with("");
    let proxy = settling(&emulator);
    let run = |words: &[&str]| {
        let cli = Cli::new(&project).at(&proxy.url()).arg("deploy");
        let outcome = cli.args(["--output", "json"]).args(words).run();
        changes(&outcome.succeeds().json())
    };
    let status = || {
        let cli = Cli::new(&project).at(&proxy.url());
        let outcome = cli.args(["status", "--output", "json"]).run();
        outcome.succeeds().json()["agents"][0].clone()
    };
    let mut runner = TestRunner::default();
    let tables = (
        subsequence(KEYS.to_vec(), 0..=KEYS.len()),
        proptest::arbitrary::any::<Index>(),
    );
    for number in 0..TABLES {
        let (keys, code) = tables.new_tree(&mut runner).unwrap().current();
        write(&project, &keys, code.index(2));
        let shown = run(&["--dry-run"]);
        if number > 0 {
            let (mut agent, expected) = (status(), differences(&shown));
            let listed = agent["differences"].as_array_mut().unwrap();
            listed.retain(|one| one["field"] != "code");
            assert_eq!(*listed, expected, "{keys:?}");
        }
        let done = run(&[]);
        assert_eq!(shown, done, "{keys:?}");
        let (agent, left) = (status(), run(&["--dry-run"]));
        assert_eq!(agent["differences"], json!(differences(&left)), "{keys:?}");
        let is_equal = differences(&left).is_empty();
        assert_eq!(agent["equal"], is_equal, "{keys:?}: {agent}");
        // moto loses the tags of a runtime with every update.
        let tags = |one: &Value| one["action"] == "tag" && one["kind"] == "runtime";
        let mut changes = left["changes"].as_array().unwrap().iter();
        assert!(changes.all(tags), "{keys:?}: {left}");
    }
}
