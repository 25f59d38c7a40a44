//! Work in progress is shown on a terminal while it lasts, and nowhere else.

use std::time::Duration;

use serde_json::json;

use crate::{
    narrow::WIDTHS,
    support::{
        Cli, Project,
        scripted::{Script, Scripted},
        server::Answer,
        terminal::Terminal,
    },
};

/// Returns a server that answers slowly.
fn slow() -> Scripted {
    let none = Answer::json(200, &json!({ "agentRuntimes": [] }));
    Script::new()
        .identity()
        .always(
            "bedrock-agentcore:ListAgentRuntimes",
            none.after(Duration::from_millis(2_500)),
        )
        .errors(
            "iam:GetRole",
            9,
            404,
            "NoSuchEntity",
            "there is no such role",
        )
        .start()
}

fn status(project: &Project, aws: &Scripted) -> Cli {
    Cli::new(project)
        .args(["status", "--region", "us-west-2"])
        .at(&aws.url())
        .without_env("CI")
}

const WORK: &str = "Reading";

#[test]
fn a_wait_is_one_row_that_never_breaks_and_leaves_nothing_behind() {
    for columns in WIDTHS {
        let (project, aws) = (Project::new().agent("one"), slow());
        let terminal = Terminal::wide(&status(&project, &aws), columns);
        terminal.shows_within("     Reading ");
        // The time advances.
        terminal.shows_within(" 1s");
        let row = |picture: Vec<String>| {
            let rows = picture.iter().filter(|row| row.contains(WORK)).count();
            (rows, picture)
        };
        let (rows, picture) = row(terminal.picture());
        assert_eq!(rows, 1, "{picture:#?}");
        let last = picture.last().unwrap();
        assert!(last.contains(WORK), "{picture:#?}");
        assert!(last.len() < usize::from(columns), "{last:?}");
        assert!(
            picture.iter().any(|row| row.contains("Account")),
            "{picture:#?}"
        );

        let (status, picture) = terminal.leaves();
        assert_eq!(status.code(), Some(0), "{picture:#?}");
        let (rows, picture) = row(picture);
        assert_eq!(rows, 0, "{picture:#?}");
        // The lines before and after are intact.
        let text = picture.concat();
        assert!(text.contains("Account 111122223333 as"), "{picture:#?}");
        assert!(text.contains("not deployed"), "{picture:#?}");
    }
}

#[test]
fn nothing_is_shown_where_it_is_not_wanted() {
    let (project, aws) = (Project::new().agent("one"), slow());
    let plain = status(&project, &aws).run().exits(0);
    assert!(!plain.stderr.contains(WORK), "{}", plain.stderr);
    for (name, value) in [
        ("CARGO_TERM_PROGRESS_WHEN", "never"),
        ("CARGO_TERM_QUIET", "true"),
        ("CI", "true"),
    ] {
        let cli = status(&project, &aws).env(name, value);
        let (code, screen) = Terminal::wide(&cli, 80).ends();
        assert_eq!(code.code(), Some(0), "{screen}");
        assert!(!screen.contains(WORK), "{name}: {screen}");
    }
}
