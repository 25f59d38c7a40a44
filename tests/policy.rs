//! `cargo agentcore policy`, through the real binary.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot set its stage fails, and it writes the files of its stage"
)]

use std::{fs, path::Path};

use serde_json::Value;
use snapbox::cmd::Command;

const MANIFEST: &str = r#"
[workspace]
[workspace.metadata.agentcore]
project = "shop-7k2qpx"
region = "us-west-2"
account = "123456789012"

[workspace.metadata.agentcore.agents.seller]
source = "seller"
deployment = "deployment_seller"
models = ["us.anthropic.claude-sonnet-4-6"]
permissions = ["code-interpreter"]

[workspace.metadata.agentcore.agents.buyer]
source = "buyer"
deployment = "deployment_buyer"
"#;

struct Answer {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn policy(manifest: &str, arguments: &[&str]) -> Answer {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Cargo.toml");
    fs::write(&path, manifest).unwrap();
    run(&path, arguments)
}

fn run(manifest: &Path, arguments: &[&str]) -> Answer {
    let output = Command::new(snapbox::cmd::cargo_bin!("cargo-agentcore"))
        .args(["agentcore", "policy", "--manifest-path"])
        .arg(manifest)
        .args(arguments)
        .env_remove("CARGO_AGENTCORE_REGION")
        .env_remove("CARGO_AGENTCORE_STAGE")
        // Any call to AWS would fail here.
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn names(document: &Value) -> Vec<&str> {
    let statements = document["Statement"].as_array().unwrap();
    statements
        .iter()
        .map(|s| s["Sid"].as_str().unwrap())
        .collect()
}

/// Returns all actions that the document allows.
fn actions(document: &Value) -> Vec<String> {
    let statements = document["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|statement| match &statement["Action"] {
        Value::Array(many) => many.clone(),
        one => vec![one.clone()],
    });
    actions
        .map(|action| action.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn images_are_deleted_only_where_the_toolkits_file_names_their_repository() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = dir.path().join("Cargo.toml");
    fs::write(&manifest, MANIFEST).unwrap();
    let images = || {
        let answer = run(&manifest, &["--only", "deployer", "--agent", "seller"]);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        let named = "arn:aws:ecr:us-west-2:123456789012:repository/bedrock-agentcore-seller";
        let (actions, name) = (
            answer.stdout.contains("\"ecr:"),
            answer.stdout.contains(named),
        );
        assert_eq!(actions, name, "{}", answer.stdout);
        name
    };
    assert!(!images());
    let file = |repository: &str| {
        let text = format!(
            "agents:\n  seller:\n    name: seller\n    aws:\n      ecr_repository: {repository}\n"
        );
        fs::write(dir.path().join(".bedrock_agentcore.yaml"), text).unwrap();
    };
    file("null");
    assert!(!images());
    // Another agent's, and another account's.
    file("123456789012.dkr.ecr.us-west-2.amazonaws.com/bedrock-agentcore-buyer");
    assert!(!images());
    file("210987654321.dkr.ecr.us-west-2.amazonaws.com/bedrock-agentcore-seller");
    assert!(!images());
    file("123456789012.dkr.ecr.us-west-2.amazonaws.com/bedrock-agentcore-seller");
    assert!(images());
}

#[test]
fn what_means_more_than_it_shows_is_refused_with_its_line() {
    let agent = "[workspace.metadata.agentcore.agents.seller]\n";
    let hidden = "which cannot be seen";
    for (table, key, expected) in [
        ("role", "path = \"/*/\"", "invalid IAM path `/*/`"),
        (
            "role",
            "path = \"/${aws:username}/\"",
            "invalid IAM path `/${aws:username}/`",
        ),
        (
            "role",
            "permissions-boundary = \"arn:aws:iam::123456789012:policy/*\"",
            "invalid policy ARN",
        ),
        ("role", "path = \"/a\\u202e/\"", hidden),
        ("", "profile = \"prod\\u200f\"", hidden),
        (
            "agent",
            "permissions = [{ s3 = \"arn:aws:s3:::bucket/a\\u202eb/*\" }]",
            "expected objects in one bucket",
        ),
        (
            "agent",
            "permissions = [{ secret = \"arn:aws:secretsmanager:us-west-2:123456789012:secret:a\\u0007b-AbCdEf\" }]",
            "invalid secret ARN",
        ),
        ("agent", "env = { \"A\\u2066B\" = \"1\" }", hidden),
        (
            "agent",
            "managed-policies = [\"arn:aws:iam::aws:policy/*\"]",
            "invalid policy ARN",
        ),
        (
            "agent",
            "permissions = [{ allow = [\"rds-data:ExecuteStatement\"], on = [\"arn:aws:rds:us-west-2:123456789012:cluster:${aws:username}\"] }]",
            "contains a policy variable",
        ),
        (
            "agent",
            "permissions = [{ allow = [\"rds-data:ExecuteStatement\"], on = [\"arn:aws:rds:us-west-2:123456789012:cluster:a\\u0007\"] }]",
            "contains characters that IAM does not take",
        ),
        (
            "agent",
            "permissions = [{ allow = [\"rds-data:ExecuteStatement\"], on = [\"*\"], reason = \"a\\u202eb\" }]",
            "`reason` contains characters that cannot be seen",
        ),
        (
            "agent",
            "permissions = [{ allow = [\"iam:*\"], on = [\"*\"], reason = \"all of it\" }]",
            "`iam:*` allows more than one action",
        ),
        (
            "agent",
            "permissions = [{ allow = [\"*\"], on = [\"*\"], reason = \"all of it\" }]",
            "`*` allows more than one action",
        ),
        (
            "agent",
            "permissions = [{ allow = [\"rds-data:ExecuteStatement\"], on = [\"arn:aws:rds:us-west-2:123456789012:cluster:*\"] }]",
            "covers every resource of a type",
        ),
        (
            "agent",
            "permissions = [{ allow = [\"iam:PassRole\"], on = [\"arn:aws:iam::123456789012:role/reports\"] }]",
            "`iam:PassRole` changes or reveals who may do what in the account",
        ),
    ] {
        let manifest = MANIFEST.replace("permissions = [\"code-interpreter\"]\n", "");
        let manifest = match table {
            "agent" => manifest.replace(agent, &format!("{agent}{key}\n")),
            "role" => format!("{manifest}\n[workspace.metadata.agentcore.role]\n{key}\n"),
            _ => manifest.replace("project =", &format!("{key}\nproject =")),
        };
        let line = manifest.lines().position(|line| line == key).unwrap() + 1;
        let answer = policy(&manifest, &["--only", "trust"]);
        assert_eq!(answer.code, Some(3), "{key}: {}", answer.stderr);
        assert!(answer.stderr.contains(expected), "{key}: {}", answer.stderr);
        let place = format!("Cargo.toml:{line}:");
        assert!(answer.stderr.contains(&place), "{key}: {}", answer.stderr);
    }
}

#[test]
fn one_document_is_bare_on_stdout_and_its_reasons_are_on_stderr() {
    let answer = policy(MANIFEST, &["--only", "execution", "--agent", "seller"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let document: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(
        names(&document),
        [
            "LogGroups",
            "LogStreams",
            "Traces",
            "Metrics",
            "ModelProfileUsAnthropicClaudeSonnet46",
            "ModelTargetsUsAnthropicClaudeSonnet46",
            "CodeInterpreter",
        ]
    );
    assert!(
        answer.stderr.contains(
            "CodeInterpreter                        permissions = [\"code-interpreter\"]"
        )
    );
    assert!(!answer.stderr.contains("note:"), "{}", answer.stderr);
}

const BROAD: &str = "{ allow = [\"textract:DetectDocumentText\"], on = [\"*\"], reason = \"Textract knows no resources\" }";

#[test]
fn a_reason_stands_beside_the_statement_that_needs_it() {
    let manifest = MANIFEST.replace("\"code-interpreter\"", BROAD);
    let answer = policy(&manifest, &["--only", "execution", "--agent", "seller"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let line = format!("AllowTextractDetectDocumentText        permissions = [{BROAD}]");
    assert!(answer.stderr.contains(&line), "{}", answer.stderr);
    let boundary = policy(&manifest, &["--only", "boundary"]);
    assert_eq!(boundary.code, Some(0), "{}", boundary.stderr);
    assert!(boundary.stdout.contains("\"textract:DetectDocumentText\""));
    assert!(
        boundary.stderr.contains("Textract knows no resources"),
        "{}",
        boundary.stderr
    );
}

#[test]
fn managed_policies_stand_beside_the_execution_policy_and_outside_of_the_boundary() {
    let policies = "managed-policies = [\"Reports\", \"arn:aws:iam::aws:policy/ReadOnlyAccess\"]\n";
    let agent = "[workspace.metadata.agentcore.agents.seller]\n";
    let manifest = MANIFEST.replace(agent, &format!("{agent}{policies}"));
    let answer = policy(
        &manifest,
        &["--only", "execution,boundary", "--output", "json"],
    );
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let report: Value = serde_json::from_str(&answer.stdout).unwrap();
    let documents = report["documents"].as_array().unwrap();
    let own = "arn:aws:iam::123456789012:policy/Reports";
    let arns = serde_json::json!([own, "arn:aws:iam::aws:policy/ReadOnlyAccess"]);
    let attached: Vec<&Value> = documents.iter().map(|d| &d["managed_policies"]).collect();
    assert_eq!(attached, [&Value::Null, &arns, &Value::Null]);
    let warning = "warning: the permissions boundary does not contain what managed policies allow";
    assert!(answer.stderr.contains(warning), "{}", answer.stderr);
    let text = policy(&manifest, &["--only", "execution"]);
    assert!(
        text.stderr.contains(&format!("attached beside it: {own}")),
        "{}",
        text.stderr
    );
    assert!(!text.stderr.contains("warning:"), "{}", text.stderr);

    // A role that the user brings is never written to.
    let brought = manifest.replace(
        "project =",
        "role = { arn = \"arn:aws:iam::123456789012:role/theirs\" }\nproject =",
    );
    let refused = policy(&brought, &["--only", "execution"]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(
        refused
            .stderr
            .contains("`managed-policies` cannot be attached"),
        "{}",
        refused.stderr
    );
}

#[test]
fn without_only_every_document_of_every_agent_is_printed() {
    let answer = policy(MANIFEST, &["--output", "json"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let report: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(report["version"], 1);
    let kinds: Vec<String> = report["documents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| format!("{} {}", d["kind"].as_str().unwrap(), d["agents"]))
        .collect();
    // The deployer's policy comes in two parts, next to each other.
    assert_eq!(
        kinds,
        [
            r#"trust ["buyer","seller"]"#,
            r#"execution ["buyer"]"#,
            r#"execution ["seller"]"#,
            r#"boundary ["buyer","seller"]"#,
            r#"deployer ["buyer","seller"]"#,
            r#"deployer ["buyer","seller"]"#,
            r#"deployer-no-iam ["buyer","seller"]"#,
        ]
    );
    for document in report["documents"].as_array().unwrap() {
        for name in names(&document["document"]) {
            assert!(document["asked_by"][name].is_string(), "{name}: {document}");
        }
    }
    // Without a declared boundary the deployer could become an administrator.
    assert!(
        answer
            .stderr
            .contains("warning: anyone with the deployer policy")
    );
}

#[test]
fn flags_win_over_the_metadata_and_several_regions_share_the_trust_policy() {
    let flags = [
        "--account",
        "210987654321",
        "--region",
        "eu-west-1",
        "--region",
        "us-east-1",
    ];
    let trust = policy(MANIFEST, &[&["--only", "trust"], &flags[..]].concat());
    let document: Value = serde_json::from_str(&trust.stdout).unwrap();
    assert_eq!(
        document["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"],
        serde_json::json!([
            "arn:aws:bedrock-agentcore:eu-west-1:210987654321:*",
            "arn:aws:bedrock-agentcore:us-east-1:210987654321:*"
        ])
    );
    let execution = policy(MANIFEST, &[&["--only", "execution"], &flags[..]].concat());
    let documents = serde_json::Deserializer::from_str(&execution.stdout).into_iter::<Value>();
    assert_eq!(documents.map(Result::unwrap).count(), 4);
    assert!(!execution.stdout.contains("us-west-2") && !execution.stdout.contains("123456789012"));
}

#[test]
fn what_is_not_known_is_a_placeholder_and_one_note_says_so() {
    let bare = MANIFEST.replace("region = \"us-west-2\"\naccount = \"123456789012\"\n", "");
    let answer = policy(&bare, &["--only", "trust,boundary"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(
        answer
            .stdout
            .contains("arn:aws:bedrock-agentcore:REGION:ACCOUNT_ID:*")
    );
    assert_eq!(
        answer.stderr.matches("note:").count(),
        1,
        "{}",
        answer.stderr
    );
}

#[test]
fn regions_of_two_partitions_are_refused() {
    let answer = policy(MANIFEST, &["--region", "us-west-2,us-gov-west-1"]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer
            .stderr
            .contains("error: `us-west-2` and `us-gov-west-1` belong to different partitions"),
        "{}",
        answer.stderr
    );
}

#[test]
fn a_boundary_that_iam_would_refuse_is_an_error_where_it_was_asked_for() {
    let many: Vec<String> = (0..40)
        .map(|number| {
            format!(
                "[workspace.metadata.agentcore.agents.one_of_many_agents_{number}]\nsource = \"s{number}\"\ndeployment = \"d{number}\"\n"
            )
        })
        .collect();
    let long = format!("{MANIFEST}{}", many.concat());
    let asked = policy(&long, &["--only", "boundary"]);
    assert_eq!(asked.code, Some(3), "{}", asked.stderr);
    assert!(
        asked.stderr.contains("error: the permissions boundary has"),
        "{}",
        asked.stderr
    );
    assert!(asked.stderr.contains("in `LogStreams`"), "{}", asked.stderr);
    let all = policy(&long, &[]);
    assert_eq!(all.code, Some(0), "{}", all.stderr);
    assert!(
        all.stderr.contains("warning: the permissions boundary has"),
        "{}",
        all.stderr
    );
}

#[test]
fn a_deployers_document_that_iam_would_refuse_comes_in_parts() {
    let further: Vec<String> = (0..8)
        .map(|n| {
            format!(
                "[workspace.metadata.agentcore.agents.further_agent_{n}]\nsource = \"further_{n}\"\n\
                 deployment = \"deployment_{n}\"\n"
            )
        })
        .collect();
    let further = further.concat();
    let answer = policy(
        &format!("{MANIFEST}{further}"),
        &["--only", "deployer", "--output", "json"],
    );
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let report: Value = serde_json::from_str(&answer.stdout).unwrap();
    let parts = report["documents"].as_array().unwrap();
    assert!(parts.len() > 1, "{report:#}");
    let mut sids = Vec::new();
    let mut allowed = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        assert_eq!(
            (part["part"].as_u64(), part["parts"].as_u64()),
            (Some(at as u64 + 1), Some(parts.len() as u64))
        );
        let characters = part["document"]
            .to_string()
            .replace(char::is_whitespace, "");
        assert!(characters.len() <= 6144, "{part:#}");
        sids.extend(names(&part["document"]).iter().map(|sid| (*sid).to_owned()));
        allowed.extend(actions(&part["document"]));
    }
    let alone = policy(
        MANIFEST,
        &["--only", "deployer", "--agent", "buyer", "--output", "json"],
    );
    let alone: Value = serde_json::from_str(&alone.stdout).unwrap();
    for action in actions(&alone["documents"][0]["document"]) {
        assert!(allowed.contains(&action), "{action} in {allowed:?}");
    }
    let count = sids.len();
    sids.sort();
    sids.dedup();
    assert_eq!(sids.len(), count, "no statement stands in two parts");
}
