//! Several agents in one run: shared resources are created and reported once.

use super::{deploy, settling};
use crate::support::{Cli, Ministack, Moto, Project, bed};

fn two(requirements: &str) -> Project {
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
        .agent("two");
    for folder in ["deployment", "deployment-two"] {
        project.write(&format!("{folder}/requirements.txt"), requirements);
    }
    project
}

#[test]
fn the_bucket_of_two_agents_is_made_once_and_said_once() {
    for emulator in [Ministack::start(), Moto::start()] {
        let project = two("");
        let proxy = settling(&emulator);
        let outcome = Cli::new(&project)
            .at(&proxy.url())
            .arg("deploy")
            .run()
            .succeeds();
        let said = outcome.stderr.matches("Created bucket").count();
        assert_eq!(said, 1, "{}", outcome.stderr);
        for action in ["s3:CreateBucket", "s3:PutBucketTagging"] {
            let made = proxy.actions().into_iter().filter(|done| done == action);
            assert_eq!(made.count(), 1, "{action}");
        }
        let again = deploy(&project, &emulator).succeeds();
        assert!(!again.stderr.contains("bucket"), "{}", again.stderr);
    }
}

#[test]
fn agents_of_one_run_that_need_the_same_dependencies_wait_for_no_other_run() {
    let emulator = Ministack::start();
    let project = two("markupsafe==3.0.2\n");
    let mut path = std::ffi::OsString::from(bed::agents().join("bin"));
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let outcome = Cli::new(&project)
        .env("PATH", path)
        .on(&emulator)
        .args(["deploy", "-v"])
        .run()
        .succeeds();
    let installed = outcome.stderr.matches("Installing").count();
    assert_eq!(installed, 1, "one waited: {}", outcome.stderr);
    assert!(!outcome.stderr.contains("Blocking"), "{}", outcome.stderr);
}
