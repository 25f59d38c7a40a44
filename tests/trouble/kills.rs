//! Kills at every write, on request at every request, and concurrent runs: the next run completes the work.

use super::{
    deploy, prepare, project,
    support::{
        Cli, Ministack, boto3, listing,
        proxy::{Counted, Moment, Proxy},
    },
};

#[test]
fn prepare_killed_at_any_write_converges_at_the_next_run() {
    a_killed_prepare_converges_at_the_next_run(Counted::Writes, 2);
}

#[test]
#[ignore = "takes a minute"]
fn prepare_killed_at_any_request_converges_at_the_next_run() {
    a_killed_prepare_converges_at_the_next_run(Counted::All, 5);
}

fn a_killed_prepare_converges_at_the_next_run(counted: Counted, least: usize) {
    let emulator = Ministack::start();
    for moment in [Moment::Before, Moment::After] {
        for n in 1.. {
            let project = project();
            let proxy = Proxy::to(&emulator);
            let before = listing(&emulator);
            let killed = proxy.kill_at(Cli::new(&project).arg("prepare"), n, counted, moment);
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
                assert!(n > least, "a first prepare has more {counted:?} than {n}");
                break;
            }
        }
    }
}

#[test]
fn clean_killed_at_any_write_is_finished_by_the_next_run() {
    a_killed_clean_is_finished_by_the_next_run(Counted::Writes, 3);
}

#[test]
#[ignore = "takes a minute"]
fn clean_killed_at_any_request_is_finished_by_the_next_run() {
    a_killed_clean_is_finished_by_the_next_run(Counted::All, 12);
}

fn a_killed_clean_is_finished_by_the_next_run(counted: Counted, least: usize) {
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
                counted,
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
                assert!(n > least, "a clean has more {counted:?} than {n}");
                break;
            }
        }
    }
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
