//! Deleted runtimes and concurrent runs: the next run converges.

use serde_json::Value;

use super::{deploy, deploy_json, project, writes};
use crate::support::{Cli, Ministack, Moto, Project, Proxy, boto3};

#[test]
fn a_runtime_that_was_deleted_behind_our_back_is_made_again_with_a_notice() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = project();
        let first = deploy_json(&project, &emulator, &[]);
        let id = first["runtime"]["id"].as_str().unwrap();
        boto3(
            &emulator,
            &format!(
                "client('bedrock-agentcore-control').delete_agent_runtime(agentRuntimeId='{id}')"
            ),
        );
        let again = deploy(&project, &emulator).succeeds();
        assert!(
            again.stderr.contains(&format!(
                "the runtime `{id}` of agent `one` no longer exists"
            )),
            "{}",
            again.stderr
        );
        assert!(again.stderr.contains("Creating"), "{}", again.stderr);
        let third = deploy(&project, &emulator).succeeds();
        assert!(third.stderr.contains("Unchanged"), "{}", third.stderr);
        assert!(!third.stderr.contains("deleted"), "{}", third.stderr);
    }
}

#[test]
fn two_deploys_at_once_make_one_runtime() {
    let emulator = Ministack::start();
    let project = project();
    let start = || Cli::new(&project).on(&emulator).arg("deploy").start();
    let (one, two) = (start(), start());
    let (one, two) = (one.wait().succeeds(), two.wait().succeeds());
    assert_eq!(one.stdout, two.stdout);
    let count = boto3(
        &emulator,
        "print(len(client('bedrock-agentcore-control').list_agent_runtimes()['agentRuntimes']))",
    );
    assert_eq!(count.trim(), "1");
}

/// Two machines share no lock, so the second one finds the name taken.
#[test]
fn a_deploy_from_another_machine_at_the_same_time_is_no_obstacle() {
    let emulator = Ministack::start();
    let (here, there) = (project(), project());
    let start = |project: &Project| Cli::new(project).on(&emulator).arg("deploy").start();
    let (one, two) = (start(&here), start(&there));
    let (one, two) = (one.wait().succeeds(), two.wait().succeeds());
    assert_eq!(one.stdout, two.stdout);
    for project in [&here, &there] {
        let again = deploy(project, &emulator).succeeds();
        assert!(again.stderr.contains("Unchanged"), "{}", again.stderr);
    }
}

/// A runtime that the Python toolkit made with our role is adopted, not recreated.
#[test]
fn a_runtime_that_uses_our_role_is_taken_on() {
    let emulator = Moto::start();
    let project = project();
    Cli::new(&project)
        .on(&emulator)
        .arg("prepare")
        .run()
        .succeeds();
    let id = boto3(
        &emulator,
        r"
r = client('bedrock-agentcore-control').create_agent_runtime(
    agentRuntimeName='one', roleArn=f'arn:aws:iam::{account}:role/AgentCoreRole-one',
    agentRuntimeArtifact={'codeConfiguration': {'code': {'s3': {'bucket': 'theirs', 'prefix': 'one/deployment.zip'}}, 'runtime': 'PYTHON_3_12', 'entryPoint': ['invoke.py']}},
    networkConfiguration={'networkMode': 'PUBLIC'})
print(r['agentRuntimeId'])
",
    );
    let done = deploy_json(&project, &emulator, &[]);
    assert_eq!(done["runtime"]["id"], id.trim());
    assert_eq!(done["did"], "updated");
    let changes = done["changes"].as_array().unwrap();
    let updated = changes.iter().find(|one| one["kind"] == "runtime").unwrap();
    let fields: Vec<&str> = updated["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|change| change["field"].as_str())
        .collect();
    assert!(
        fields.contains(&"runtime") && fields.contains(&"code"),
        "{fields:?}"
    );
    assert_eq!(deploy_json(&project, &emulator, &[])["did"], "unchanged");
}

#[test]
fn a_role_that_was_brought_is_never_written_and_its_runtime_is_found_again() {
    for emulator in [Ministack::start(), Moto::start()] {
        boto3(
            &emulator,
            r#"
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:SourceAccount": account}}}]}
client("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument=json.dumps(trust))
"#,
        );
        let arn = format!("arn:aws:iam::{}:role/theirs", emulator.account());
        let project = Project::new()
            .metadata(&format!(
                "region = \"us-east-1\"\nrole = {{ arn = \"{arn}\" }}"
            ))
            .agent("one");
        project.write("deployment/requirements.txt", "");
        let proxy = Proxy::to(&emulator);
        let run = || -> Value {
            let outcome = Cli::new(&project)
                .at(&proxy.url())
                .args(["deploy", "--output", "json"])
                .run()
                .succeeds();
            outcome.json()["agents"][0].clone()
        };
        assert_eq!(run()["did"], "created");
        assert_eq!(run()["did"], "unchanged");
        let iam: Vec<String> = proxy
            .actions()
            .into_iter()
            .filter(|action| action.starts_with("iam:"))
            .collect();
        assert_eq!(writes(&iam), Vec::<&String>::new());
    }
}
