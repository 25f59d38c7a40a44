//! The source's location, relative to a package of a workspace.

use crate::support::{Cli, Project};

const AGENT: &str = "def answer(prompt):\n    return prompt\n";

#[test]
fn what_lies_outside_the_workspace_is_said_and_a_package_is_no_workspace() {
    let project = Project::new()
        .file(
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"crates/*\"]\n",
        )
        .file(
            "crates/foo/Cargo.toml",
            "[package]\nname = \"foo\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
        )
        .file("crates/foo/src/lib.rs", "");
    project.write("inside/main.py", AGENT);
    project.write("../outside/main.py", AGENT);
    let init = |source: &str| {
        Cli::in_directory(&project.path().join("crates/foo"), project.root())
            .args(["init", "--yes", "--dry-run", "--source", source])
            .run()
            .succeeds()
            .redacted_stderr()
    };
    let inside = init("../../inside");
    assert!(!inside.contains("outside the workspace"), "{inside}");
    let outside = init("../../../outside");
    let said = "note: the source `../../../outside` is outside the workspace: [ROOT]/outside\n";
    assert!(outside.contains(said), "{outside}");
}

/// Creates a workspace with two packages, each with an agent's code next to its Rust code.
fn two_members() -> Project {
    let package = |name: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n")
    };
    Project::new()
        .file(
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"one\", \"two\"]\n",
        )
        .file("one/Cargo.toml", package("one"))
        .file("one/src/lib.rs", "")
        .file("one/first/main.py", AGENT)
        .file("two/Cargo.toml", package("two"))
        .file("two/src/lib.rs", "")
        .file("two/second/main.py", AGENT)
}

fn at(project: &Project, member: &str, words: &[&str]) -> Cli {
    Cli::in_directory(&project.path().join(member), project.root()).args(words)
}

const FIRST: [&str; 5] = ["init", "--yes", "--write", "--source", "first"];
const SECOND: [&str; 5] = ["init", "--yes", "--write", "--source", "second"];

#[test]
fn agents_of_two_members_belong_to_one_project_that_the_workspace_names() {
    let project = two_members();
    let first = at(&project, "one", &FIRST).run().succeeds();
    first.says(&[
        "      Adding the project to `../Cargo.toml`\n",
        "      Adding the agent to `Cargo.toml`\n",
    ]);
    let root = project.read("Cargo.toml");
    assert!(
        root.contains("[workspace.metadata.agentcore]\nproject = "),
        "{root}"
    );
    assert!(!project.read("one/Cargo.toml").contains("project ="));

    let second = at(&project, "two", &SECOND).run().succeeds();
    assert!(!second.stderr.contains("the project"), "{}", second.stderr);
    assert_eq!(project.read("Cargo.toml"), root);
    let all = at(&project, "", &["policy", "--only", "trust", "--workspace"]).run();
    let all = all.succeeds();
    assert!(all.stderr.contains("`first`, `second`"), "{}", all.stderr);
}

/// Earlier versions wrote the project into each member.
#[test]
fn the_project_of_a_member_becomes_that_of_the_workspace_with_the_second_agent() {
    let project = two_members();
    let own = "[package.metadata.agentcore]\nproject = \"shop-7k2qpx\"\n[package.metadata.agentcore.agents.first]\n";
    project.write("one/Cargo.toml", project.read("one/Cargo.toml") + own);
    at(&project, "two", &SECOND).run().succeeds();
    let root = project.read("Cargo.toml");
    assert!(root.contains("project = \"shop-7k2qpx\""), "{root}");
    at(&project, "", &["policy", "--only", "trust", "--workspace"])
        .run()
        .succeeds();
}

#[test]
fn without_write_both_tables_are_shown_with_their_files() {
    let project = two_members();
    let before = project.tree();
    let shown = at(&project, "one", &["init", "--yes", "--source", "first"]);
    let shown = shown.run().succeeds();
    assert!(
        shown
            .stdout
            .starts_with("# ../Cargo.toml\n[workspace.metadata.agentcore]\nproject = "),
        "{}",
        shown.stdout
    );
    let second = "\n# Cargo.toml\n[package.metadata.agentcore.agents.first]\n";
    assert!(shown.stdout.contains(second), "{}", shown.stdout);
    let note = "note: `../Cargo.toml` and `Cargo.toml` are not changed without `--write`\n";
    assert!(shown.stderr.contains(note), "{}", shown.stderr);
    for manifest in ["Cargo.toml", "one/Cargo.toml"] {
        assert_eq!(project.tree()[manifest], before[manifest]);
    }
}

#[test]
fn a_directory_without_a_manifest_joins_the_workspace_around_it() {
    let project = two_members();
    let root = project.read("Cargo.toml");
    project.write("agents/est/main.py", AGENT);
    let init = |words: &[&str]| {
        at(
            &project,
            "agents/est",
            &[&["init", "--yes"], words].concat(),
        )
    };
    let shown = init(&[]).run().succeeds();
    let note = "note: `../../Cargo.toml` is not changed without `--write`\n";
    assert!(shown.stderr.contains(note), "{}", shown.stderr);
    let adopted = init(&["--write"]).run().succeeds();
    let added = "      Adding the agent to `../../Cargo.toml`\n";
    assert!(adopted.stderr.contains(added), "{}", adopted.stderr);
    let whole = project.read("Cargo.toml");
    let table = "[workspace.metadata.agentcore.agents.est]\nsource = \"agents/est\"\n";
    assert!(whole.contains(table), "{whole}");
    assert!(!project.has("agents/est/Cargo.toml"));
    let policy = ["policy", "--only", "trust"];
    at(&project, "agents/est", &policy).run().succeeds();

    init(&["--standalone", "--name", "apart"]).run().succeeds();
    assert!(project.has("agents/est/Cargo.toml"));
    assert_eq!(project.read("Cargo.toml"), whole);

    // Cargo looks for a package in every directory that a pattern matches.
    std::fs::remove_file(project.path().join("agents/est/Cargo.toml")).unwrap();
    project.write(
        "Cargo.toml",
        root.replace("\"two\"", "\"two\", \"agents/*\""),
    );
    let refused = init(&["--write"]).run().exits(3);
    refused.says(&[
        "error: `members = [\"agents/*\"]` in `",
        "` matches `agents/est`, which has no Cargo.toml\n",
        "help: add `exclude = [\"agents/est\"]` to `[workspace]` there, then run `cargo agentcore init --source agents/est` in ",
    ]);
}

#[test]
fn members_with_different_projects_are_told_what_to_do() {
    let project = two_members();
    for (member, id) in [("one", "one-7k2qpx"), ("two", "two-7k2qpx")] {
        let path = format!("{member}/Cargo.toml");
        let own = format!(
            "[package.metadata.agentcore]\nproject = \"{id}\"\n[package.metadata.agentcore.agents.{member}]\n"
        );
        project.write(&path, project.read(&path) + &own);
    }
    let told = at(&project, "", &["local", "start"]).arg("--workspace");
    let told = told.run().exits(3);
    told.says(&[
        "error: the packages of this workspace declare different projects\n",
        "`one-7k2qpx` in ",
        "help: keep one `project`, in `[workspace.metadata.agentcore]`",
    ]);
}
