//! Where the source lies, seen from a package of a workspace.

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
