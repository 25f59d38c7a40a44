//! Everything that a table can declare reaches the role, follows changes, and is removed by
//! `clean`.

use serde_json::{Value, json};

use super::{
    status_of_code::status,
    support::{
        Emulator, Ministack, Project, boto3, listing,
        runtimes::{project, run, says},
    },
};

const PERMISSIONS: [&str; 8] = [
    r#"{ inference-profile = "a1b2c3d4e5f6" }"#,
    r#"{ knowledge-base = "KB12345678" }"#,
    r#"{ dynamodb = "orders", access = "read" }"#,
    r#"{ ssm = "/app/*" }"#,
    r#"{ sqs = "jobs.fifo", access = "receive" }"#,
    r#"{ sns = "arn:aws:sns:eu-west-1:210987654321:news" }"#,
    r#"{ lambda = "resize:live" }"#,
    r#"{ allow = ["rds-data:ExecuteStatement"], on = ["arn:aws:rds:us-east-1:210987654321:cluster:reports"] }"#,
];

/// Declares these permissions and managed policies for the agent.
fn declare(project: &Project, permissions: &[&str], policies: &[&str]) {
    let text = project.read("Cargo.toml");
    let lines = text.lines().filter(|line| {
        !["permissions = ", "managed-policies = ", "callers = "]
            .iter()
            .any(|key| line.starts_with(key))
    });
    let keys = format!(
        "source = \"one\"\npermissions = [{}]\nmanaged-policies = {policies:?}\ncallers = [\"arn:aws:iam::210987654321:root\"]",
        permissions.join(", ")
    );
    let lines: Vec<&str> = lines
        .map(|line| {
            if line == "source = \"one\"" {
                keys.as_str()
            } else {
                line
            }
        })
        .collect();
    project.write("Cargo.toml", lines.join("\n"));
}

/// Returns the only role, as in IAM.
fn role(emulator: &Emulator) -> Value {
    let listing = listing(emulator);
    let roles = listing["roles"].as_object().unwrap();
    assert_eq!(roles.len(), 1, "{listing}");
    roles.values().next().unwrap().clone()
}

/// Returns the actions and resources of a statement.
fn statement<'r>(role: &'r Value, sid: &str) -> Option<(&'r Value, &'r Value)> {
    let statements = role["inline"]["AgentCore-us-east-1"]["Statement"]
        .as_array()
        .unwrap();
    let found = statements
        .iter()
        .find(|statement| statement["Sid"] == sid)?;
    Some((&found["Action"], &found["Resource"]))
}

fn is_settled(project: &Project, emulator: &Emulator) {
    run(project, emulator, &["deploy", "--check"]).succeeds();
    let agent = status(project, emulator);
    assert_eq!(agent["equal"], true, "{agent}");
}

#[test]
fn what_is_declared_is_written_changed_and_taken_away_again() {
    let emulator = Ministack::start();
    let project = project();
    project.write("deployment/requirements.txt", "");
    let empty = listing(&emulator);
    let account = emulator.account();
    let own = format!("arn:aws:iam::{account}:policy/Reports");
    let of_aws = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    declare(&project, &PERMISSIONS, &["Reports", of_aws]);
    let planned = run(&project, &emulator, &["deploy", "--dry-run"]).succeeds();
    says(
        &planned,
        &[&format!(
            "attach policy `{of_aws}` to role `AgentCoreRole-one`"
        )],
    );
    says(
        &planned,
        &["callers: (not set) -> arn:aws:iam::210987654321:root"],
    );
    assert_eq!(listing(&emulator), empty);

    run(&project, &emulator, &["deploy"]).succeeds();
    is_settled(&project, &emulator);
    let made = role(&emulator);
    assert_eq!(made["attached"], json!([own, of_aws]));
    let here =
        |service: &str, resource: &str| format!("arn:aws:{service}:us-east-1:{account}:{resource}");
    for (sid, action, resource) in [
        (
            "KnowledgeBaseKB12345678",
            json!("bedrock:Retrieve"),
            json!(here("bedrock", "knowledge-base/KB12345678")),
        ),
        (
            "DynamoDbIndexesOrders",
            json!(["dynamodb:PartiQLSelect", "dynamodb:Query", "dynamodb:Scan"]),
            json!(here("dynamodb", "table/orders/index/*")),
        ),
        (
            "SsmPathApp",
            json!("ssm:GetParametersByPath"),
            json!([here("ssm", "parameter/app"), here("ssm", "parameter/app/*")]),
        ),
        (
            "SnsPublishNews",
            json!("sns:Publish"),
            json!("arn:aws:sns:eu-west-1:210987654321:news"),
        ),
        (
            "LambdaResizeLive",
            json!("lambda:InvokeFunction"),
            json!(here("lambda", "function:resize:live")),
        ),
        (
            "AllowRdsDataExecuteStatement",
            json!("rds-data:ExecuteStatement"),
            json!("arn:aws:rds:us-east-1:210987654321:cluster:reports"),
        ),
    ] {
        assert_eq!(
            statement(&made, sid),
            Some((&action, &resource)),
            "{sid}: {made}"
        );
    }

    // One is changed, one removed, and one is new and broad.
    let mut changed = PERMISSIONS.to_vec();
    changed[2] = r#"{ dynamodb = "orders", access = "read-write" }"#;
    changed[5] = r#"{ allow = ["textract:DetectDocumentText"], on = ["*"], reason = "Textract knows no resources" }"#;
    declare(&project, &changed, &["Reports"]);
    let agent = status(&project, &emulator);
    assert_eq!(agent["equal"], false, "{agent}");
    let checked = run(&project, &emulator, &["prepare", "--check"]).exits(5);
    says(
        &checked,
        &[
            &format!("detach policy `{of_aws}` from role `AgentCoreRole-one`"),
            "update policy `AgentCore-us-east-1` of role `AgentCoreRole-one`",
        ],
    );
    let prepared = run(&project, &emulator, &["prepare"]).succeeds();
    says(
        &prepared,
        &[
            "note: `one` is allowed `textract:DetectDocumentText` on `*`: Textract knows no resources",
        ],
    );
    let now = role(&emulator);
    assert_eq!(now["attached"], json!([own]));
    assert_eq!(statement(&now, "SnsPublishNews"), None);
    assert_eq!(statement(&now, "DynamoDbReadOrders"), None);
    let (actions, _) = statement(&now, "DynamoDbReadWriteOrders").unwrap();
    assert!(
        actions
            .as_array()
            .unwrap()
            .contains(&json!("dynamodb:PutItem")),
        "{actions}"
    );
    is_settled(&project, &emulator);

    // A policy attached by another person is reported, and stays until it is detached.
    boto3(
        &emulator,
        "client('iam').attach_role_policy(RoleName='AgentCoreRole-one', PolicyArn='arn:aws:iam::aws:policy/ReadOnlyAccess')",
    );
    let foreign = run(&project, &emulator, &["prepare", "--check"]).exits(5);
    says(
        &foreign,
        &["that the metadata does not declare: `arn:aws:iam::aws:policy/ReadOnlyAccess`"],
    );
    run(&project, &emulator, &["clean", "--yes"]).exits(1);
    assert_eq!(
        role(&emulator)["attached"],
        json!(["arn:aws:iam::aws:policy/ReadOnlyAccess"])
    );
    boto3(
        &emulator,
        "client('iam').detach_role_policy(RoleName='AgentCoreRole-one', PolicyArn='arn:aws:iam::aws:policy/ReadOnlyAccess')",
    );
    run(&project, &emulator, &["clean", "--yes"]).succeeds();
    assert_eq!(listing(&emulator), empty);
}
