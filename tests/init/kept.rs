//! Existing files that `init` keeps, and what it prints again.

use super::{agents, init, stage};
use crate::support::Cli;

#[test]
fn an_entry_point_that_calls_something_else_is_pointed_out() {
    let project = stage();
    let pieces = ["--async-handler", "est.main:pieces"];
    let answer = ["--handler", "est.main:answer"];
    let invoke = "from est.main import later\n\nprint(later)\n";
    project.write("deployment/invoke.py", invoke);
    let before = agents(&project);
    let warning = "warning: `deployment/invoke.py` exists and does not call `est.main:answer`\n  help: call it there; or delete `deployment/invoke.py` and run this again, before the agent is in Cargo.toml\n";
    let said = init(&project, &[&answer[..], &pieces, &["--dry-run"]].concat()).succeeds();
    assert!(said.stderr.contains(warning), "{}", said.stderr);
    let method = ["--handler", "est.main:Estimator.estimate", "--dry-run"];
    let said = init(&project, &method).succeeds();
    let words = "does not call `est.main:Estimator.estimate`";
    assert!(said.stderr.contains(words), "{}", said.stderr);
    let said = init(&project, &["--handler", "est.main:later", "--dry-run"]).succeeds();
    assert!(!said.stderr.contains("does not call"), "{}", said.stderr);
    assert_eq!(project.read("deployment/invoke.py"), invoke);
    assert_eq!(agents(&project), before);
}

/// A table that was printed and pasted stays valid when `init` runs again.
#[test]
fn the_project_that_is_printed_stays_the_same() {
    let project = stage().file("Cargo.toml", "[workspace]\nresolver = \"3\"\n");
    let printed = || {
        let outcome = init(&project, &["--handler", "est.main:answer"]).succeeds();
        let lines = outcome.stdout.lines();
        let line = lines
            .map(str::to_owned)
            .find(|line| line.starts_with("project = "));
        line.unwrap()
    };
    let first = printed();
    assert_eq!(printed(), first);
    let other = stage().file("Cargo.toml", "[workspace]\nresolver = \"3\"\n");
    let outcome = init(&other, &["--handler", "est.main:answer"]).succeeds();
    assert!(
        !outcome.stdout.contains(&first),
        "{first}\n{}",
        outcome.stdout
    );
}

#[test]
fn paths_are_printed_without_detours() {
    let project = stage()
        .file(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"one\"]\n",
        )
        .file(
            "one/Cargo.toml",
            "[package]\nname = \"one\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
        )
        .file("one/src/lib.rs", "");
    for (path, shown) in [
        ("./one", "`Cargo.toml` and `one/Cargo.toml`"),
        ("one/../one/", "`Cargo.toml` and `one/Cargo.toml`"),
    ] {
        let said = Cli::new(&project)
            .args([
                "init",
                path,
                "--source",
                "../agents/est",
                "--yes",
                "--dry-run",
            ])
            .args(["--handler", "est.main:answer"])
            .run()
            .succeeds();
        let note = format!("note: {shown} are not changed without `--write`\n");
        assert!(said.stderr.contains(&note), "{}", said.stderr);
        assert!(
            said.stderr.contains("write `one/deployment/invoke.py`"),
            "{}",
            said.stderr
        );
    }
}
