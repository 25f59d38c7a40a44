//! What goes wrong on the way: kills at every request, faults of AWS, missing permissions, bad input
//! and a disk that refuses. Each shows its message, its exit code, and that the next run converges.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod support;

use std::collections::BTreeSet;

use support::{
    Cli, Emulator, Ministack, Outcome, Project, boto3,
    faults::{Fault, Times},
    listing,
    proxy::{Moment, Proxy},
};

/// Roles, objects and runtimes as the toolkit would leave them, so that `clean` has something to do.
const DEPLOYED: &str = r#"
role = f"arn:aws:iam::{account}:role/AgentCoreRole-one"
bucket = f"bedrock-agentcore-codebuild-sources-{account}-us-east-1"
client("s3").create_bucket(Bucket=bucket)
client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
for body in (b"1", b"2"):
    client("s3").put_object(Bucket=bucket, Key="one/deployment.zip", Body=body)
client("ecr").create_repository(repositoryName="bedrock-agentcore-one")
control = client("bedrock-agentcore-control")
runtime = control.create_agent_runtime(
    agentRuntimeName="one",
    roleArn=role,
    agentRuntimeArtifact={"codeConfiguration": {"code": {"s3": {"bucket": bucket, "prefix": "one/deployment.zip"}}, "runtime": "PYTHON_3_13", "entryPoint": ["invoke.py"]}},
    networkConfiguration={"networkMode": "PUBLIC"},
)
control.create_agent_runtime_endpoint(agentRuntimeId=runtime["agentRuntimeId"], name="prod")
client("logs").create_log_group(logGroupName=f"/aws/bedrock-agentcore/runtimes/{runtime['agentRuntimeId']}-DEFAULT")
print(runtime["agentRuntimeId"])
"#;

fn project() -> Project {
    Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
}

fn prepare(project: &Project, emulator: &Emulator) -> Outcome {
    Cli::new(project).on(emulator).arg("prepare").run()
}

/// Deploys as the toolkit does, its file included.
fn deploy(project: &Project, emulator: &Emulator) {
    prepare(project, emulator).succeeds();
    let id = boto3(emulator, DEPLOYED);
    let account = emulator.account();
    project.write(
        ".bedrock_agentcore.yaml",
        format!(
            "default_agent: one\nagents:\n  one:\n    name: one\n    aws:\n      execution_role: arn:aws:iam::{account}:role/AgentCoreRole-one\n      account: '{account}'\n      region: us-east-1\n      ecr_repository: {account}.dkr.ecr.us-east-1.amazonaws.com/bedrock-agentcore-one\n    bedrock_agentcore:\n      agent_id: {}\n",
            id.trim()
        ),
    );
}

#[test]
fn prepare_killed_at_any_request_converges_at_the_next_run() {
    let emulator = Ministack::start();
    for moment in [Moment::Before, Moment::After] {
        for n in 1.. {
            let project = project();
            let proxy = Proxy::to(&emulator);
            let before = listing(&emulator);
            let killed = proxy.kill_at(Cli::new(&project).arg("prepare"), n, moment);
            prepare(&project, &emulator).succeeds();
            let again = prepare(&project, &emulator).succeeds();
            assert!(
                again.stderr.contains("Unchanged"),
                "{moment:?} {n}: {}",
                again.stderr
            );
            Cli::new(&project)
                .on(&emulator)
                .args(["clean", "--yes"])
                .run()
                .succeeds();
            assert_eq!(listing(&emulator), before, "{moment:?} {n}");
            if killed.is_err() {
                assert!(n > 5, "a first prepare has at least five requests");
                break;
            }
        }
    }
}

#[test]
fn clean_killed_at_any_request_is_finished_by_the_next_run() {
    for moment in [Moment::Before, Moment::After] {
        let emulator = Ministack::start();
        for n in 1.. {
            let project = project();
            let before = listing(&emulator);
            deploy(&project, &emulator);
            let proxy = Proxy::to(&emulator);
            let killed = proxy.kill_at(
                Cli::new(&project).args(["clean", "--yes", "--logs"]),
                n,
                moment,
            );
            let finished = Cli::new(&project)
                .on(&emulator)
                .args(["clean", "--yes", "--logs"])
                .run()
                .succeeds();
            let bucket = "client('s3').delete_bucket(Bucket=f'bedrock-agentcore-codebuild-sources-{account}-us-east-1')";
            boto3(&emulator, bucket);
            assert_eq!(
                listing(&emulator),
                before,
                "{moment:?} {n}: {}",
                finished.stderr
            );
            assert!(!project.has(".bedrock_agentcore.yaml"), "{moment:?} {n}");
            if killed.is_err() {
                assert!(n > 12, "a clean has many requests");
                break;
            }
        }
    }
}

