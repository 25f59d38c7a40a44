//! `clean` in unusual situations: several agents in one file, resources that are already being
//! deleted, shared roles, objects under a prefix.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod deployed;
mod former;
mod former_role;
mod kills;
mod toolkit;

use crate::support::{
    self, Answer, Cli, Emulator, Ministack, Outcome, Project, Script, Scripted, boto3, listing,
    scripted::ACCOUNT,
};
use serde_json::json;

fn project() -> Project {
    Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
}

fn prepare(project: &Project, emulator: &Emulator) {
    Cli::new(project)
        .on(emulator)
        .arg("prepare")
        .run()
        .succeeds();
}

fn clean(project: &Project, emulator: &Emulator) -> Cli {
    Cli::new(project).on(emulator).args(["clean", "--yes"])
}

#[test]
fn a_role_in_an_instance_profile_is_named_before_anything_is_deleted_and_goes_when_it_is_free() {
    let emulator = Ministack::start();
    let project = project();
    let before = listing(&emulator);
    prepare(&project, &emulator);
    boto3(
        &emulator,
        "client('iam').create_instance_profile(InstanceProfileName='theirs')\n\
         client('iam').add_role_to_instance_profile(InstanceProfileName='theirs', RoleName='AgentCoreRole-one')\n",
    );
    let dry = Cli::new(&project)
        .on(&emulator)
        .args(["clean", "--dry-run"])
        .run()
        .succeeds();
    assert!(!dry.stderr.contains("Would delete role"), "{}", dry.stderr);
    assert!(
        dry.stderr.contains("instance profile: `theirs`"),
        "{}",
        dry.stderr
    );
    let stuck = clean(&project, &emulator).run().exits(1);
    assert!(
        stuck
            .stderr
            .contains("aws iam remove-role-from-instance-profile"),
        "{}",
        stuck.stderr
    );
    boto3(
        &emulator,
        "client('iam').remove_role_from_instance_profile(InstanceProfileName='theirs', RoleName='AgentCoreRole-one')\n\
         client('iam').delete_instance_profile(InstanceProfileName='theirs')\n",
    );
    clean(&project, &emulator).run().succeeds();
    assert_eq!(listing(&emulator), before);
}

#[test]
fn what_will_be_deleted_is_announced_and_what_would_be_is_not() {
    let emulator = Ministack::start();
    let project = project();
    prepare(&project, &emulator);
    let run = |arguments: &[&str]| {
        Cli::new(&project)
            .on(&emulator)
            .arg("clean")
            .args(arguments)
            .run()
    };
    let dry = run(&["--dry-run"]).succeeds();
    assert!(
        dry.stderr
            .contains("  Would delete role `AgentCoreRole-one`"),
        "{}",
        dry.stderr
    );
    let asked = run(&[]).exits(2);
    let done = run(&["--yes"]).succeeds();
    let lists = "  To delete role `AgentCoreRole-one`";
    for (said, shown, other) in [
        (&asked, lists, " Deleting"),
        (&done, "    Deleting role `AgentCoreRole-one`", "To delete"),
    ] {
        assert!(said.stderr.contains(shown), "{}", said.stderr);
        assert!(!said.stderr.contains(other), "{}", said.stderr);
        assert!(!said.stderr.contains("Would"), "{}", said.stderr);
    }
}

const ID: &str = "one-AbCdEf1234";

fn json_answer(body: &serde_json::Value) -> Answer {
    Answer::new(200, "application/json", body.to_string())
}

