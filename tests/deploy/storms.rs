//! Throttling and temporary failures: each request of every command fails twice, and permanent
//! failures end with the service's last error.

use super::{deploy, project};
use crate::support::{Cli, Emulator, Fault, Ministack, Project, Proxy, Running, Times, listing};

/// Throttles every request, then fails it, then passes it.
fn storm(emulator: &Emulator) -> Proxy {
    let proxy = Proxy::to(emulator);
    proxy.fault("*", Times::Attempt(1), Fault::throttled());
    proxy.fault("*", Times::Attempt(2), Fault::unavailable());
    proxy
}

fn start(project: &Project, proxy: &Proxy, words: &[&str]) -> Running {
    Cli::new(project).at(&proxy.url()).args(words).start()
}

#[test]
fn a_storm_is_ridden_out_by_every_command() {
    let emulator = Ministack::start();
    let before = listing(&emulator);
    let project = project();
    let proxy = storm(&emulator);
    let deployed = start(&project, &proxy, &["deploy"]).wait().succeeds();
    assert!(deployed.stderr.contains("Created"), "{}", deployed.stderr);
    let others = [
        &["status"][..],
        &["versions"],
        &["logs"],
        &["endpoint", "set", "prod", "--version", "1"],
    ];
    for running in others.map(|words| start(&project, &proxy, words)) {
        running.wait().succeeds();
    }
    let clean = ["clean", "--yes", "--logs"];
    start(&project, &proxy, &clean).wait().succeeds();
    assert_eq!(listing(&emulator), before);
    let requests = proxy.requests();
    let tries = |n| requests.iter().filter(|r| r.attempt == n).count();
    let calls = tries(1);
    assert!(calls > 60, "{calls}");
    assert_eq!([tries(2), tries(3), tries(4)], [calls, calls, 0]);
}

#[test]
fn a_storm_that_does_not_end_is_told_in_the_services_words_and_the_next_run_goes_on() {
    let emulator = Ministack::start();
    for (action, fault, word) in [
        ("s3:PutObject", Fault::unavailable(), "ServiceUnavailable"),
        (
            "bedrock-agentcore:CreateAgentRuntime",
            Fault::throttled(),
            "ThrottlingException: Rate exceeded",
        ),
    ] {
        let project = project();
        let proxy = Proxy::to(&emulator);
        proxy.fault(action, Times::Always, fault);
        let failed = Cli::new(&project)
            .at(&proxy.url())
            .arg("deploy")
            .run()
            .exits(1);
        failed.says(&[action, word]);
        let tries = proxy.actions().into_iter().filter(|a| a == action).count();
        assert!(tries > 2, "{action}: {tries}");
        deploy(&project, &emulator).succeeds();
        emulator.reset();
    }
}
