//! Wrong input: what is wrong, where, what to do, and nothing is created.

use super::{
    project,
    support::{Cli, Ministack, Project, listing, proxy::Proxy},
};

#[test]
fn one_failure_does_not_hide_the_other_agents() {
    let emulator = Ministack::start();
    let project = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
        .agent("two");
    std::fs::remove_dir_all(project.path().join("two")).unwrap();
    let outcome = Cli::new(&project)
        .on(&emulator)
        .arg("prepare")
        .run()
        .exits(3);
    assert!(outcome.stdout.contains("--name one"), "{}", outcome.stdout);
    assert!(
        outcome
            .stderr
            .contains("the source `two` does not exist\n  --> "),
        "{}",
        outcome.stderr
    );
    let line = " | source = \"two\"\n";
    assert!(outcome.stderr.contains(line), "{}", outcome.stderr);
}

#[test]
fn a_source_that_is_not_there_is_looked_for_from_where_it_was_written() {
    let emulator = Ministack::start();
    let project = project();
    project.write("below/mine.txt", "");
    let below = project.path().join("below");
    let refused = Cli::in_directory(&below, project.root())
        .on(&emulator)
        .args(["prepare", "--source-dir", "../nowhere"])
        .run()
        .exits(3)
        .redacted_stderr();
    for said in [
        "error: the source `../nowhere` does not exist\n",
        "  note: looked for [ROOT]/project/nowhere\n",
        "  help: `--source-dir` is relative to the current directory\n",
    ] {
        assert!(refused.contains(said), "{said} in {refused}");
    }
}

#[test]
fn credentials_region_and_account_that_are_missing_or_wrong_are_said() {
    let emulator = Ministack::start();
    let project = project();
    let none = Cli::new(&project)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .arg("prepare")
        .run()
        .exits(4);
    assert!(
        none.stderr.contains("no AWS credentials were found"),
        "{}",
        none.stderr
    );

    let profile = Cli::new(&project)
        .on(&emulator)
        .args(["prepare", "--profile", "nope"])
        .run()
        .exits(4);
    assert!(
        profile.stderr.contains("there is no profile `nope`"),
        "{}",
        profile.stderr
    );

    let nowhere = Project::new().agent("one");
    let region = Cli::new(&nowhere)
        .on(&emulator)
        .arg("prepare")
        .run()
        .exits(3);
    assert!(
        region.stderr.contains("no AWS region is configured"),
        "{}",
        region.stderr
    );

    let pinned = Project::new()
        .metadata("region = \"us-east-1\"\naccount = \"123456789012\"")
        .agent("one");
    let account = Cli::new(&pinned)
        .on(&emulator)
        .arg("prepare")
        .run()
        .exits(4);
    assert!(
        account.stderr.contains("belongs to account 123456789012"),
        "{}",
        account.stderr
    );
}

#[test]
fn with_a_profile_the_keys_in_the_environment_do_not_count() {
    let emulator = Ministack::start();
    let project = project().home_file(
        ".aws/credentials",
        "[dev]\naws_access_key_id = 111111111111\naws_secret_access_key = x\n",
    );
    let proxy = Proxy::to(&emulator);
    let outcome = Cli::new(&project)
        .at(&proxy.url())
        .args(["prepare", "--profile", "dev"])
        .run()
        .succeeds();
    assert!(
        proxy
            .requests()
            .iter()
            .all(|request| request.access_key == "111111111111")
    );
    assert!(
        outcome.stdout.starts_with("env -u AWS_ACCESS_KEY_ID "),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("AWS_PROFILE=dev"),
        "{}",
        outcome.stdout
    );
}

/// Fails without AWS, and creates nothing.
fn refused(project: &Project, code: i32) -> String {
    let before = project.tree();
    let outcome = Cli::new(project).arg("prepare").run().exits(code);
    assert_eq!(outcome.stdout, "");
    assert_eq!(project.tree(), before);
    outcome.redacted_stderr()
}

#[test]
fn a_place_without_project_metadata_or_identity_is_told_what_is_missing() {
    let nothing = Project::new();
    let said = refused(&nothing, 3);
    assert!(
        said.contains("error: could not find `Cargo.toml` in `[ROOT]/project` or any parent"),
        "{said}"
    );
    assert!(
        said.contains("help: `cargo agentcore new <path>` creates a project, `cargo agentcore init --source <dir>` sets up an existing agent"),
        "{said}"
    );

    let plain = Project::new().file("Cargo.toml", "[workspace]\n");
    let said = refused(&plain, 3);
    assert!(
        said.contains(
            "error: no `[workspace.metadata.agentcore]` or `[package.metadata.agentcore]` table"
        ),
        "{said}"
    );
    assert!(
        said.contains("note: read [ROOT]/project/Cargo.toml"),
        "{said}"
    );
    assert!(
        said.contains("`cargo agentcore init --source <dir> --write` adds the table"),
        "{said}"
    );

    let nobodys = Project::new().file(
        "Cargo.toml",
        "[workspace]\n\n[workspace.metadata.agentcore.agents.one]\nsource = \"one\"\n",
    );
    let said = refused(&nobodys, 3);
    assert!(
        said.contains("error: the agent `one` belongs to no project"),
        "{said}"
    );
    assert!(said.contains("[ROOT]/project/Cargo.toml:3:"), "{said}");
    assert!(
        said.contains("help: add `project = \"one-<six random"),
        "{said}"
    );

    let broken = Project::new().file("Cargo.toml", "[workspace]\nmembers = [\n");
    let said = refused(&broken, 3);
    assert!(said.contains("Cargo.toml:2:"), "{said}");
}