#[test]
fn throttling_and_failures_of_the_service_are_retried_and_the_last_error_is_kept() {
    let emulator = Ministack::start();
    let project = project();
    let proxy = Proxy::to(&emulator);
    proxy.fault("iam:CreateRole", Times::First(2), Fault::throttled());
    proxy.fault("iam:PutRolePolicy", Times::First(2), Fault::unavailable());
    Cli::new(&project)
        .at(&proxy.url())
        .arg("prepare")
        .run()
        .succeeds();

    let stuck = Proxy::to(&emulator);
    stuck.fault("iam:GetRole", Times::Always, Fault::throttled());
    let outcome = Cli::new(&project)
        .at(&stuck.url())
        .arg("prepare")
        .run()
        .exits(1);
    assert!(
        outcome
            .stderr
            .contains("`iam:GetRole` on role `AgentCoreRole-one` failed"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("Throttling"), "{}", outcome.stderr);
}

#[test]
fn expired_and_denied_credentials_are_told_apart() {
    let emulator = Ministack::start();
    let project = project();
    for (fault, wanted) in [
        (Fault::expired(), "the AWS credentials have expired"),
        (
            Fault::denied(),
            "`iam:CreateRole` on role `AgentCoreRole-one` was denied",
        ),
    ] {
        let proxy = Proxy::to(&emulator);
        proxy.fault("iam:CreateRole", Times::Always, fault);
        let outcome = Cli::new(&project)
            .at(&proxy.url())
            .arg("prepare")
            .run()
            .exits(4);
        assert!(outcome.stderr.contains(wanted), "{}", outcome.stderr);
    }
}

#[test]
fn a_connection_that_is_cut_is_said_and_the_next_run_converges() {
    let emulator = Ministack::start();
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        let project = project();
        let proxy = Proxy::to(&emulator);
        proxy.fault("iam:PutRolePolicy", Times::Always, fault);
        let cut = Cli::new(&project)
            .at(&proxy.url())
            .arg("prepare")
            .run()
            .exits(1);
        assert!(
            cut.stderr.contains("Creating role"),
            "what was done is said: {}",
            cut.stderr
        );
        assert!(cut.stderr.contains("iam:PutRolePolicy"), "{}", cut.stderr);
        prepare(&project, &emulator).succeeds();
        assert!(
            prepare(&project, &emulator)
                .succeeds()
                .stderr
                .contains("Unchanged")
        );
        Cli::new(&project)
            .on(&emulator)
            .args(["clean", "--yes"])
            .run()
            .succeeds();
    }
}

