//! The dialogs on a terminal: the wizards of `new` and `init`, and the confirmations of `clean` and
//! others.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod confirmation;
mod consent;
mod help;
mod init;
mod narrow;
mod progress;
mod summary;

use std::path::Path;

use crate::support::{self, Cli, project::collect, terminal::Terminal};
use tempfile::TempDir;

const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";
const DOWN: &str = "\x1b[B";
const CTRL_C: &str = "\x03";
const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// The questions in order, and their answers: not the first template.
const QUESTIONS: [(&str, &str); 4] = [
    ("Template", "\x1b[B\r"),
    ("AWS region", "eu-central-1\r"),
    ("Bedrock model", "\r"),
    ("Further permissions", "memory=my_mem-AbCdEf1234\r\r"),
];

fn start(root: &TempDir, words: &[&str]) -> Terminal {
    let cli = Cli::in_directory(root.path(), root.path())
        .args(["new", "my-agent", "--vcs", "none"])
        .args(words);
    Terminal::run(&cli)
}

fn manifest(root: &TempDir) -> String {
    std::fs::read_to_string(root.path().join("my-agent/Cargo.toml")).unwrap()
}

/// Returns names only, without the run's home.
fn entries(root: &Path) -> Vec<String> {
    let mut found = std::collections::BTreeMap::new();
    collect(root, "", &mut found);
    found
        .into_keys()
        .filter(|name| !name.starts_with("home/"))
        .collect()
}

#[test]
fn answers_become_the_project() {
    let root = tempfile::tempdir().unwrap();
    let mut terminal = start(&root, &[]);
    for (question, answer) in QUESTIONS {
        terminal.sees(question);
        terminal.types(answer);
    }
    let (status, screen) = terminal.ends();
    assert_eq!(status.code(), Some(0), "{screen}");
    let manifest = manifest(&root);
    assert!(manifest.contains("region = \"eu-central-1\""), "{manifest}");
    assert!(
        manifest.contains("models = [\"eu.anthropic.claude-sonnet-4-6\"]"),
        "{manifest}"
    );
    assert!(
        manifest.contains(
            "permissions = [\"code-interpreter\", \"pricing\", { memory = \"my_mem-AbCdEf1234\" }]"
        ),
        "{manifest}"
    );
    assert!(root.path().join("my-agent/my_agent/estimator.py").exists());
}

#[test]
fn enter_alone_takes_the_defaults() {
    let root = tempfile::tempdir().unwrap();
    let mut terminal = start(&root, &[]);
    for (question, _) in QUESTIONS {
        terminal.sees(question);
        terminal.types(ENTER);
    }
    let (status, screen) = terminal.ends();
    assert_eq!(status.code(), Some(0), "{screen}");
    let manifest = manifest(&root);
    assert!(!manifest.contains("region"), "{manifest}");
    assert!(!manifest.contains("permissions"), "{manifest}");
    assert!(
        manifest.contains("\"global.anthropic.claude-sonnet-4-6\""),
        "{manifest}"
    );
    assert!(root.path().join("my-agent/my_agent/tools.py").exists());
}

#[test]
fn what_was_given_is_not_asked_and_with_yes_nothing_is() {
    let root = tempfile::tempdir().unwrap();
    let given = ["--template", "strands", "--region", "us-east-1"];
    let mut terminal = start(
        &root,
        &[
            &given[..],
            &["--model", "amazon.nova-pro-v1:0", "--permission", "pricing"],
        ]
        .concat(),
    );
    terminal.sees("Creating");
    assert_eq!(terminal.ends().0.code(), Some(0));

    let root = tempfile::tempdir().unwrap();
    let mut terminal = start(&root, &["--yes"]);
    terminal.sees("Creating");
    assert_eq!(terminal.ends().0.code(), Some(0));
}

#[test]
fn ctrl_c_at_any_question_leaves_nothing_behind_and_the_cursor_in_sight() {
    for answered in 0..QUESTIONS.len() {
        let root = tempfile::tempdir().unwrap();
        let mut terminal = start(&root, &[]);
        for (question, answer) in &QUESTIONS[..answered] {
            terminal.sees(question);
            terminal.types(answer);
        }
        terminal.sees(QUESTIONS[answered].0);
        // Half an answer, which is discarded.
        terminal.types(if answered == 0 { DOWN } else { "x" });
        terminal.types(CTRL_C);
        terminal.sees("stopped; nothing was written");
        let (status, screen) = terminal.ends();
        assert_eq!(status.code(), Some(130), "{screen}");
        assert_eq!(entries(root.path()), Vec::<String>::new(), "{screen}");
        let (hidden, shown) = (screen.rfind(HIDE_CURSOR), screen.rfind(SHOW_CURSOR));
        assert!(shown.is_some() && shown >= hidden, "{screen:?}");
    }
}
