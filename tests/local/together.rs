//! Two concurrent commands.

use super::*;

/// Runs these commands concurrently.
fn together(stage: &Stage, commands: &[&[&str]]) -> Vec<Answer> {
    let running: Vec<_> = commands
        .iter()
        .map(|words| {
            let mut command = stage.agentcore(words);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    running
        .into_iter()
        .map(|run| Answer::of(run.wait_with_output().unwrap()))
        .collect()
}

/// Returns whether the command succeeded or explained its failure.
fn is_explained(answer: &Answer) -> bool {
    answer.code == Some(0) || (answer.code == Some(1) && answer.stderr.contains("error: "))
}

#[test]
fn two_deploys_at_once_come_to_one_agent() {
    let stage = Stage::new().with_sources();
    let deploy: &[&str] = &["deploy", "--local"];
    let answers = together(&stage, &[deploy, deploy]);
    for answer in &answers {
        assert!(is_explained(answer), "{}", answer.stderr);
    }
    assert!(answers.iter().any(|answer| answer.code == Some(0)));
    stage.does(deploy, 0);
    let status = stage.does(&["status", "--local", "--output", "json"], 0);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["agents"].as_array().unwrap().len(), 1, "{status}");
    assert_eq!(
        stage.says(&["invoke", "--local", "{\"a\": 1}"]),
        json!({ "asked": { "a": 1 } })
    );
    stage.does(&["clean", "--local", "--yes"], 0);
    assert_eq!(stage.processes(), Vec::<u32>::new());
}

#[test]
fn an_invocation_beside_an_end_is_answered_or_explained() {
    let stage = Stage::deployed();
    for other in [
        ["local", "stop"].as_slice(),
        &[
            "stop-session",
            "--local",
            "--session",
            "no-such-session-but-long-enough-as-one",
        ],
        &["rollback", "--local"],
        &["clean", "--local", "--yes"],
    ] {
        stage.does(&["deploy", "--local"], 0);
        let invoke: &[&str] = &["invoke", "--local", "{\"a\": 1}"];
        let answers = together(&stage, &[invoke, other, invoke]);
        for answer in &answers {
            assert!(is_explained(answer), "{other:?}: {}", answer.stderr);
        }
        for answer in [&answers[0], &answers[2]] {
            let whole = answer.stdout == "{\"asked\": {\"a\": 1}}";
            assert!(
                whole || answer.stdout.is_empty(),
                "{other:?}: {}",
                answer.stdout
            );
            assert_eq!(
                whole,
                answer.code == Some(0),
                "{other:?}: {}",
                answer.stderr
            );
        }
    }
    stage.does(&["clean", "--local", "--yes"], 0);
    assert_eq!(stage.processes(), Vec::<u32>::new());
}

#[test]
fn two_cleans_at_once_leave_nothing() {
    let stage = Stage::deployed();
    stage.says(&["invoke", "--local", "{}"]);
    let clean: &[&str] = &["clean", "--local", "--yes"];
    for answer in together(&stage, &[clean, clean]) {
        assert!(is_explained(&answer), "{}", answer.stderr);
    }
    stage.does(clean, 0);
    assert_eq!(stage.processes(), Vec::<u32>::new());
}
