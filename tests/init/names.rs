//! Files whose names Python cannot import, and packages below `src`.

use std::process::Command;

use super::{init, source, stage};
use crate::support::{Cli, Project, bed};

const AGENT: &str = "def answer(prompt):\n    return prompt\n";

#[test]
fn a_file_that_python_cannot_import_is_not_offered() {
    let project = stage();
    source(&project, "est/main.py", "");
    for (file, instead) in [
        ("my-bot.py", "my_bot.py"),
        ("01-agent.py", "agent.py"),
        ("inner/class.py", "inner/class_agent.py"),
    ] {
        source(&project, &format!("est/{file}"), AGENT);
        let help = format!("help: rename it to `{instead}`, and run this again\n");
        let none = init(&project, &[]).exits(2).stderr;
        let note = format!(
            "note: Python cannot import `{file}`, so its functions are not considered either\n"
        );
        assert!(none.contains(&note) && none.contains(&help), "{none}");
        std::fs::remove_file(project.root().join(format!("agents/est/{file}"))).unwrap();
    }
    source(&project, "est/my-bot.py", AGENT);
    let named = init(&project, &["--handler", "my-bot:answer"])
        .exits(2)
        .stderr;
    let error = "error: `--handler my-bot:answer`: Python cannot import `my-bot.py`\n";
    assert!(named.contains(error), "{named}");
    assert!(named.contains("rename it to `my_bot.py`"), "{named}");
    // Another one is used without a question.
    source(&project, "est/main.py", AGENT);
    let said = init(&project, &[]).succeeds().stderr;
    assert!(said.contains("`est.main:answer` answers"), "{said}");
}

#[test]
fn a_folder_that_python_cannot_import_becomes_the_archives_root() {
    let project = stage();
    source(&project, "est/main.py", "");
    source(&project, "est/my-bot/main.py", AGENT);
    init(&project, &["--yes"]).succeeds();
    let entry = project.read("deployment/invoke.py");
    assert!(entry.contains("from main import answer\n"), "{entry}");
}

/// The entry point imports the package by its name, with which `uv run` finds it too.
#[test]
fn a_package_below_src_is_imported_by_its_own_name() {
    let pyproject = "[build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n\n[project]\nname = \"shop\"\nversion = \"1\"\ndependencies = []\n";
    let poetry = "[tool.poetry]\nname = \"shop\"\nversion = \"1\"\n\n[project]\nname = \"shop\"\nversion = \"1\"\ndependencies = []\n";
    let plain = "[project]\nname = \"shop\"\nversion = \"1\"\ndependencies = []\n";
    for (pyproject, inner, module, shipped) in [
        (pyproject, "src/shop", "shop.agent", "src"),
        (poetry, "src/shop", "shop.agent", "src"),
        // uv does not install these.
        (plain, "src/shop", "src.shop.agent", "."),
        (pyproject, "shop", "shop.agent", "."),
    ] {
        let project = Project::new()
            .file("pyproject.toml", pyproject)
            .file(&format!("{inner}/__init__.py"), "")
            .file(&format!("{inner}/agent.py"), AGENT);
        Cli::new(&project)
            .args(["init", "--yes", "--name", "shop"])
            .run()
            .succeeds();
        let entry = project.read("deployment/invoke.py");
        let import = format!("from {module} import answer\n");
        assert!(entry.contains(&import), "{import}\n{entry}");
        let manifest = project.read("Cargo.toml");
        let source = format!("source = \"{shipped}\"\n");
        assert!(manifest.contains(&source), "{source}\n{manifest}");
        let ruff = Command::new(bed::program(&bed::agents(), "ruff"))
            .args([
                "check",
                "--isolated",
                "--no-cache",
                "--select",
                "I",
                "deployment",
            ])
            .current_dir(project.path())
            .output()
            .unwrap();
        assert!(
            ruff.status.success(),
            "{}",
            String::from_utf8_lossy(&ruff.stdout)
        );
    }
}