#[test]
fn iam_that_takes_a_while_to_know_new_tags_is_waited_for() {
    let emulator = Ministack::start();
    let project = project();
    let proxy = Proxy::to(&emulator);
    proxy.fault("iam:PutRolePolicy", Times::First(2), Fault::denied());
    let outcome = Cli::new(&project)
        .at(&proxy.url())
        .arg("prepare")
        .run()
        .succeeds();
    assert!(
        outcome.stderr.contains("for IAM to know"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_unchanged_prepare_only_reads_and_only_once() {
    let emulator = Ministack::start();
    let project = project();
    prepare(&project, &emulator).succeeds();
    let proxy = Proxy::to(&emulator);
    Cli::new(&project)
        .at(&proxy.url())
        .arg("prepare")
        .run()
        .succeeds();
    let mut actions = proxy.actions();
    actions.sort();
    assert_eq!(
        actions,
        [
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "sts:GetCallerIdentity"
        ]
    );
}

#[test]
fn a_role_that_was_brought_is_read_and_never_written() {
    let emulator = Ministack::start();
    boto3(
        &emulator,
        r#"
import json
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:SourceAccount": account}}}]}
client("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument=json.dumps(trust))
"#,
    );
    let project = Project::new()
        .metadata(
            "region = \"us-east-1\"\nrole = { arn = \"arn:aws:iam::000000000000:role/theirs\" }",
        )
        .agent("one");
    let before = listing(&emulator);
    let proxy = Proxy::to(&emulator);
    let outcome = Cli::new(&project)
        .at(&proxy.url())
        .arg("prepare")
        .run()
        .succeeds();
    assert!(
        outcome
            .stdout
            .contains("--execution-role arn:aws:iam::000000000000:role/theirs")
    );
    assert_eq!(proxy.actions(), ["sts:GetCallerIdentity", "iam:GetRole"]);
    assert_eq!(listing(&emulator), before);
}

#[test]
fn what_prepare_and_clean_call_is_what_the_deployer_may_do() {
    let emulator = Ministack::start();
    let project = project();
    let proxy = Proxy::to(&emulator);
    Cli::new(&project)
        .at(&proxy.url())
        .arg("prepare")
        .run()
        .succeeds();
    let first: BTreeSet<String> = proxy.actions().into_iter().collect();
    boto3(&emulator, &format!("import os\n{DEPLOYED}"));
    // A changed policy, a changed tag and a changed trust policy are written again.
    boto3(
        &emulator,
        r#"
iam = client("iam")
iam.update_assume_role_policy(RoleName="AgentCoreRole-one", PolicyDocument='{"Version":"2012-10-17","Statement":[]}')
iam.untag_role(RoleName="AgentCoreRole-one", TagKeys=["team"])
"#,
    );
    project.write(
        "Cargo.toml",
        project.read("Cargo.toml").replace(
            "region = \"us-east-1\"",
            "region = \"us-east-1\"\ntags = { team = \"x\" }",
        ),
    );
    Cli::new(&project)
        .at(&proxy.url())
        .arg("prepare")
        .run()
        .succeeds();
    yaml(&project, &emulator);
    Cli::new(&project)
        .at(&proxy.url())
        .args(["clean", "--yes", "--logs"])
        .run()
        .succeeds();
    let used: BTreeSet<String> = proxy
        .actions()
        .into_iter()
        .filter(|action| action != "sts:GetCallerIdentity")
        .collect();
    assert!(first.is_subset(&used) || first.contains("sts:GetCallerIdentity"));

    let printed = Cli::new(&project)
        .args([
            "policy",
            "--only",
            "deployer",
            "--account",
            "000000000000",
            "--region",
            "us-east-1",
        ])
        .run()
        .succeeds();
    let document: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    let mut allowed = BTreeSet::new();
    for statement in document["Statement"].as_array().unwrap() {
        match &statement["Action"] {
            serde_json::Value::String(one) => drop(allowed.insert(one.clone())),
            many => allowed.extend(
                many.as_array()
                    .unwrap()
                    .iter()
                    .map(|a| a.as_str().unwrap().to_owned()),
            ),
        }
    }
    let missing: Vec<_> = used.difference(&allowed).collect();
    assert!(missing.is_empty(), "used and not printed: {missing:?}");
    // Not asked for by a request of this tool: handed over to the printed command, asked for by the
    // service itself when it deletes a runtime, or taken off an adopted role.
    let others: BTreeSet<&str> = BTreeSet::from([
        "iam:PassRole",
        "bedrock-agentcore:DeleteWorkloadIdentity",
        "iam:UntagRole",
        "ecr:BatchDeleteImage",
    ]);
    let unused: Vec<_> = allowed
        .difference(&used)
        .filter(|action| !others.contains(action.as_str()))
        .collect();
    assert!(unused.is_empty(), "printed and not used: {unused:?}");
}

/// The toolkit's file for what [`DEPLOYED`] made.
fn yaml(project: &Project, emulator: &Emulator) {
    let id = boto3(
        emulator,
        "print(client('bedrock-agentcore-control').list_agent_runtimes()['agentRuntimes'][0]['agentRuntimeId'])",
    );
    let account = emulator.account();
    project.write(
        ".bedrock_agentcore.yaml",
        format!(
            "default_agent: one\nagents:\n  one:\n    name: one\n    aws:\n      execution_role: arn:aws:iam::{account}:role/AgentCoreRole-one\n      account: '{account}'\n      region: us-east-1\n      ecr_repository: {account}.dkr.ecr.us-east-1.amazonaws.com/bedrock-agentcore-one\n    bedrock_agentcore:\n      agent_id: {}\n",
            id.trim()
        ),
    );
}

#[test]
fn with_exactly_the_printed_document_prepare_and_clean_succeed_and_less_is_denied_by_name() {
    let emulator = Ministack::start_with(&[("AUTH", "true")]);
    let project = project();
    let printed = Cli::new(&project)
        .args([
            "policy",
            "--only",
            "deployer",
            "--account",
            "000000000000",
            "--region",
            "us-east-1",
        ])
        .run()
        .succeeds();
    let document = printed.stdout.trim();
    let keys = boto3(
        &emulator,
        &format!(
            "iam = client('iam')\niam.create_user(UserName='deployer')\niam.put_user_policy(UserName='deployer', PolicyName='p', PolicyDocument='''{document}''')\nkey = iam.create_access_key(UserName='deployer')['AccessKey']\nprint(key['AccessKeyId'], key['SecretAccessKey'])"
        ),
    );
    let (id, secret) = keys.trim().split_once(' ').unwrap();
    let run = |words: &[&str]| {
        Cli::new(&project)
            .on(&emulator)
            .env("AWS_ACCESS_KEY_ID", id)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .args(words)
            .run()
    };
    run(&["prepare"]).succeeds();
    run(&["prepare", "--check"]).succeeds();
    run(&["clean", "--yes"]).succeeds();

    for action in [
        "iam:GetRole",
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "iam:ListRolePolicies",
        "iam:ListAttachedRolePolicies",
    ] {
        boto3(&emulator, &without(document, action));
        let denied = run(&["prepare"]).exits(4);
        assert!(
            denied.stderr.contains(action),
            "{action}: {}",
            denied.stderr
        );
        boto3(&emulator, &without(document, "-"));
        run(&["clean", "--yes"]).succeeds();
    }
    for action in [
        "iam:DeleteRole",
        "iam:DeleteRolePolicy",
        "iam:ListInstanceProfilesForRole",
        "logs:DescribeLogGroups",
        "s3:ListBucketVersions",
    ] {
        run(&["prepare"]).succeeds();
        let bucket = "client('s3').create_bucket(Bucket=f'bedrock-agentcore-codebuild-sources-{account}-us-east-1')\n";
        boto3(&emulator, &format!("{bucket}{}", without(document, action)));
        let denied = run(&["clean", "--yes"]).exits(4);
        assert!(
            denied.stderr.contains(action),
            "{action}: {}",
            denied.stderr
        );
        boto3(&emulator, &without(document, "-"));
        run(&["clean", "--yes"]).succeeds();
    }
}

/// Takes one action out of the deployer's document.
fn without(document: &str, action: &str) -> String {
    format!(
        r#"
import json
document = json.loads('''{document}''')
for statement in document["Statement"]:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    statement["Action"] = [a for a in actions if a != "{action}"] or ["none:None"]
client("iam").put_user_policy(UserName="deployer", PolicyName="p", PolicyDocument=json.dumps(document))
"#
    )
}

#[test]
fn two_runs_at_once_also_of_two_regions_end_as_one() {
    let emulator = Ministack::start();
    let project = project();
    let before = listing(&emulator);
    let regions = ["us-east-1", "eu-west-1", "us-east-1"];
    let runs: Vec<_> = regions
        .iter()
        .map(|region| {
            Cli::new(&project)
                .on(&emulator)
                .args(["prepare", "--region", region])
                .start()
        })
        .collect();
    for run in runs {
        run.wait().succeeds();
    }
    for region in regions {
        let again = Cli::new(&project)
            .on(&emulator)
            .args(["prepare", "--check", "--region", region])
            .run();
        again.succeeds();
    }
    Cli::new(&project)
        .on(&emulator)
        .args(["clean", "--yes", "--all-regions"])
        .run()
        .succeeds();
    assert_eq!(listing(&emulator), before);
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_written_is_named_and_nothing_is_made() {
    use std::os::unix::fs::PermissionsExt;
    let emulator = Ministack::start();
    let project = project();
    let before = listing(&emulator);
    // Made writable for the lock first: what refuses is the deployment folder.
    let deployment = project.path().join("deployment");
    std::fs::set_permissions(&deployment, std::fs::Permissions::from_mode(0o555)).unwrap();
    let refused = Cli::new(&project)
        .on(&emulator)
        .unprivileged()
        .arg("prepare")
        .run()
        .exits(1);
    std::fs::set_permissions(&deployment, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(
        refused.stderr.contains("deployment") && refused.stderr.contains("ermission denied"),
        "{}",
        refused.stderr
    );
    assert_eq!(listing(&emulator), before, "files come before the role");
}

#[test]
fn one_failure_does_not_hide_the_other_agents() {
    let emulator = Ministack::start();
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
        .agent("two");
    std::fs::remove_dir_all(project.path().join("two")).unwrap();
    let outcome = Cli::new(&project)
        .on(&emulator)
        .arg("prepare")
        .run()
        .exits(3);
    assert!(outcome.stdout.contains("--name one"), "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("the source `two` does not exist"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn credentials_region_and_account_that_are_missing_or_wrong_are_said() {
    let emulator = Ministack::start();
    let project = project();
    let none = Cli::new(&project)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .arg("prepare")
        .run()
        .exits(4);
    assert!(
        none.stderr.contains("no AWS credentials were found"),
        "{}",
        none.stderr
    );

    let profile = Cli::new(&project)
        .on(&emulator)
        .args(["prepare", "--profile", "nope"])
        .run()
        .exits(4);
    assert!(
        profile.stderr.contains("there is no profile `nope`"),
        "{}",
        profile.stderr
    );

    let nowhere = Project::new().agent("one");
    let region = Cli::new(&nowhere)
        .on(&emulator)
        .arg("prepare")
        .run()
        .exits(3);
    assert!(
        region.stderr.contains("no AWS region is known"),
        "{}",
        region.stderr
    );

    let pinned = Project::new()
        .metadata("region = \"us-east-1\"\naccount = \"123456789012\"")
        .agent("one");
    let account = Cli::new(&pinned)
        .on(&emulator)
        .arg("prepare")
        .run()
        .exits(4);
    assert!(
        account.stderr.contains("belongs to account 123456789012"),
        "{}",
        account.stderr
    );
}

#[test]
fn with_a_profile_the_keys_in_the_environment_do_not_count() {
    let emulator = Ministack::start();
    let project = project().home_file(
        ".aws/credentials",
        "[dev]\naws_access_key_id = 111111111111\naws_secret_access_key = x\n",
    );
    let proxy = Proxy::to(&emulator);
    let outcome = Cli::new(&project)
        .at(&proxy.url())
        .args(["prepare", "--profile", "dev"])
        .run()
        .succeeds();
    assert!(
        proxy
            .requests()
            .iter()
            .all(|request| request.access_key == "111111111111")
    );
    assert!(
        outcome.stdout.starts_with("env -u AWS_ACCESS_KEY_ID "),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("AWS_PROFILE=dev"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn an_edited_copy_is_kept_unless_forced_and_removed_sources_go() {
    let emulator = Ministack::start();
    let project = project();
    prepare(&project, &emulator).succeeds();
    let tree = project.tree();
    let copied = tree
        .keys()
        .find(|path| path.starts_with("deployment/one/") && path.ends_with("__init__.py"))
        .unwrap()
        .clone();
    project.write(&copied, "edited = True\n");
    let source = copied.strip_prefix("deployment/").unwrap();
    project.write(source, "changed = True\n");
    let kept = prepare(&project, &emulator).succeeds();
    assert!(kept.stderr.contains("were edited"), "{}", kept.stderr);
    assert_eq!(project.read(&copied), "edited = True\n");
    Cli::new(&project)
        .on(&emulator)
        .args(["prepare", "--force"])
        .run()
        .succeeds();
    assert_eq!(project.read(&copied), "changed = True\n");

    // A file makes way for a directory of its name, and the other way round.
    project.write("one/data", "x");
    prepare(&project, &emulator).succeeds();
    std::fs::remove_file(project.path().join("one/data")).unwrap();
    project.write("one/data/table.csv", "x");
    prepare(&project, &emulator).succeeds();
    assert!(project.has("deployment/one/data/table.csv"));
    std::fs::remove_dir_all(project.path().join("one/data")).unwrap();
    project.write("one/data", "y");
    prepare(&project, &emulator).succeeds();
    assert_eq!(project.read("deployment/one/data"), "y");

    project.write("one/extra.py", "");
    prepare(&project, &emulator).succeeds();
    assert!(project.has("deployment/one/extra.py"));
    std::fs::remove_file(project.path().join("one/extra.py")).unwrap();
    prepare(&project, &emulator).succeeds();
    assert!(!project.has("deployment/one/extra.py"));
}

#[test]
fn a_dry_run_changes_nothing_on_disk_or_in_aws() {
    let emulator = Ministack::start();
    let project = project();
    let (tree, account) = (project.tree(), listing(&emulator));
    let dry = Cli::new(&project)
        .on(&emulator)
        .args(["prepare", "--dry-run"])
        .run()
        .succeeds();
    assert!(
        dry.stderr.contains("Would create role `AgentCoreRole-one`"),
        "{}",
        dry.stderr
    );
    Cli::new(&project)
        .on(&emulator)
        .args(["prepare", "--check"])
        .run()
        .exits(5);
    assert_eq!(project.tree(), tree);
    assert_eq!(listing(&emulator), account);
}
