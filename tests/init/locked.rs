//! A uv.lock next to the pyproject.toml decides which versions are shipped.

use std::process::Command;

use super::{
    init, source,
    support::{
        Cli, Project,
        bed::{self, path_with_uv},
    },
};

const DECLARED: &str = "[project]\nname = \"est\"\nversion = \"0\"\nrequires-python = \">=3.11\"\ndependencies = [\"markdown>=3.6\"]\n";

const ANSWER: &str = "def answer(prompt):\n    return prompt\n";

/// Creates an agent with one function outside the project's directory.
fn stage(pyproject: &str) -> Project {
    let project = Project::new();
    source(&project, "est/__init__.py", "");
    source(&project, "est/main.py", ANSWER);
    source(&project, "est/pyproject.toml", pyproject);
    project
}

/// Locks the oldest versions that the folder's project allows.
fn lock(project: &Project, folder: &str) {
    let status = Command::new(bed::program(&bed::agents(), "uv"))
        .args(["lock", "--quiet", "--resolution", "lowest-direct"])
        .current_dir(project.path().join(folder))
        .status()
        .unwrap();
    assert!(status.success());
}

fn shipped(project: &Project) -> String {
    let package = Cli::new(project).env("PATH", path_with_uv());
    package
        .args(["package", "--list", "--force"])
        .run()
        .succeeds()
        .stdout
}

#[test]
fn the_versions_of_a_lock_elsewhere_are_written_down_and_shipped() {
    let project = stage(DECLARED);
    lock(&project, "../agents/est");
    let outcome = init(&project, &["--yes", "--write"]).succeeds();
    let said = "pinned by `../agents/est/uv.lock`";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    assert_eq!(
        project.read("deployment/constraints.txt"),
        "# The versions in `../agents/est/uv.lock`, as of `cargo agentcore init`.\nmarkdown==3.6\n"
    );
    let written = project.read("deployment/requirements.txt");
    let own = "-c constraints.txt\nmarkdown>=3.6\n";
    assert!(written.starts_with(own), "{written}");
    // Without the entry point's own requirements, which are large.
    project.write("deployment/requirements.txt", own);
    let shipped = shipped(&project).to_lowercase();
    assert!(shipped.contains("markdown-3.6.dist-info/"), "{shipped}");
}

#[test]
fn a_lock_beside_cargo_toml_is_used_where_it_is() {
    let project = Project::new();
    project.write("est/__init__.py", "");
    project.write("est/main.py", ANSWER);
    // The SDK is declared, but not installed in this test.
    let declared = DECLARED.replace("3.6\"]", "3.6\", \"bedrock-agentcore\"]");
    project.write("pyproject.toml", &declared);
    project.write(
        "uv.lock",
        "version = 1\n[[package]]\nname = \"est\"\nsource = { virtual = \".\" }\n",
    );
    let init = Cli::new(&project).args(["init", "--source", "est", "--yes", "--write"]);
    init.run().succeeds();
    let manifest = project.read("Cargo.toml");
    assert!(
        manifest.contains("requirements = \"pyproject.toml\"\n"),
        "{manifest}"
    );
    assert!(!project.has("deployment/requirements.txt"));
    assert!(!project.has("deployment/constraints.txt"));
    project.write("pyproject.toml", DECLARED);
    std::fs::remove_file(project.path().join("uv.lock")).unwrap();
    lock(&project, "");
    let shipped = shipped(&project).to_lowercase();
    assert!(shipped.contains("markdown-3.6.dist-info/"), "{shipped}");
}

/// The table would name the file next to the sources.
#[test]
fn a_project_that_another_one_hides_is_not_named_in_the_table() {
    let project = Project::new();
    project.write("est/__init__.py", "");
    project.write("est/main.py", ANSWER);
    let declares = |name: &str| {
        DECLARED
            .replace("markdown>=3.6", name)
            .replace("\"]", "\", \"bedrock-agentcore\"]")
    };
    project.write("est/pyproject.toml", declares("markdown"));
    project.write("pyproject.toml", declares("markupsafe"));
    let init = Cli::new(&project).args(["init", "--source", "est", "--yes", "--write"]);
    init.args(["--requirements", "pyproject.toml"])
        .run()
        .succeeds();
    let manifest = project.read("Cargo.toml");
    assert!(!manifest.contains("requirements = "), "{manifest}");
    let written = project.read("deployment/requirements.txt");
    assert_eq!(written, "markupsafe\nbedrock-agentcore\n");
}

#[test]
fn a_lock_that_does_not_fit_is_refused_or_said() {
    let project = stage(DECLARED);
    source(&project, "est/uv.lock", "version = 1\n[[package]\n");
    let before = project.tree();
    let broken = init(&project, &["--yes"]).exits(3);
    assert!(
        broken.stderr.contains("est/uv.lock:2:"),
        "{}",
        broken.stderr
    );
    source(
        &project,
        "est/uv.lock",
        "version = 1\n[[package]]\nname = \"other\"\nsource = { virtual = \".\" }\n",
    );
    let other = init(&project, &["--yes"]).exits(3);
    let said = "`../agents/est/uv.lock` does not contain the project `est`";
    assert!(other.stderr.contains(said), "{}", other.stderr);
    assert_eq!(project.tree(), before);

    source(
        &project,
        "est/uv.lock",
        "version = 1\n[[package]]\nname = \"est\"\nsource = { virtual = \".\" }\n",
    );
    let stale = init(&project, &["--yes"]).succeeds();
    let said =
        "warning: `markdown` is not in `../agents/est/uv.lock`, so its version is not pinned";
    assert!(stale.stderr.contains(said), "{}", stale.stderr);
}
