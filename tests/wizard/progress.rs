//! Work in progress is shown on a terminal while it lasts, and nowhere else.

use std::{fs, time::Duration};

use serde_json::json;

use super::{
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
    without_role()
        .always(
            "bedrock-agentcore:ListAgentRuntimes",
            none.after(Duration::from_millis(2_500)),
        )
        .start()
}

/// Returns a script of an account that has no role.
fn without_role() -> Script {
    let reads = ["GetRole", "ListRolePolicies", "ListAttachedRolePolicies"];
    reads
        .into_iter()
        .fold(Script::new().identity(), |script, read| {
            let why = "there is no such role";
            script.errors(&format!("iam:{read}"), 9, 404, "NoSuchEntity", why)
        })
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
fn a_message_during_the_work_has_rows_of_its_own() {
    for columns in WIDTHS {
        let project = Project::new().agent("one");
        let throttled = Answer::json(429, &json!({ "message": "slow down" }))
            .after(Duration::from_secs(1))
            .header("x-amzn-errortype", "ThrottlingException");
        let none = Answer::json(200, &json!({ "agentRuntimes": [] }));
        let aws = without_role()
            .then("bedrock-agentcore:ListAgentRuntimes", throttled)
            .always(
                "bedrock-agentcore:ListAgentRuntimes",
                none.after(Duration::from_secs(1)),
            )
            .start();
        let terminal = Terminal::wide(&status(&project, &aws).arg("-vv"), columns);
        terminal.shows_within("     Reading ");
        // The request is printed above the row, which stays.
        terminal.shows_within("429");
        let picture = terminal.picture();
        assert!(picture.last().unwrap().contains(WORK), "{picture:#?}");
        let (status, picture) = terminal.leaves();
        assert_eq!(status.code(), Some(0), "{picture:#?}");
        assert!(!picture.concat().contains(WORK), "{picture:#?}");
        let requests = picture.concat().matches(" after ").count();
        assert!(requests >= 3, "{picture:#?}");
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

/// An installer that takes long: it only answers the questions before the installation.
const INSTALLER: &str = "#!/bin/sh\ncase \"$1\" in\n--version) echo 'uv 0.9.0' ;;\npip) exec sleep 60 ;;\n*) exit 1 ;;\nesac\n";

#[test]
fn ctrl_c_clears_the_row_and_removes_what_was_being_built() {
    use std::os::unix::fs::PermissionsExt as _;

    let project = Project::new().agent("one").file("../bin/uv", INSTALLER);
    let bin = project.root().join("bin");
    fs::set_permissions(bin.join("uv"), fs::Permissions::from_mode(0o755)).unwrap();
    let cache = project.root().join("cache");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let cli = Cli::new(&project)
        .args(["package"])
        .env("PATH", path)
        .env("CARGO_AGENTCORE_CACHE_DIR", &cache)
        .without_env("CI");
    let mut terminal = Terminal::wide(&cli, 100);
    terminal.shows_within("dependencies of `one` 1s");
    terminal.types(super::CTRL_C);
    let (status, picture) = terminal.leaves();
    assert_eq!(status.code(), Some(130), "{picture:#?}");
    let row = picture.iter().find(|row| row.contains("`one` 1s"));
    assert_eq!(row, None, "{picture:#?}");
    let kept = fs::read_dir(cache.join("dependencies")).unwrap();
    let kept: Vec<_> = kept.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        kept.iter()
            .all(|name| name.to_string_lossy().ends_with(".lock")),
        "{kept:?}"
    );
}