#[test]
fn every_wrong_key_type_and_name_is_said_at_once_with_its_place() {
    let project = Project::new().file(
        "Cargo.toml",
        "[workspace]
[workspace.metadata.agentcore]
project = \"test-7k2qpx\"
region = 7
acount = \"123456789012\"
[workspace.metadata.agentcore.agents.one]
models = \"amazon.nova-pro-v1:0\"
netwrok = {}
permissions = [\"prices\"]
[workspace.metadata.agentcore.agents.\"1st\"]
",
    );
    let said = refused(&project, 3);
    for wanted in [
        "error: `region` in `[workspace.metadata.agentcore]` must be a string\n --> [ROOT]/project/Cargo.toml:4:10",
        "this is a whole number",
        "error: unknown key `acount` in `[workspace.metadata.agentcore]`\n --> [ROOT]/project/Cargo.toml:5:1",
        "did you mean `account`?",
        "error: `models` in `[workspace.metadata.agentcore.agents.one]` must be a list of strings\n --> [ROOT]/project/Cargo.toml:7:10",
        "error: unknown key `netwrok` in `[workspace.metadata.agentcore.agents.one]`\n --> [ROOT]/project/Cargo.toml:8:1",
        "did you mean `network`?",
        "[ROOT]/project/Cargo.toml:9:16",
        "error: invalid agent name `1st`: expected a letter, then up to 47 letters, digits and underscores\n",
        "[ROOT]/project/Cargo.toml:10:38",
    ] {
        assert!(said.contains(wanted), "{wanted}\nis not in\n{said}");
    }
}

#[test]
fn agents_whose_names_or_folders_meet_are_refused() {
    let names = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
        .agent("ONE");
    let said = refused(&names, 3);
    assert!(
        said.contains("error: the agents `ONE` and `one` are both called `one`"),
        "{said}"
    );

    let folders = Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
        .agent("two");
    let manifest = folders.read("Cargo.toml");
    folders.write(
        "Cargo.toml",
        manifest.replace("deployment-two", "deployment"),
    );
    let said = refused(&folders, 3);
    assert!(
        said.contains("error: the agents `one` and `two` share the deployment folder"),
        "{said}"
    );
    assert!(
        said.contains("note: `two` is declared in [ROOT]/project/Cargo.toml"),
        "{said}"
    );
    assert!(
        said.contains("help: set another `deployment` in `[…agentcore.agents.two]`"),
        "{said}"
    );
}

#[test]
fn new_refuses_a_name_that_cannot_be_and_a_place_that_is_taken() {
    let project = Project::new().file("full/file", "").file("file", "");
    let tree = project.tree();
    for (path, code, wanted) in [
        (
            "123",
            2,
            "invalid agent name `123`: expected a letter, then up to 47 letters, digits and underscores",
        ),
        ("full", 1, "the directory `full` exists and is not empty"),
        ("file", 1, "`file` exists and is a file"),
    ] {
        let outcome = Cli::new(&project)
            .args(["new", path, "--yes"])
            .run()
            .exits(code);
        assert!(
            outcome.stderr.contains(wanted),
            "{path}: {}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains("help: "),
            "{path}: {}",
            outcome.stderr
        );
        assert_eq!(project.tree(), tree, "{path}");
    }
}

#[cfg(unix)]
#[test]
fn a_source_that_cannot_be_copied_is_named_and_nothing_is_made() {
    use std::{
        ffi::OsStr,
        fs,
        os::unix::{ffi::OsStrExt, fs::symlink},
    };

    type Harm = fn(&std::path::Path);
    let emulator = Ministack::start();
    let before = listing(&emulator);
    let cases: [(Harm, &str); 6] = [
        (
            |one| fs::remove_dir_all(one).unwrap(),
            "the source `one` does not exist",
        ),
        (
            |one| {
                fs::remove_dir_all(one).unwrap();
                fs::create_dir(one).unwrap();
            },
            "the source `one` contains no Python files",
        ),
        (
            |one| {
                fs::remove_dir_all(one).unwrap();
                fs::write(one, "").unwrap();
            },
            "source = \"one\"\n  |          ^^^^^\n  help: name the directory of the agent's Python package",
        ),
        (
            |one| {
                fs::write(one.join("../secret.py"), "").unwrap();
                symlink("../secret.py", one.join("link.py")).unwrap();
            },
            "help: copy what it points at into the source",
        ),
        (
            |one| symlink("nowhere.py", one.join("link.py")).unwrap(),
            "is broken: there is no `",
        ),
        (
            |one| fs::write(one.join(OsStr::from_bytes(b"\xff.py")), "").unwrap(),
            "is not UTF-8\n  help: rename it",
        ),
    ];
    for (harm, wanted) in cases {
        let project = project();
        harm(&project.path().join("one"));
        let outcome = Cli::new(&project)
            .on(&emulator)
            .arg("prepare")
            .run()
            .exits(3);
        assert!(
            outcome.stderr.contains(wanted),
            "{wanted}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.stdout, "");
        assert!(!project.has("deployment/one"), "{wanted}");
    }
    assert_eq!(listing(&emulator), before);
}
