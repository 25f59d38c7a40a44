//! All commands, in an order in which each has something to work on.

use std::collections::BTreeSet;

use super::{
    checkout::Checkout,
    support::{Cli, Emulator, Outcome},
};

/// The command lines.
const LINES: &[&[&str]] = &[
    &["help", "security"],
    &["policy", "--account", "000000000000"],
    &["package"],
    &["package", "--list"],
    &["prepare", "--dry-run"],
    &["prepare"],
    &["deploy", "--dry-run"],
    &["deploy", "--yes"],
    &["status"],
    &["invoke", "{\"prompt\":\"hi\"}"],
    &["logs"],
    &["versions"],
    &["endpoint", "set", "prod", "--version", "1"],
    &["endpoint", "list"],
    &["rollback", "--endpoint", "prod", "--to", "1"],
    &["endpoint", "delete", "prod", "--yes"],
    &["stop-session"],
    // Without the file it ends before running the checkout's code, which is its purpose.
    &["dev", "--env-file", "absent.env"],
    // For the same reason.
    &["check", "--env-file", "absent.env"],
    &["package", "--rebuild"],
    &["init", "--source", "my_agent", "--yes"],
    &["new", "another", "--template", "echo", "--yes"],
    &["local", "status"],
    &["cache"],
    &["cache", "prune", "--dry-run"],
    &["local", "stop"],
    &["clean", "--dry-run"],
    &["clean", "--yes", "--logs", "--include-yaml"],
];

/// Runs each line against the emulator. A command may succeed or refuse, but must not crash.
pub fn every_command(checkout: &Checkout, emulator: &Emulator) -> Vec<(String, Outcome)> {
    run(checkout, |cli| cli.on(emulator), LINES)
}

pub fn run(
    checkout: &Checkout,
    lead: impl Fn(Cli) -> Cli,
    lines: &[&[&str]],
) -> Vec<(String, Outcome)> {
    lines
        .iter()
        .map(|line| {
            let outcome = lead(checkout.cli()).args(*line).run();
            let typed = line.join(" ");
            let code = outcome.code();
            assert!(
                code.is_some_and(|code| code < 6),
                "`{typed}` ended with {code:?}:\n{}",
                outcome.stderr
            );
            assert!(
                !outcome.stderr.contains("panicked"),
                "`{typed}` panicked:\n{}",
                outcome.stderr
            );
            checkout.assert_untouched(&typed, &outcome);
            (typed, outcome)
        })
        .collect()
}

/// Returns the outcome of a line.
#[track_caller]
pub fn of<'o>(outcomes: &'o [(String, Outcome)], line: &str) -> &'o Outcome {
    let found = outcomes.iter().find(|(typed, _)| typed == line);
    &found.unwrap_or_else(|| panic!("`{line}` was not run")).1
}

#[test]
fn no_command_is_left_out_of_the_sweep() {
    let project = super::support::Project::new();
    let help = Cli::new(&project).arg("--help").run().succeeds().stdout;
    let commands: BTreeSet<&str> = help
        .split_once("Commands:\n")
        .expect("a list of commands")
        .1
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let swept: BTreeSet<&str> = LINES.iter().map(|line| line[0]).collect();
    assert_eq!(commands, swept);
}
