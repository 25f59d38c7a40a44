//! Settings in the agent's table that are derived from the code.

use crate::support::{Cli, Project};

const SHOP: &str = r#"import os

import boto3
from bedrock_agentcore import BedrockAgentCoreApp
from bedrock_agentcore.memory import MemoryClient
from bedrock_agentcore.tools.code_interpreter_client import code_session

from prices import price

app = BedrockAgentCoreApp()
MODEL = os.getenv("MODEL_ID", "us.anthropic.claude-sonnet-4-6")
SETTINGS = "settings/models.yaml"
KEY = os.environ["SEARCH_API_KEY"]
TOPIC = os.environ["TOPIC"]
memory = MemoryClient()


@app.entrypoint
def invoke(payload, context):
    tenant = context.request_headers.get("X-Tenant")
    memory.create_event(memory_id=os.environ["MEMORY_ID"], actor_id=tenant)
    boto3.client("s3").put_object(Bucket="reports", Key="x", Body=b"")
    with code_session("us-west-2") as session:
        session.invoke("executeCode", {})
    return price(payload)


app.run()
"#;

const PRICES: &str = r#"import boto3

table = boto3.resource("dynamodb").Table("prices")


def price(item):
    return table.get_item(Key={"id": item["id"]})
"#;

/// Reports what runs before a snapshot, with its line, but not what a request does.
#[test]
fn what_the_sessions_of_a_snapshot_would_share_is_noted() {
    let project = Project::new();
    project.write(
        "agent.py",
        SHOP.replace(
            "MODEL =",
            "import uuid\nINSTANCE = str(uuid.uuid4())\nMODEL =",
        )
        .replace("    return price", "    uuid.uuid4()\n    return price"),
    );
    project.write(
        "prices.py",
        format!("import time\n{PRICES}\nLOADED = time.time()\n"),
    );
    let init = Cli::new(&project).args(["init", "--yes"]).run().succeeds();
    for (what, place) in [
        (
            "note: the code creates an ID before the first request\n",
            "agent.py:12:16",
        ),
        (
            "note: the code takes the time before the first request\n",
            "prices.py:10:10",
        ),
    ] {
        let (_, rest) = init.stderr.split_once(what).expect(&init.stderr);
        let arrow = rest.lines().find(|line| line.contains("-->")).unwrap();
        assert!(arrow.ends_with(place), "{arrow}");
    }
    assert_eq!(
        init.stderr.matches("Runtime V2").count(),
        2,
        "{}",
        init.stderr
    );
}

/// Creates an agent in the project's directory.
fn shop() -> Project {
    let project = Project::new();
    project.write("agent.py", SHOP);
    project.write("prices.py", PRICES);
    project.write(
        "settings/models.yaml",
        "fast: bedrock/us.amazon.nova-lite-v1:0 # cheap\n",
    );
    // Nothing loads it.
    project.write(
        "old.py",
        "MODEL = 'us.anthropic.claude-3-haiku-20240307-v1:0'\n",
    );
    project.write(
        "Dockerfile",
        "FROM python:3.13\nENV LOG_LEVEL=info PYTHONUNBUFFERED=1\n",
    );
    project.write("requirements.txt", "");
    project
}

fn init(project: &Project, words: &[&str]) -> String {
    let cli = Cli::new(project).args(["init", "--yes", "--name", "shop", "--region", "us-east-1"]);
    cli.args(words).run().succeeds().stderr
}

fn table(project: &Project) -> String {
    let manifest = project.read("Cargo.toml");
    let (_, table) = manifest.split_once("agents.shop]\n").unwrap();
    table.to_owned()
}

