//! What a dry run shows is what the next run does, for generated tables.

use proptest::{
    sample::{Index, subsequence},
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Value, json};

use super::{project_with, settling};
use crate::support::{Cli, Moto, Project};

/// Keys of an agent's table that change its role, its runtime or both, and code that changes its
/// archive.
const KEYS: [&str; 6] = [
    "env = { LEVEL = \"debug\" }",
    "lifecycle = { idle-timeout = 600, max-lifetime = 3600 }",
    "models = [\"us.anthropic.claude-sonnet-4-6\"]",
    "permissions = [\"code-interpreter\", { dynamodb = \"orders\", access = \"read\" }]",
    "protocol = \"mcp\"",
    "tags = { team = \"research\" }",
];

/// How many tables follow each other.
const TABLES: usize = 4;

/// Writes the agent's table with these keys, and its code.
fn write(project: &Project, keys: &[&str], number: usize) {
    let head = "[workspace.metadata.agentcore.agents.one]\nsource = \"one\"\ndeployment = \"deployment\"\n";
    let manifest = project.read("Cargo.toml");
    let (before, _) = manifest.split_once(head).unwrap();
    project.write("Cargo.toml", format!("{before}{head}{}\n", keys.join("\n")));
    let code = format!("def answer(prompt: str) -> str:\n    return \"{number}\"\n");
    project.write("one/agent.py", code);
}

/// Returns what a document says about an agent's steps, in the words that both documents share.
fn steps(document: &Value) -> Value {
    let agent = &document["agents"][0];
    json!({
        "role": agent["role"]["changes"],
        "runtime": agent["runtime"]["steps"],
        "bucket": agent["bucket"],
        "callers": agent["callers"],
        "files": agent["files"],
        "pruned": agent["pruned"],
        "key": agent["artifact"]["key"],
    })
}

#[test]
fn what_a_dry_run_shows_is_what_the_next_run_does() {
    let emulator = Moto::start();
    let project = project_with("");
    let proxy = settling(&emulator);
    let run = |words: &[&str]| {
        let cli = Cli::new(&project).at(&proxy.url()).arg("deploy");
        let outcome = cli.args(["--output", "json"]).args(words).run();
        steps(&outcome.succeeds().json())
    };
    let mut runner = TestRunner::default();
    let tables = (
        subsequence(KEYS.to_vec(), 0..=KEYS.len()),
        proptest::arbitrary::any::<Index>(),
    );
    for _ in 0..TABLES {
        let (keys, code) = tables.new_tree(&mut runner).unwrap().current();
        write(&project, &keys, code.index(2));
        let shown = run(&["--dry-run"]);
        let done = run(&[]);
        assert_eq!(shown, done, "{keys:?}");
        let left = run(&["--dry-run"]);
        // moto loses the tags of a runtime with every update.
        for kind in ["role", "callers", "pruned"] {
            assert_eq!(left[kind], json!([]), "{keys:?}: nothing is left");
        }
    }
}
