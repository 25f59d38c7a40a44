//! `status` compares the execution role with the metadata.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    status_of_code::{deployed, status},
    support::{
        Cli, Emulator, Fault, Moto, Project, Proxy, Times, boto3,
        runtimes::{project, run, says},
    },
};

const NAMES: &str = r"
iam, role, policy = client('iam'), 'AgentCoreRole-one', 'AgentCore-us-east-1'

def policies(key, value):
    statement = {'Effect': 'Allow', 'Action': 'sts:AssumeRole', key: value}
    return json.dumps({'Version': '2012-10-17', 'Statement': [statement]})

";

/// Changes to the role, and the steps that are reported.
const DONE: [(&str, &[&str]); 4] = [
    (
        "iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=policies('Resource', '*'))",
        &["update policy `AgentCore-us-east-1` of role `AgentCoreRole-one`"],
    ),
    (
        "iam.delete_role_policy(RoleName=role, PolicyName=policy)",
        &["add policy `AgentCore-us-east-1` to role `AgentCoreRole-one`"],
    ),
    (
        "iam.update_assume_role_policy(RoleName=role, PolicyDocument=policies('Principal', {'Service': 'lambda.amazonaws.com'}))",
        &["update trust policy of role `AgentCoreRole-one`"],
    ),
    (
        "iam.delete_role_policy(RoleName=role, PolicyName=policy); iam.delete_role(RoleName=role)",
        &[
            "create role `AgentCoreRole-one`",
            "add policy `AgentCore-us-east-1` to role `AgentCoreRole-one`",
        ],
    ),
];

fn on_moto() -> (Project, Emulator) {
    let emulator = Moto::start();
    let project = project();
    project.write("deployment/requirements.txt", "");
    run(&project, &emulator, &["deploy"]).succeeds();
    (project, emulator)
}

#[test]
fn a_role_that_is_gone_or_altered_is_a_difference_until_it_is_prepared_again() {
    for (project, emulator) in [deployed(), on_moto()] {
        for (done, steps) in DONE {
            let agent = status(&project, &emulator);
            assert_eq!(agent["equal"], true, "{agent}");
            boto3(&emulator, &format!("{NAMES}{done}"));
            let agent = status(&project, &emulator);
            let step = |after: &&str| json!({ "field": "role", "change": "changed", "before": null, "after": after });
            let last = steps.last().unwrap();
            let steps: Vec<Value> = steps.iter().map(step).collect();
            assert_eq!(
                (&agent["equal"], &agent["differences"]),
                (&json!(false), &json!(steps)),
                "{done}"
            );
            let text = run(&project, &emulator, &["status"]).succeeds();
            says(&text, &["here differs", &format!("role: {last}")]);
            assert!(
                !text.stdout.contains("matches what is deployed"),
                "{}",
                text.stdout
            );
            // A check that goes further has the same result.
            run(&project, &emulator, &["prepare", "--check"]).exits(5);
            run(&project, &emulator, &["prepare"]).succeeds();
        }
        assert_eq!(status(&project, &emulator)["equal"], true);
    }
}

#[test]
fn a_role_that_was_brought_is_a_difference_where_it_is_gone_or_agentcore_may_not_assume_it() {
    let (project, emulator) = deployed();
    let arn = format!("arn:aws:iam::{}:role/theirs", emulator.account());
    let text = project.read("Cargo.toml");
    let region = "region = \"us-east-1\"\n";
    project.write(
        "Cargo.toml",
        text.replacen(
            region,
            &format!("{region}role = {{ arn = \"{arn}\" }}\n"),
            1,
        ),
    );
    let said = |part: &str| {
        let agent = status(&project, &emulator);
        let differences = agent["differences"].as_array().unwrap().iter();
        let before: Vec<&str> = differences
            .filter_map(|one| one["before"].as_str())
            .collect();
        assert!(before.iter().any(|before| before.contains(part)), "{agent}");
    };
    said(&format!("there is no role `{arn}`"));
    boto3(
        &emulator,
        "client('iam').create_role(RoleName='theirs', AssumeRolePolicyDocument='{\"Version\":\"2012-10-17\",\"Statement\":[]}')",
    );
    said(&format!("AgentCore cannot assume the role `{arn}`"));
}

#[test]
fn a_role_that_may_not_be_read_is_said_and_is_neither_equal_nor_an_error() {
    let (project, emulator) = deployed();
    let status = |proxy: &Proxy, words: &[&str]| {
        let cli = Cli::new(&project).at(&proxy.url()).arg("status");
        cli.args(words).run().succeeds()
    };
    for action in ["iam:GetRole", "iam:ListRolePolicies", "iam:GetRolePolicy"] {
        let proxy = Proxy::to(&emulator);
        proxy.fault(action, Times::Always, Fault::denied());
        let agent = status(&proxy, &["--output", "json"]).json()["agents"][0].clone();
        assert_eq!(
            (
                &agent["equal"],
                &agent["code"],
                &agent["differences"],
                &agent["ours"]
            ),
            (&Value::Null, &json!("equal"), &json!([]), &json!(true)),
            "{action}"
        );
        let text = status(&proxy, &[]);
        says(
            &text,
            &[
                &format!("note: the role of `one` was not compared: `{action}` on"),
                "matches what is deployed; the role was not compared: reading it is not permitted",
            ],
        );
    }
    run(&project, &emulator, &["clean", "--yes"]).succeeds();
    let proxy = Proxy::to(&emulator);
    proxy.fault("iam:GetRole", Times::Always, Fault::denied());
    let absent = status(&proxy, &["--output", "json"]);
    assert_eq!(absent.json()["agents"][0]["state"], "not-deployed");
    says(&absent, &["note: the role of `one` was not compared"]);
}

/// The roles and the endpoints of all agents are read concurrently.
#[test]
fn the_role_is_read_beside_what_else_is_read_and_agents_beside_each_other() {
    let (project, emulator) = deployed();
    let status = |project: &Project, proxy: &Proxy| {
        let cli = Cli::new(project).at(&proxy.url());
        cli.arg("status").run().succeeds();
    };
    let proxy = Proxy::to(&emulator);
    status(&project, &proxy);
    let mut asked = proxy.actions();
    asked.sort();
    let expected = [
        "bedrock-agentcore:GetAgentRuntime",
        "bedrock-agentcore:ListAgentRuntimeEndpoints",
        "bedrock-agentcore:ListAgentRuntimes",
        "bedrock-agentcore:ListTagsForResource",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListRolePolicies",
        "s3:GetObject",
        "sts:GetCallerIdentity",
    ];
    assert_eq!(asked, expected);

    let project = project.agent("two");
    let delay = Duration::from_secs(5);
    for action in [
        "bedrock-agentcore:ListAgentRuntimeEndpoints",
        "iam:ListRolePolicies",
        "iam:GetRolePolicy",
    ] {
        proxy.fault(action, Times::Always, Fault::Late(delay));
    }
    let start = std::time::Instant::now();
    status(&project, &proxy);
    let all = start.elapsed();
    assert!(all >= delay && all < delay * 2, "{all:?}");
}