#[test]
fn the_code_fills_in_the_table_and_what_it_leaves_open_is_a_comment() {
    let project = shop();
    let said = init(&project, &[]);
    for found in [
        "Found model `us.anthropic.claude-sonnet-4-6` (agent.py:11)\n",
        "Found model `us.amazon.nova-lite-v1:0` (settings/models.yaml:1)\n",
        "Found permission to read and write S3 objects `arn:aws:s3:::reports/*` (agent.py:22)\n",
        "Found permission to use AWS's shared code interpreter (agent.py:23)\n",
        "Found permission to read DynamoDB table `prices` (prices.py:3)\n",
        "Found use of a memory (agent.py:21)\n",
        "Found header `X-Tenant` (agent.py:20)\n",
        "Found variable `LOG_LEVEL` (Dockerfile:2)\n",
        "Found variable `TOPIC` (agent.py:14)\n",
    ] {
        assert!(said.contains(found), "{found}{said}");
    }
    assert_eq!(
        table(&project),
        r#"source = "."
layout = "flat"
entrypoint = "agent.py"
models = ["us.amazon.nova-lite-v1:0", "us.anthropic.claude-sonnet-4-6"]
permissions = ["code-interpreter", { s3 = "arn:aws:s3:::reports/*", access = "read-write" }, { dynamodb = "prices", access = "read" }]
header-allowlist = ["X-Tenant"]
env = { LOG_LEVEL = "info" }
# Also used by the code; complete these and add them to the keys above:
#   permissions: { memory = "ID" } (agent.py:21, named by MEMORY_ID)
#   env: TOPIC = "" (agent.py:14)
#   env: MEMORY_ID = "" (agent.py:21)
#   SEARCH_API_KEY (agent.py:13): a secret belongs in AWS Secrets Manager, with { secret = "ARN" } in permissions
"#
    );
    let package = Cli::new(&project)
        .args(["package", "--force"])
        .run()
        .succeeds();
    let warnings: Vec<&str> = package
        .stderr
        .lines()
        .filter(|line| line.starts_with("warning: the code"))
        .collect();
    assert_eq!(
        warnings,
        ["warning: the code of agent `shop` uses a memory, which `permissions` does not allow"]
    );
}

#[test]
fn options_take_the_place_of_what_is_found() {
    let project = shop();
    init(
        &project,
        &["--model", "amazon.nova-pro-v1:0", "--permission", "browser"],
    );
    let table = table(&project);
    for line in [
        "models = [\"amazon.nova-pro-v1:0\"]",
        "permissions = [\"browser\"]",
    ] {
        assert!(
            table.lines().any(|found| found == line),
            "{line} in {table}"
        );
    }
    assert!(!table.contains("memory"), "{table}");
}

#[test]
fn package_names_the_line_and_the_entry_that_the_table_lacks() {
    let project = shop();
    init(&project, &[]);
    let manifest = project.read("Cargo.toml");
    let without: Vec<&str> = manifest
        .lines()
        .filter(|line| {
            !["models", "permissions", "header"]
                .iter()
                .any(|key| line.starts_with(key))
        })
        .collect();
    project.write("Cargo.toml", without.join("\n"));
    let said = Cli::new(&project)
        .args(["package", "--force"])
        .run()
        .succeeds()
        .stderr;
    for (what, place, help) in [
        (
            "names the model `us.anthropic.claude-sonnet-4-6`, which `models` does not list",
            "agent.py:11:",
            "add `\"us.anthropic.claude-sonnet-4-6\"` to `models`",
        ),
        (
            "uses the S3 bucket `reports`, which `permissions` does not allow",
            "agent.py:22:",
            "add `{ s3 = \"arn:aws:s3:::reports/*\", access = \"read-write\" }` to `permissions`",
        ),
        (
            "uses the DynamoDB table `prices`, which `permissions` does not allow",
            "prices.py:3:",
            "add `{ dynamodb = \"prices\", access = \"read\" }` to `permissions`",
        ),
        (
            "reads the header `X-Tenant`, which `header-allowlist` does not list",
            "agent.py:20:",
            "add `\"X-Tenant\"` to `header-allowlist`",
        ),
    ] {
        let from = said.find(what).unwrap_or_else(|| panic!("{what}: {said}"));
        let message = said[from..].split("warning:").next().unwrap();
        assert!(
            message.contains(place) && message.contains(help),
            "{message}"
        );
    }
    assert!(!said.contains("haiku"), "{said}");
    let document = Cli::new(&project)
        .args(["package", "--force", "--output", "json"])
        .run()
        .succeeds();
    let document: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
    assert!(
        document["warnings"]
            .to_string()
            .contains("reads the header `X-Tenant`"),
        "{document}"
    );
}
