//! `new` inside a cargo workspace, with the real cargo.

use std::process::Command;

use crate::support::{Cli, Outcome, Project, wheels::with_uv};

const ROOT: &str = "# The shop.\n[workspace]\nresolver = \"3\" # why\nmembers = [\n  \"crates/*\", # all\n]\n\n[workspace.lints]\n";

/// Creates a workspace with one Rust package.
fn workspace() -> Project {
    Project::new()
        .file("Cargo.toml", ROOT)
        .file(
            "crates/api/Cargo.toml",
            "[package]\nname = \"api\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
        )
        .file("crates/api/src/lib.rs", "")
}

fn new(project: &Project, at: &str, words: &[&str]) -> Cli {
    Cli::in_directory(&project.path().join(at), project.root())
        .arg("new")
        .args(words)
        .args(["--yes", "--template", "echo", "--vcs", "none"])
        .args(["--region", "us-west-2"])
}

/// Runs cargo in the workspace and returns its output.
#[track_caller]
fn cargo(project: &Project, words: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(words)
        .arg("--offline")
        .current_dir(project.path())
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the agents that a command means in this directory.
#[track_caller]
fn meant(project: &Project, at: &str, words: &[&str]) -> Vec<String> {
    let outcome = Cli::in_directory(&project.path().join(at), project.root())
        .args(["policy", "--only", "trust"])
        .args(words)
        .run()
        .succeeds();
    outcome.trusted_agents()
}

#[track_caller]
fn says(outcome: &Outcome, wanted: &[&str]) {
    let stderr = outcome.redacted_stderr();
    for line in wanted {
        assert!(stderr.contains(line), "{line}\n{stderr}");
    }
}

#[test]
fn a_new_agent_joins_the_workspace_and_cargo_goes_on_working() {
    let project = workspace();
    let made = new(&project, "crates", &["my-bot"]).run().succeeds();
    says(
        &made,
        &[
            "note: `crates/*` in `members` matches `crates/my-bot`, where cargo would expect a package; `exclude` prevents that\n",
            "    Creating agent `my_bot` in `my-bot` from template `echo`\n",
            "      Adding the agent to `../Cargo.toml`\n",
            "      Adding `crates/my-bot` to `exclude` in `../Cargo.toml`\n",
            "cd my-bot && cargo agentcore deploy --local",
        ],
    );
    let root = project.read("Cargo.toml");
    let kept = ROOT.replace(
        "]\n\n[workspace.lints]",
        "]\nexclude = [\"crates/my-bot\"]\n\n[workspace.lints]",
    );
    let added = root.strip_prefix(&kept).unwrap_or_else(|| panic!("{root}"));
    for line in [
        "[workspace.metadata.agentcore]",
        "region = \"us-west-2\"",
        "[workspace.metadata.agentcore.agents.my_bot]",
        "source = \"crates/my-bot/my_bot\"",
        "deployment = \"crates/my-bot/deployment\"",
    ] {
        assert!(added.lines().any(|found| found == line), "{line}\n{root}");
    }
    assert!(added.contains("\nproject = \"project-"), "{added}");
    assert!(!project.has("crates/my-bot/Cargo.toml"));
    let about = project.read("crates/my-bot/AGENTS.md");
    assert!(
        about.contains("configured in `../../Cargo.toml`"),
        "{about}"
    );
    assert!(
        !project
            .read("crates/my-bot/.gitignore")
            .contains("/target/")
    );

    let packages = cargo(
        &project,
        &["metadata", "--no-deps", "--format-version", "1"],
    );
    assert!(!packages.contains("my-bot/Cargo.toml"), "{packages}");
    cargo(&project, &["check", "--quiet"]);

    // A second agent belongs to the same project, and the directory selects.
    let second = new(&project, "", &["second"]).run().succeeds();
    says(&second, &["      Adding the agent to `Cargo.toml`\n"]);
    assert!(!second.stderr.contains("exclude"), "{}", second.stderr);
    let whole = project.read("Cargo.toml");
    assert!(whole.starts_with(&root), "{whole}");
    assert_eq!(whole.matches("project = ").count(), 1);
    cargo(&project, &["check", "--quiet"]);
    for (at, words, agents) in [
        ("", &[][..], &["my_bot", "second"][..]),
        ("crates", &[], &["my_bot", "second"]),
        ("crates/my-bot", &[], &["my_bot"]),
        ("crates/my-bot/deployment", &[], &["my_bot"]),
        ("second/tests", &[], &["second"]),
        ("second", &["--agent", "my_bot"], &["my_bot"]),
        ("crates/my-bot", &["--workspace"], &["my_bot", "second"]),
        (
            "crates/my-bot",
            &["--manifest-path", "../../Cargo.toml"],
            &["my_bot", "second"],
        ),
        ("crates/api", &[], &["my_bot", "second"]),
    ] {
        assert_eq!(meant(&project, at, words), agents, "{at} {words:?}");
    }
    let listed = with_uv(Cli::in_directory(
        &project.path().join("second"),
        project.root(),
    ))
    .args(["package", "--list"])
    .run()
    .succeeds();
    assert!(
        listed.stdout.contains("second/agent.py\n"),
        "{}",
        listed.stdout
    );
    let again = new(&project, "crates", &["other", "--name", "second"])
        .run()
        .exits(3);
    says(&again, &["the metadata already declares an agent `second`"]);
}

#[test]
fn in_a_packages_directory_the_agent_belongs_to_the_package() {
    let project = workspace();
    let before = project.read("crates/api/Cargo.toml");
    let made = new(&project, "crates/api", &["helper"]).run().succeeds();
    says(
        &made,
        &[
            "      Adding the project to `../../Cargo.toml`\n",
            "      Adding the agent to `Cargo.toml`\n",
        ],
    );
    let package = project.read("crates/api/Cargo.toml");
    let added = package.strip_prefix(&before).unwrap();
    assert!(
        added.contains("[package.metadata.agentcore.agents.helper]\nsource = \"helper/helper\"\n"),
        "{added}"
    );
    cargo(&project, &["check", "--quiet"]);
    for at in ["crates/api", "crates/api/helper", ""] {
        assert_eq!(meant(&project, at, &[]), ["helper"], "{at}");
    }
}

#[test]
fn a_separate_project_stays_possible() {
    let excluded = ROOT.replace("]\n\n", "]\nexclude = [\"apart\", \"crates/old\"]\n\n");
    let project = workspace();
    project.write("Cargo.toml", &excluded);
    for (at, words) in [
        ("", &["apart/bot"][..]),
        ("crates", &["old"]),
        ("", &["own", "--standalone"]),
    ] {
        new(&project, at, words).run().succeeds();
        assert_eq!(project.read("Cargo.toml"), excluded);
    }
    for path in ["apart/bot", "crates/old", "own"] {
        assert!(project.has(&format!("{path}/Cargo.toml")), "{path}");
    }
    cargo(&project, &["check", "--quiet"]);
    let tree = project.tree();
    let refused = new(&project, "crates", &["bot", "--standalone"])
        .run()
        .exits(3);
    says(
        &refused,
        &[
            "help: add `exclude = [\"crates/bot\"]` to `[workspace]` in [ROOT]/project/Cargo.toml, or choose another path\n",
        ],
    );
    assert_eq!(project.tree(), tree);
}

#[test]
fn a_folder_that_the_workspace_lists_must_be_a_package() {
    let project = Project::new().file(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"bot\"]\n",
    );
    project.write(
        "bot/Cargo.toml",
        "[package]\nname = \"bot\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    project.write("bot/src/lib.rs", "");
    std::fs::remove_dir_all(project.path().join("bot")).unwrap();
    let tree = project.tree();
    let refused = new(&project, "", &["bot"]).run().exits(3);
    says(
        &refused,
        &[
            "error: `[ROOT]/project/Cargo.toml` lists `bot` as a member, and a Python agent is not a Rust package\n",
            "help: delete `bot` from `members`",
        ],
    );
    assert_eq!(project.tree(), tree);
}

#[test]
fn a_dry_run_names_the_manifest_and_changes_nothing() {
    let project = workspace();
    let tree = project.tree();
    let dry = new(&project, "", &["crates/bot", "--dry-run"])
        .run()
        .succeeds();
    says(
        &dry,
        &[
            "       Would write `crates/bot/deployment/invoke.py`\n",
            "       Would add the agent to `Cargo.toml`\n",
            "       Would add `crates/bot` to `exclude` in `Cargo.toml`\n",
        ],
    );
    assert!(
        !dry.stderr.contains("crates/bot/Cargo.toml"),
        "{}",
        dry.stderr
    );
    assert_eq!(project.tree(), tree);
}

#[cfg(unix)]
#[test]
fn nothing_is_left_if_the_manifest_cannot_be_changed() {
    let project = workspace();
    std::fs::rename(
        project.path().join("Cargo.toml"),
        project.root().join("elsewhere.toml"),
    )
    .unwrap();
    std::os::unix::fs::symlink(
        project.root().join("elsewhere.toml"),
        project.path().join("Cargo.toml"),
    )
    .unwrap();
    let refused = new(&project, "", &["bot"]).run().exits(1);
    says(&refused, &["is a link that leads out of the project"]);
    assert!(!project.has("bot"));
    let manifest = std::fs::read_to_string(project.root().join("elsewhere.toml")).unwrap();
    assert_eq!(manifest, ROOT);
}
