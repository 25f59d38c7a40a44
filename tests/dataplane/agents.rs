//! Agents from the templates, on the real SDK, and many sessions at once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Place, cli, eventually, seen, session};
use crate::support::{Cli, Project};

/// Creates a project from a template with the binary.
pub(super) fn made_from(template: &str) -> Project {
    let project = Project::new();
    std::fs::remove_dir(project.path()).unwrap();
    Cli::in_directory(project.root(), project.root())
        .args(["new", "project", "--template", template, "--yes"])
        .run()
        .succeeds();
    project
}

#[test]
fn the_templates_agent_answers_and_streams() {
    let place = Place::of(made_from("echo"));
    let outcome = place
        .cli(&["invoke", "--local", r#"{"prompt": "hé"}"#])
        .run()
        .succeeds();
    assert_eq!(outcome.json(), json!({ "answer": "You said: hé" }));
    let again = place
        .cli(&["invoke", "--local", "--continue", "--prompt", "again"])
        .run()
        .succeeds();
    assert_eq!(again.json(), json!({ "answer": "You said: again" }));
    let wrong = place
        .cli(&["invoke", "--local", r#"{"x": 1}"#])
        .run()
        .exits(1);
    assert!(
        wrong
            .stderr
            .contains("refused the request with status 400\n")
            && wrong.stderr.contains("Received error (400) from runtime."),
        "{}",
        wrong.stderr
    );

    let manifest = place.project.read("Cargo.toml");
    let streaming = format!("{manifest}entrypoint = \"invoke_async.py\"\n");
    place.project.write("Cargo.toml", streaming);
    cli(&place.project, &["deploy", "--local"]).run().succeeds();
    let outcome = place
        .cli(&["invoke", "--local", "--prompt", "a b"])
        .run()
        .succeeds();
    assert_eq!(outcome.stdout, "You said: a b");
    let events = place.ask(&json!({ "prompt": "a b" })).send(&place);
    assert_eq!(
        events.header("content-type").unwrap().split(';').next(),
        Some("text/event-stream")
    );
    assert_eq!(
        events.text(),
        "data: \"You \"\n\ndata: \"said: \"\n\ndata: \"a \"\n\ndata: \"b\"\n\n"
    );
}

#[test]
fn each_session_is_a_process_of_its_own_and_at_most_twenty_run() {
    let place = Place::new();
    let look = |name: &str| place.look(place.ask(&json!({})).session(&session(name)));
    let pid = |look: &Value| look["pid"].as_u64().unwrap();
    let first = look("s0");
    assert_eq!(pid(&look("s0")), pid(&first));
    let all: BTreeSet<u64> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..20)
            .map(|number| scope.spawn(move || pid(&look(&format!("s{number}")))))
            .collect();
        asked
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(all.len(), 20);
    assert!(all.contains(&pid(&first)));
    let alive = |pid: u64| std::path::Path::new(&format!("/proc/{pid}")).exists();
    // Another session ends the one that has been unused the longest.
    let used: Vec<u64> = (1..20)
        .map(|number| pid(&look(&format!("s{number}"))))
        .collect();
    look("s20");
    eventually(|| "21 run at once", || !alive(pid(&first)));
    assert!(used.iter().all(|pid| alive(*pid)));
    assert_ne!(pid(&look("s0")), pid(&first));
}

#[test]
fn an_agents_surroundings_are_its_own() {
    let place = Place::with(8080, "env = { COLOR = \"red\" }");
    let reply = place.ask(&json!({ "do": "environment" })).send(&place);
    let environment = reply.json();
    assert_eq!(environment["COLOR"], "red");
    assert_eq!(environment["AWS_REGION"], "us-east-1");
    assert_eq!(environment["AWS_DEFAULT_REGION"], "us-east-1");
    assert_eq!(environment["AWS_ENDPOINT_URL"], place.url);
    let attributes = environment["OTEL_RESOURCE_ATTRIBUTES"].as_str().unwrap();
    assert!(
        attributes.contains(&format!("cloud.resource_id={}", place.arn)),
        "{attributes}"
    );
    for foreign in [
        "CARGO_AGENTCORE_CACHE_DIR",
        "CARGO_HOME",
        "TERM",
        "PORT",
        "UV_CACHE_DIR",
    ] {
        assert_eq!(environment[foreign], Value::Null, "{foreign}");
    }
    // It does not reveal the caller.
    assert_eq!(
        seen(&place.look(place.ask(&json!({}))), "authorization"),
        None
    );
}
