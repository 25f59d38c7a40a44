//! Kills `deploy` and `clean` at every write, and on request at every request: the next `clean` leaves
//! the account as it was.

use tempfile::TempDir;

use super::deployed::project;
use crate::support::{
    Cli, Counted, Emulator, Ministack, Moment, Project, Proxy, boto3,
    emulator::listing_of,
    wheels::{require_heavy, with_uv},
};

/// Lists only the agents' region, because a listing is needed for each kill.
fn listing(emulator: &Emulator) -> serde_json::Value {
    listing_of(emulator, &["us-east-1"])
}

fn deploy(project: &Project) -> Cli {
    Cli::new(project).arg("deploy")
}

fn clean(project: &Project) -> Cli {
    Cli::new(project).args(["clean", "--yes", "--logs"])
}

/// Adds resources that the emulator does not create, and those of a killed upload.
fn more(emulator: &Emulator) {
    boto3(
        emulator,
        r#"
control = client("bedrock-agentcore-control")
id = control.list_agent_runtimes()["agentRuntimes"][0]["agentRuntimeId"]
control.create_agent_runtime_endpoint(agentRuntimeId=id, name="prod")
client("logs").create_log_group(logGroupName=f"/aws/bedrock-agentcore/runtimes/{id}-DEFAULT")
s3 = client("s3")
s3.create_multipart_upload(Bucket=s3.list_buckets()["Buckets"][0]["Name"], Key="one/big.zip")
"#,
    );
}

/// Returns the least number of requests that a run has.
fn least(counted: Counted) -> usize {
    match counted {
        Counted::Writes => 8,
        Counted::All => 25,
    }
}

/// Kills a run at each of its requests in turn, until it is too short for that, and cleans afterwards.
/// `begin` returns a new project and the command to kill.
fn each_kill_leaves_nothing(
    (counted, moment): (Counted, Moment),
    begin: impl Fn(&Emulator) -> (Project, Cli),
) {
    let emulator = Ministack::start();
    let before = listing(&emulator);
    for n in 1.. {
        let (project, cli) = begin(&emulator);
        let killed = Proxy::to(&emulator).kill_at(cli, n, counted, moment);
        clean(&project).on(&emulator).run().succeeds();
        assert_eq!(listing(&emulator), before, "{moment:?} {n}");
        let left = project.has("target/agentcore/test-project-7k2qpx");
        assert!(!left, "{moment:?} {n}");
        if killed.is_err() {
            assert!(n > least(counted), "the run has more {counted:?} than {n}");
            break;
        }
    }
}

/// The agent has dependencies, so that multipart uploads are killed too.
fn a_killed_deploy_leaves_nothing_that_clean_does_not_take(counted: Counted, moment: Moment) {
    let cache = TempDir::new().unwrap();
    each_kill_leaves_nothing((counted, moment), |_| {
        let project = project(&["one"]);
        require_heavy(&project);
        let deploy = with_uv(deploy(&project)).env("CARGO_AGENTCORE_CACHE_DIR", cache.path());
        (project, deploy)
    });
}

fn a_killed_clean_is_finished_by_the_next_one(counted: Counted, moment: Moment) {
    each_kill_leaves_nothing((counted, moment), |emulator| {
        let project = project(&["one"]);
        deploy(&project).on(emulator).run().succeeds();
        more(emulator);
        let clean = clean(&project);
        (project, clean)
    });
}

#[test]
fn a_deploy_killed_before_any_write_leaves_nothing_that_clean_does_not_take() {
    a_killed_deploy_leaves_nothing_that_clean_does_not_take(Counted::Writes, Moment::Before);
}

#[test]
#[ignore = "takes a minute"]
fn a_deploy_killed_before_any_request_leaves_nothing_that_clean_does_not_take() {
    a_killed_deploy_leaves_nothing_that_clean_does_not_take(Counted::All, Moment::Before);
}

#[test]
fn a_deploy_killed_after_any_write_leaves_nothing_that_clean_does_not_take() {
    a_killed_deploy_leaves_nothing_that_clean_does_not_take(Counted::Writes, Moment::After);
}

#[test]
#[ignore = "takes a minute"]
fn a_deploy_killed_after_any_request_leaves_nothing_that_clean_does_not_take() {
    a_killed_deploy_leaves_nothing_that_clean_does_not_take(Counted::All, Moment::After);
}

#[test]
fn a_clean_killed_before_any_write_is_finished_by_the_next_one() {
    a_killed_clean_is_finished_by_the_next_one(Counted::Writes, Moment::Before);
}

#[test]
#[ignore = "takes a minute"]
fn a_clean_killed_before_any_request_is_finished_by_the_next_one() {
    a_killed_clean_is_finished_by_the_next_one(Counted::All, Moment::Before);
}

#[test]
fn a_clean_killed_after_any_write_is_finished_by_the_next_one() {
    a_killed_clean_is_finished_by_the_next_one(Counted::Writes, Moment::After);
}

#[test]
#[ignore = "takes a minute"]
fn a_clean_killed_after_any_request_is_finished_by_the_next_one() {
    a_killed_clean_is_finished_by_the_next_one(Counted::All, Moment::After);
}
