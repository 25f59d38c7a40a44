//! Faults of AWS and the network: throttling, refusals, broken connections.

use super::{
    prepare, project,
    support::{
        Cli, Ministack,
        faults::{Fault, Times},
        proxy::Proxy,
    },
};

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
        outcome.stderr.contains("for IAM to recognize"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_machine_that_trusts_nobody_is_told_so() {
    let project = project();
    project.write("nobody.pem", "");
    for arguments in [
        &["prepare"][..],
        &[
            "invoke",
            "--bearer-token",
            "a.b.c",
            "--arn",
            "arn:aws:bedrock-agentcore:us-west-2:000000000000:runtime/one-AbCdEf1234",
            "{}",
        ],
    ] {
        let outcome = Cli::new(&project)
            .at("https://127.0.0.1:1")
            .env("SSL_CERT_FILE", project.path().join("nobody.pem"))
            .env("SSL_CERT_DIR", project.path().join("no-directory"))
            .args(arguments)
            .run()
            .exits(1);
        assert!(
            outcome
                .stderr
                .contains("no trusted certificate authority was found on this machine"),
            "{}",
            outcome.stderr
        );
    }
}
