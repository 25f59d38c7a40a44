//! An image in the local AgentCore, from its build to its end.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    AGENT, package,
    support::{Cli, Outcome, Project},
};

/// Uses the cache with the emulator, shared by all tests.
pub(crate) fn with_cache(cli: Cli) -> Cli {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    cli.env("CARGO_AGENTCORE_CACHE_DIR", cache)
}

fn cli(project: &Project) -> Cli {
    with_cache(Cli::new(project))
}

fn does(project: &Project, words: &[&str]) -> Outcome {
    cli(project).args(words).run().succeeds()
}

fn answer(project: &Project, words: &[&str]) -> Value {
    let invoke = ["invoke", "--local", r#"{"prompt":"hi"}"#];
    serde_json::from_str(&does(project, &[&invoke, words].concat()).stdout).unwrap()
}

fn change(project: &Project, version: &str) {
    let changed = format!("const VERSION: &str = \"{version}\";");
    project.write(
        "src/main.rs",
        AGENT.replace("const VERSION: &str = \"one\";", &changed),
    );
}

#[test]
fn a_rust_agent_runs_from_its_image_and_an_endpoint_returns_to_an_earlier_one() {
    let project = package();
    let deployed = does(&project, &["deploy", "--local"]);
    deployed.says(&[
        "Creating repository",
        "Uploading agent `my_agent`",
        "Creating runtime",
    ]);
    let expected = |version: &str| {
        json!({
            "version": version, "asked": { "prompt": "hi" }, "region": "us-east-1",
            "mood": "fine", "authorities": true,
        })
    };
    assert_eq!(answer(&project, &[]), expected("one"));
    does(
        &project,
        &["endpoint", "set", "stable", "--version", "1", "--local"],
    );

    let unchanged = does(&project, &["deploy", "--local", "--check"]);
    assert!(
        unchanged.stderr.contains("Unchanged"),
        "{}",
        unchanged.stderr
    );
    change(&project, "two");
    let checked = cli(&project)
        .args(["deploy", "--local", "--check"])
        .run()
        .exits(5);
    assert!(
        checked.stderr.contains("Would upload"),
        "{}",
        checked.stderr
    );
    let updated = does(&project, &["deploy", "--local"]);
    assert!(updated.stderr.contains("version 2"), "{}", updated.stderr);
    assert_eq!(answer(&project, &[]), expected("two"));
    assert_eq!(answer(&project, &["--endpoint", "stable"]), expected("one"));
    does(
        &project,
        &["endpoint", "set", "stable", "--version", "2", "--local"],
    );
    assert_eq!(answer(&project, &["--endpoint", "stable"]), expected("two"));
    does(&project, &["rollback", "--endpoint", "stable", "--local"]);
    assert_eq!(answer(&project, &["--endpoint", "stable"]), expected("one"));

    let logs = does(&project, &["logs", "--local"]);
    assert!(
        logs.stdout.contains("version two listens"),
        "{}",
        logs.stdout
    );
    let status = does(&project, &["status", "--local"]);
    assert!(
        status.stdout.contains("/my_agent@sha256:"),
        "{}",
        status.stdout
    );

    let cleaned = does(&project, &["clean", "--local", "--logs", "--yes"]);
    assert!(
        cleaned.stderr.contains("Deleting repository"),
        "{}",
        cleaned.stderr
    );
    assert!(
        !project
            .path()
            .join("target/agentcore/shop-7k2qpx/local")
            .exists()
    );
}

#[test]
fn an_agent_that_ignores_its_port_is_told_which_one_it_missed() {
    let project = package();
    // What a program without an agent in it does.
    project.write("src/main.rs", "fn main() { println!(\"no agent\"); }\n");
    does(&project, &["deploy", "--local"]);
    let invoked = cli(&project).args(["invoke", "--local", "{}"]).run();
    assert_eq!(invoked.code(), Some(1), "{}", invoked.stderr);
    assert!(invoked.stderr.contains("no agent"), "{}", invoked.stderr);
    does(&project, &["clean", "--local", "--yes"]);
}