/// A runtime of this project that shows one of these statuses per request, and is then gone.
fn going(statuses: &[&str]) -> Script {
    let arn = format!("arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:runtime/{ID}");
    let runtime = |status: &str| {
        json_answer(&json!({
            "agentRuntimeArn": arn, "agentRuntimeName": "one", "agentRuntimeId": ID, "agentRuntimeVersion": "1",
            "createdAt": "2026-01-01T00:00:00Z", "lastUpdatedAt": "2026-01-01T00:00:00Z",
            "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/AgentCoreRole-one"),
            "networkConfiguration": { "networkMode": "PUBLIC" }, "status": status,
            "lifecycleConfiguration": {},
        }))
    };
    let listed = json!({ "agentRuntimes": [{
        "agentRuntimeArn": arn, "agentRuntimeId": ID, "agentRuntimeVersion": "1", "agentRuntimeName": "one",
        "description": "", "lastUpdatedAt": "2026-01-01T00:00:00Z", "status": statuses[0],
    }] });
    let tags = json!({ "tags": {
        "cargo-agentcore:managed": "true", "cargo-agentcore:project": "test-project-7k2qpx", "cargo-agentcore:agent": "one",
        "cargo-agentcore:stage": "-",
    } });
    let logs = Answer::new(200, "application/x-amz-json-1.1", r#"{"logGroups":[]}"#);
    let mut script = Script::new()
        .identity()
        .errors("iam:GetRole", 9, 404, "NoSuchEntity", "no such role")
        .then("bedrock-agentcore:ListAgentRuntimes", json_answer(&listed))
        .always(
            "bedrock-agentcore:ListAgentRuntimes",
            json_answer(&json!({ "agentRuntimes": [] })),
        )
        .always("bedrock-agentcore:ListTagsForResource", json_answer(&tags))
        .always(
            "bedrock-agentcore:ListAgentRuntimeEndpoints",
            json_answer(&json!({ "runtimeEndpoints": [] })),
        )
        .always("logs:DescribeLogGroups", logs)
        .errors(
            "s3:GetBucketTagging",
            99,
            404,
            "NoSuchBucket",
            "no such bucket",
        )
        .errors(
            "s3:ListBucketVersions",
            99,
            404,
            "NoSuchBucket",
            "no such bucket",
        );
    for status in statuses {
        script = script.then("bedrock-agentcore:GetAgentRuntime", runtime(status));
    }
    script.errors(
        "bedrock-agentcore:GetAgentRuntime",
        9,
        404,
        "ResourceNotFoundException",
        "gone",
    )
}

fn clean_against(server: &Scripted, further: &[&str]) -> Outcome {
    let project = project();
    Cli::new(&project)
        .at(&server.url())
        .args(["clean", "--yes"])
        .args(further)
        .run()
}

fn deletions(server: &Scripted) -> usize {
    server
        .recorded()
        .iter()
        .filter(|call| call.action == "bedrock-agentcore:DeleteAgentRuntime")
        .count()
}

#[test]
fn a_runtime_that_is_going_already_is_waited_for_and_not_deleted_again() {
    let server = going(&["DELETING", "DELETING", "DELETING"]).start();
    let outcome = clean_against(&server, &[]).succeeds();
    assert!(outcome.stderr.contains("Waiting"), "{}", outcome.stderr);
    assert_eq!(server.unexpected(), Vec::<String>::new());
    assert_eq!(deletions(&server), 0);
}

#[test]
fn a_conflict_of_two_deletions_is_no_error_and_any_other_conflict_is() {
    let conflict = |script: Script| {
        script
            .errors(
                "bedrock-agentcore:DeleteAgentRuntime",
                1,
                409,
                "ConflictException",
                "is being changed",
            )
            .start()
    };
    let server = conflict(going(&["READY", "READY", "DELETING", "DELETING"]));
    clean_against(&server, &[]).succeeds();
    assert_eq!(server.unexpected(), Vec::<String>::new());
    assert_eq!(deletions(&server), 1);

    let server = conflict(going(&["UPDATING", "UPDATING", "UPDATING"]));
    let further = ["--region", "us-east-1", "--agent", "one", "--logs"];
    let outcome = clean_against(&server, &further).exits(1);
    outcome.says(&[
        "is being changed",
        format!("run `cargo agentcore clean --agent one --endpoint-url {} --region us-east-1 --logs` again", server.url()).as_str(),
    ]);
}

#[test]
fn the_emulator_stays_while_another_region_is_in_it_and_no_variable_leads_away_from_it() {
    let project = Project::new().agent("one");
    let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    let local = |words: &[&str]| {
        Cli::new(&project)
            .args(words)
            .arg("--local")
            .env("CARGO_AGENTCORE_CACHE_DIR", &cache)
            .env("CARGO_AGENTCORE_PROFILE", "elsewhere")
            .run()
    };
    local(&["prepare"]).succeeds();
    local(&["prepare", "--region", "eu-west-1"]).succeeds();
    let one = local(&["clean", "--yes"]).succeeds();
    assert!(
        one.stderr.contains("Keeping the emulator"),
        "{}",
        one.stderr
    );
    let other = local(&["clean", "--yes", "--region", "eu-west-1"]).succeeds();
    other.says(&["Deleting role", "Stopped the emulator"]);
    let typed = local(&["status", "--profile", "elsewhere"]).exits(2);
    assert!(typed.stderr.contains("--profile"), "{}", typed.stderr);
}
