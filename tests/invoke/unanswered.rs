//! The answer does not wait for a slow AWS STS.

use std::{
    io::Read as _,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    INVOKE, arn, begin, elsewhere, invoke, project, says,
    support::{Answer, Cli, Project, Script, Scripted, scripted::ACCOUNT},
};

/// The delay of STS, longer than any limit in these tests.
const SLOW: Duration = Duration::from_secs(40);

fn script(sts: Duration) -> Scripted {
    let identity = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{ACCOUNT}:user/tester</Arn><UserId>A</UserId><Account>{ACCOUNT}</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    let runtime = json!({
        "agentRuntimeArn": arn(), "agentRuntimeId": "one-AbCdEf1234", "agentRuntimeName": "one",
        "agentRuntimeVersion": "1", "description": "", "lastUpdatedAt": "2026-11-01T00:00:00Z", "status": "READY",
    });
    Script::new()
        .always(
            "sts:GetCallerIdentity",
            Answer::new(200, "text/xml", identity).after(sts),
        )
        .always(
            "bedrock-agentcore:ListAgentRuntimes",
            Answer::json(200, &json!({ "agentRuntimes": [runtime] })),
        )
        .always(INVOKE, Answer::json(200, &json!("hello")))
        .start()
}

/// Returns the time until the first byte of the answer.
fn first_byte(cli: &Cli) -> Duration {
    let start = Instant::now();
    let mut child = begin(cli);
    let mut byte = [0];
    child.stdout.take().unwrap().read_exact(&mut byte).unwrap();
    let took = start.elapsed();
    child.wait().unwrap();
    assert_eq!(&byte, b"h");
    took
}

#[test]
fn an_answer_is_shown_at_once_and_the_account_is_left_out() {
    let server = script(SLOW);
    let project = project();
    let by_name = || invoke(&project, &server).arg("{}");
    let by_arn = || elsewhere(&project, &server).arg("{}");
    for cli in [&by_name as &dyn Fn() -> Cli, &by_arn] {
        let took = first_byte(&cli());
        assert!(took < SLOW / 2, "the first byte took {took:?}");
        let start = Instant::now();
        let outcome = cli().run().succeeds();
        assert!(start.elapsed() < SLOW / 2, "{:?}", start.elapsed());
        assert_eq!(outcome.stdout, "hello");
        says(
            &outcome,
            "Account unknown (AWS STS does not answer) in us-east-1 via the environment",
        );
    }
}

#[test]
fn an_agent_that_is_pinned_to_an_account_waits_and_says_for_what() {
    let server = script(Duration::from_secs(5));
    let project = Project::new()
        .metadata(&format!("region = \"us-east-1\"\naccount = \"{ACCOUNT}\""))
        .agent("one");
    let outcome = invoke(&project, &server).arg("{}").run().succeeds();
    says(
        &outcome,
        "Waiting for AWS STS to identify the credentials: the agent belongs to account 111122223333",
    );
    says(&outcome, "Account 111122223333 as arn:aws:iam::");
    assert_eq!(outcome.stdout, "hello");
}
