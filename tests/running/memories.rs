//! Declared memories, from the table to the account and back. moto keeps their tags.

use serde_json::{Value, json};

use super::account;
use crate::support::{
    Emulator, Moto, Project, boto3, listing,
    runtimes::{self, project, run, says},
};

const MEMORY: &str = "
[workspace.metadata.agentcore.memories.notes]
description = \"What users said\"
event-expiry = 30
strategies = [\"semantic\"]
tags = { team = \"research\" }
";

/// A project whose agent uses the memory `notes`, which the keys declare.
fn with_memory(keys: &str) -> Project {
    let project = project();
    project.write("deployment/requirements.txt", "");
    declare(&project, keys);
    project
}

fn declare(project: &Project, keys: &str) {
    runtimes::declare(project, "memories", "{ memory = \"notes\" }", keys);
}

/// Returns the account's memories with their tags.
fn memories(emulator: &Emulator) -> Vec<Value> {
    account::all(emulator, "memories")
}

fn only(emulator: &Emulator) -> Value {
    account::only(emulator, "memories")
}

/// Returns the resources of the role's statement about the memory.
fn granted(emulator: &Emulator) -> Value {
    let listing = listing(emulator);
    let roles = listing["roles"].as_object().unwrap();
    let role = roles.values().next().unwrap();
    let statements = role["inline"]["AgentCore-us-east-1"]["Statement"]
        .as_array()
        .unwrap();
    let is_memory = |one: &&Value| one["Sid"].as_str().unwrap().starts_with("Memory");
    statements.iter().find(is_memory).unwrap()["Resource"].clone()
}

#[test]
fn a_memory_is_created_changed_shown_and_deleted() {
    let emulator = Moto::start();
    let project = with_memory(MEMORY);
    let empty = listing(&emulator);
    let planned = run(&project, &emulator, &["prepare", "--dry-run"]).succeeds();
    says(
        &planned,
        &[
            "Would create memory `notes`",
            "description: (not set) -> What users said",
            "event-expiry: (not set) -> 30",
            "strategies.semantic: (not set) -> semantic",
            "memory/notes-(known after it is created)",
        ],
    );
    assert_eq!((memories(&emulator).len(), listing(&emulator)), (0, empty));
    run(&project, &emulator, &["deploy", "--check"]).exits(5);

    let made = run(&project, &emulator, &["prepare"]).succeeds();
    says(&made, &["Creating memory `notes`"]);
    let memory = only(&emulator);
    assert_eq!(memory["name"], "notes");
    assert_eq!(memory["eventExpiryDuration"], 30);
    assert_eq!(memory["strategies"][0]["type"], "SEMANTIC");
    let tags = &memory["tags"];
    for (key, value) in [
        ("cargo-agentcore:managed", "true"),
        ("cargo-agentcore:project", "test-project-7k2qpx"),
        ("cargo-agentcore:resource", "memory/notes"),
        ("cargo-agentcore:stage", "-"),
        ("team", "research"),
    ] {
        assert_eq!(tags[key], value, "{tags}");
    }
    assert_eq!(granted(&emulator), memory["arn"]);
    run(&project, &emulator, &["prepare", "--check"]).succeeds();

    declare(
        &project,
        &MEMORY.replace("= 30", "= 60").replace("team", "owner"),
    );
    let status = run(&project, &emulator, &["status"]).succeeds();
    says(&status, &["event-expiry: 30 -> 60", "status       ACTIVE"]);
    let changed = run(&project, &emulator, &["prepare"]).succeeds();
    says(
        &changed,
        &["Updating memory `notes`", "Tagging memory `notes`"],
    );
    let memory = only(&emulator);
    assert_eq!(memory["eventExpiryDuration"], 60);
    assert_eq!(
        (&memory["tags"]["team"], &memory["tags"]["owner"]),
        (&Value::Null, &json!("research"))
    );

    run(&project, &emulator, &["clean", "--yes"]).succeeds();
    assert_eq!(memories(&emulator), Vec::<Value>::new());
    run(&project, &emulator, &["clean", "--check", "--yes"]).succeeds();
}

#[test]
fn a_strategy_is_deleted_only_with_consent() {
    let emulator = Moto::start();
    let project = with_memory(MEMORY);
    run(&project, &emulator, &["prepare"]).succeeds();
    declare(&project, &MEMORY.replace("\"semantic\"", "\"summary\""));
    let refused = run(&project, &emulator, &["prepare"]).exits(2);
    says(
        &refused,
        &[
            "strategies.semantic: semantic -> (not set)",
            "This deletes the strategy `semantic` and the records that it extracted.",
            "--yes",
        ],
    );
    assert_eq!(only(&emulator)["strategies"][0]["type"], "SEMANTIC");
    run(&project, &emulator, &["prepare", "--yes"]).succeeds();
    let strategies = &only(&emulator)["strategies"];
    assert_eq!(strategies.as_array().unwrap().len(), 1);
    assert_eq!(strategies[0]["type"], "SUMMARIZATION");
}

#[test]
fn a_memory_of_another_project_is_left_alone() {
    let emulator = Moto::start();
    let project = with_memory(MEMORY);
    run(&project, &emulator, &["prepare"]).succeeds();
    // Another project uses the same name.
    let tags = r#"{"cargo-agentcore:project": "other-7k2qpx"}"#;
    let arn = only(&emulator)["arn"].as_str().unwrap().to_owned();
    boto3(
        &emulator,
        &format!(
            "client('bedrock-agentcore-control').tag_resource(resourceArn='{arn}', tags={tags})"
        ),
    );
    let cleaned = run(&project, &emulator, &["clean", "--yes"]).succeeds();
    assert!(!cleaned.stderr.contains("memory"), "{}", cleaned.stderr);
    assert_eq!(memories(&emulator).len(), 1);
}

#[test]
fn status_shows_a_memory_whose_key_cannot_be_changed_and_prepare_refuses() {
    let key =
        |id: char| format!("{MEMORY}kms-key = \"arn:aws:kms:us-east-1:123456789012:key/{id}\"\n");
    let emulator = Moto::start();
    let project = with_memory(&key('1'));
    run(&project, &emulator, &["prepare"]).succeeds();
    declare(&project, &key('2'));
    let shown = run(&project, &emulator, &["status"]).succeeds();
    let refusal = "refused      a setting of the memory `notes` cannot be changed";
    says(&shown, &[refusal]);
    let refused = run(&project, &emulator, &["prepare"]).exits(3);
    says(
        &refused,
        &["kms-key: ", "declare a memory with another name"],
    );
}

#[test]
fn what_is_retained_is_listed_and_stays_and_one_agent_is_not_the_project() {
    let emulator = Moto::start();
    let project = with_memory(&format!("{MEMORY}retain = true\n")).agent("two");
    declare(&project, &format!("{MEMORY}retain = true\n"));
    run(&project, &emulator, &["prepare"]).succeeds();
    let one = run(&project, &emulator, &["clean", "--agent", "one", "--yes"]).succeeds();
    assert!(!one.stderr.contains("memory"), "{}", one.stderr);
    let all = run(&project, &emulator, &["clean", "--yes"]).succeeds();
    says(
        &all,
        &[
            "Keeping memory `notes`",
            "the metadata says `retain = true`",
        ],
    );
    assert_eq!(memories(&emulator).len(), 1);
}

#[test]
fn a_name_that_is_not_declared_and_a_memory_that_nobody_uses_are_reported_with_the_line() {
    let emulator = Moto::start();
    let project = with_memory("");
    let unknown = run(&project, &emulator, &["prepare", "--dry-run"]).exits(3);
    says(
        &unknown,
        &[
            "`notes` is neither a declared memory nor the ID of one",
            "[workspace.metadata.agentcore.memories.notes]",
            "{ memory = \"notes\" }",
        ],
    );
    declare(&project, &MEMORY.replace("memories.notes", "memories.note"));
    let near = run(&project, &emulator, &["prepare", "--dry-run"]).exits(3);
    says(&near, &["did you mean `note`?"]);
    let wrong = "
[workspace.metadata.agentcore.memories.notes]
event-expiry = 1000
strategies = [\"semntic\", { type = \"custom\" }, \"custom\"]
retain = \"yes\"
kms-key = \"alias/mine\"
";
    declare(&project, wrong);
    let wrong = run(&project, &emulator, &["prepare", "--dry-run"]).exits(3);
    says(
        &wrong,
        &[
            "must be a whole number from 3 to 365",
            "did you mean `semantic`?",
            "a custom strategy needs a `configuration`",
            "must be `true` or `false`",
            "invalid KMS key `alias/mine`",
        ],
    );
    let two = format!(
        "{MEMORY}{}",
        MEMORY.replace("memories.notes", "memories.spare")
    );
    declare(&project, &two);
    let unused = run(&project, &emulator, &["prepare", "--dry-run"]).succeeds();
    says(&unused, &["no agent uses the memory `spare`"]);
}
