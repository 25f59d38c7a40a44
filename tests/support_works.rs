//! Tests the tests' own tools.

use crate::support::{self, Cli, Ministack, Moto, Project, boto3, listing};

#[test]
fn both_emulators_answer_and_their_listings_show_what_was_made() {
    for emulator in [Ministack::start(), Moto::start()] {
        let before = listing(&emulator);
        boto3(
            &emulator,
            r#"
client("iam").create_role(RoleName="planted", AssumeRolePolicyDocument="{}", Tags=[{"Key": "a", "Value": "b"}])
client("s3").create_bucket(Bucket="planted")
client("s3").put_object(Bucket="planted", Key="k", Body=b"x")
client("ecr", "us-west-2").create_repository(repositoryName="planted")
client("logs").create_log_group(logGroupName="/planted")
client("bedrock-agentcore-control").create_agent_runtime(
    agentRuntimeName="planted",
    roleArn=f"arn:aws:iam::{account}:role/planted",
    agentRuntimeArtifact={"containerConfiguration": {"containerUri": "x.dkr.ecr.us-east-1.amazonaws.com/y:z"}},
    networkConfiguration={"networkMode": "PUBLIC"},
)
"#,
        );
        let after = listing(&emulator);
        let role = format!("arn:aws:iam::{}:role/planted", emulator.account());
        assert!(before["roles"].get(&role).is_none());
        assert_eq!(after["roles"][&role]["tags"]["a"], "b");
        assert_eq!(after["buckets"]["planted"]["objects"][0][0], "k");
        let here = &after["regions"]["us-east-1"];
        assert!(here["log-groups"].get("/planted").is_some());
        assert_eq!(here["runtimes"].as_object().unwrap().len(), 1);
        let west = &after["regions"]["us-west-2"];
        assert!(west["repositories"].get("planted").is_some());
        assert_eq!(listing(&emulator), after, "a listing changes nothing");
    }
}

#[test]
fn an_emulator_with_settings_of_its_own_is_gone_after_its_test() {
    let emulator = Ministack::start_with(&[]);
    let port = emulator.port();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    drop(emulator);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn an_emulator_is_empty_for_the_next_test() {
    for start in [Ministack::start, Moto::start] {
        for _ in 0..2 {
            let emulator = start();
            assert_eq!(listing(&emulator)["roles"], serde_json::json!({}));
            boto3(
                &emulator,
                r#"client("iam").create_role(RoleName="left", AssumeRolePolicyDocument="{}")"#,
            );
            assert_ne!(listing(&emulator)["roles"], serde_json::json!({}));
        }
    }
}

#[test]
fn the_binary_runs_with_a_home_of_its_own() {
    let project = Project::new().agent("echo");
    let outcome = Cli::new(&project).arg("--version").run().succeeds();
    assert_eq!(
        outcome.stdout,
        concat!("cargo-agentcore ", env!("CARGO_PKG_VERSION"), "\n")
    );
    Cli::new(&project).arg("--no-such-option").run().exits(2);
}

/// `cargo metadata` can read the project, and a read-only directory is read-only, for the user that
/// runs the tests of refused writes.
#[cfg(target_os = "linux")]
#[test]
fn an_unprivileged_run_can_read_the_project_and_not_write_what_is_read_only() {
    use std::os::unix::fs::PermissionsExt;

    let project = Project::new().agent("echo").file("locked/file", "");
    let locked = project.path().join("locked");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    Cli::new(&project)
        .arg("--version")
        .unprivileged()
        .run()
        .succeeds();
    if support::unprivileged::is_root() {
        let mut cargo = support::unprivileged::as_nobody("cargo", project.root());
        let read = cargo
            .args(["metadata", "--no-deps", "--format-version=1"])
            .current_dir(project.path())
            .output()
            .unwrap();
        assert!(
            read.status.success(),
            "{}",
            String::from_utf8_lossy(&read.stderr)
        );
        let mut touch = support::unprivileged::as_nobody("/usr/bin/touch", project.root());
        let refused = touch.arg(locked.join("new")).output().unwrap();
        assert!(!refused.status.success());
    }
}
