//! The sources' paths in the archive, and where they are read from.

use std::path::Path;

use super::{
    archive, names, python,
    support::{Cli, Project},
};

/// Creates a project without dependencies and compiled files, whose archive contains only the
/// agent's own.
fn bare(keys: &str) -> Project {
    let project = Project::new().agent_with("shop", &format!("bytecode = \"never\"\n{keys}"));
    project.write("deployment/requirements.txt", "");
    project.write("deployment/invoke.py", "from shop.agent import answer\n");
    project
}

fn package(project: &Project) -> Cli {
    Cli::new(project).arg("package")
}

fn renamed(project: &Project, from: &str, to: &str) {
    let manifest = project.read("Cargo.toml");
    assert!(manifest.contains(from), "{manifest}");
    project.write("Cargo.toml", manifest.replace(from, to));
}

fn archive_of(project: &Project, agent: &str) -> std::path::PathBuf {
    archive(project)
        .with_file_name("")
        .with_file_name(agent)
        .join("deployment.zip")
}

fn shipped(archive: &Path, path: &str) -> String {
    let code = format!(
        "import sys, zipfile\nprint(zipfile.ZipFile(sys.argv[1]).read({path:?}).decode(), end='')"
    );
    python(&code, archive)
}

/// Records files as `prepare` does.
fn record(project: &Project, paths: &[&str]) {
    let code = "import hashlib, sys\nprint(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest(), end='')";
    let lines: Vec<String> = paths
        .iter()
        .map(|path| {
            let file = project.path().join("deployment").join(path);
            format!("{}  {path}\n", python(code, &file))
        })
        .collect();
    project.write("deployment/.cargo-agentcore", lines.concat());
}

#[test]
fn sources_are_shipped_from_where_they_are_and_nothing_is_written_beside_them() {
    let project = bare("");
    let before = project.tree();
    let archive = archive_of(&project, "shop");
    let first = package(&project).run().succeeds();
    assert!(!first.stderr.contains("Copying"), "{}", first.stderr);
    assert_eq!(project.tree(), before);
    let own = [
        "invoke.py",
        "requirements.txt",
        "shop/__init__.py",
        "shop/agent.py",
    ];
    assert_eq!(names(&archive), own);
    project.write("shop/agent.py", "def answer():\n    return 2\n");
    package(&project).run().succeeds();
    assert_eq!(
        shipped(&archive, "shop/agent.py"),
        project.read("shop/agent.py")
    );
}

#[test]
fn a_copy_is_not_shipped_and_an_edited_one_is_a_warning_that_names_the_source() {
    let project = bare("");
    let archive = archive_of(&project, "shop");
    for file in ["agent.py", "__init__.py", "gone.py"] {
        project.write(&format!("deployment/shop/{file}"), "OLD = 1\n");
    }
    record(
        &project,
        &["shop/__init__.py", "shop/agent.py", "shop/gone.py"],
    );
    let stale = package(&project).run().succeeds();
    assert!(!stale.stderr.contains("warning"), "{}", stale.stderr);
    assert!(!names(&archive).contains(&"shop/gone.py".to_owned()));
    assert_eq!(
        shipped(&archive, "shop/agent.py"),
        project.read("shop/agent.py")
    );

    let edit = "def answer():\n    return 'edited'\n";
    project.write("deployment/shop/agent.py", edit);
    for _ in 0..2 {
        let edited = package(&project).run().succeeds();
        edited.says(&[
            "copied files were edited in the deployment folder; the copies are not shipped",
            &format!(
                "`{}` is a copy of `{}`",
                project.path().join("deployment/shop/agent.py").display(),
                project.path().join("shop/agent.py").display()
            ),
            "help: edit the source; `cargo agentcore prepare --force` overwrites the copies",
        ]);
    }
    assert_eq!(
        shipped(&archive, "shop/agent.py"),
        project.read("shop/agent.py")
    );
    // An edit that was copied back does not count.
    project.write("shop/agent.py", edit);
    let over = package(&project).run().succeeds();
    assert!(!over.stderr.contains("edited"), "{}", over.stderr);
}

#[test]
fn what_sources_and_deployment_folder_both_provide_is_refused_with_both_places() {
    let project = bare("");
    // As copied by hand: the same file does not conflict.
    project.write("deployment/shop/agent.py", project.read("shop/agent.py"));
    package(&project).run().succeeds();
    project.write("deployment/shop/agent.py", "OTHER = 1\n");
    let refused = package(&project).run().exits(3);
    for words in [
        "two files would be `shop/agent.py` in the archive".to_owned(),
        format!(
            "one is the source `{}`",
            project.path().join("shop/agent.py").display()
        ),
        format!(
            "the other is `{}`",
            project.path().join("deployment/shop/agent.py").display()
        ),
    ] {
        assert!(
            refused.stderr.contains(&words),
            "{words}\n{}",
            refused.stderr
        );
    }
}

#[test]
fn an_agent_can_be_renamed_and_its_package_keeps_its_name() {
    let project = bare("");
    renamed(&project, "agents.shop]", "agents.seller]");
    let outcome = package(&project).run().succeeds();
    assert!(!outcome.stderr.contains("warning"), "{}", outcome.stderr);
    let found = names(&archive_of(&project, "seller"));
    assert!(found.contains(&"shop/agent.py".to_owned()), "{found:?}");
}

#[test]
fn an_entry_point_that_imports_the_agents_name_gets_the_line_that_is_missing() {
    let project = bare("");
    std::fs::rename(project.path().join("shop"), project.path().join("sources")).unwrap();
    renamed(&project, "source = \"shop\"", "source = \"sources\"");
    let refused = package(&project).run().exits(3);
    refused.says(&[
        "the entry point imports `shop`, and the agent's package is called `sources`",
        "/project/deployment/invoke.py:1:6",
        "help: add `import-name = \"shop\"` to `[…agentcore.agents.shop]` in Cargo.toml",
    ]);
    renamed(
        &project,
        "source = \"sources\"",
        "source = \"sources\"\nimport-name = \"shop\"",
    );
    package(&project).run().succeeds();
    let found = names(&archive_of(&project, "shop"));
    assert!(found.contains(&"shop/agent.py".to_owned()), "{found:?}");

    // A folder that Python cannot import gets the agent's name, as before.
    std::fs::rename(
        project.path().join("sources"),
        project.path().join("01-shop"),
    )
    .unwrap();
    renamed(
        &project,
        "source = \"sources\"\nimport-name = \"shop\"",
        "source = \"01-shop\"",
    );
    package(&project).run().succeeds();
}

#[test]
fn a_name_that_python_cannot_import_is_refused_at_its_place() {
    for (keys, words) in [
        (
            "import-name = \"my-shop\"",
            "invalid Python identifier `my-shop`",
        ),
        ("import-name = \"class\"", "`class` is a keyword of Python"),
        (
            "layout = \"flat\"\nimport-name = \"shop\"",
            "`import-name` is only for `layout = \"package\"`",
        ),
        ("layout = \"flet\"", "did you mean `flat`?"),
    ] {
        let refused = package(&bare(keys)).run().exits(3);
        assert!(
            refused.stderr.contains(words),
            "{words}\n{}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("/project/Cargo.toml:"),
            "{}",
            refused.stderr
        );
    }
}

/// Creates a project whose directory is the agent's, with scripts that import each other by bare
/// name.
fn scripts() -> Project {
    let project = Project::new();
    for (path, text) in [
        (
            "Cargo.toml",
            "[workspace]\n\n[workspace.metadata.agentcore]\nproject = \"test-project-7k2qpx\"\n\n\
             [workspace.metadata.agentcore.agents.my_agent]\nsource = \".\"\nlayout = \"flat\"\n\
             entrypoint = \"main.py\"\nbytecode = \"never\"\n",
        ),
        ("main.py", "import helper\n\nhelper.serve()\n"),
        ("helper.py", "def serve():\n    pass\n"),
        ("prompts/system.txt", "Be kind.\n"),
        ("requirements.txt", ""),
        ("README.md", "# Scripts\n"),
        ("LICENSE", "x"),
        ("pyproject.toml", "[project]\nname = \"scripts\"\n"),
        ("tests/test_main.py", "import main\n"),
        (".venv/pyvenv.cfg", ""),
        (".venv/lib/x.py", ""),
    ] {
        project.write(path, text);
    }
    project
}

#[test]
fn a_flat_agent_is_the_archives_root_and_nothing_of_the_project_is_shipped() {
    let project = scripts();
    let before = project.tree();
    let outcome = package(&project).run().succeeds();
    assert!(!outcome.stderr.contains("warning"), "{}", outcome.stderr);
    assert_eq!(project.tree(), before);
    let own = [
        "helper.py",
        "main.py",
        "prompts/system.txt",
        "requirements.txt",
    ];
    assert_eq!(names(&archive(&project)), own);

    // The project's description does not affect the archive.
    renamed(
        &project,
        "[workspace]\n",
        "# another description\n[workspace]\n",
    );
    project.write("README.md", "# More words\n");
    let again = package(&project).run().succeeds();
    assert!(again.stderr.contains("4 of the agent"), "{}", again.stderr);
    let bytes = std::fs::read(archive(&project)).unwrap();
    std::fs::remove_dir_all(project.path().join("target")).unwrap();
    package(&project).run().succeeds();
    assert!(std::fs::read(archive(&project)).unwrap() == bytes);
}

#[test]
fn a_flat_agent_takes_a_deployment_folder_and_requirements_that_are_not_shipped() {
    let project = scripts();
    renamed(
        &project,
        "source = \".\"\n",
        "source = \".\"\ndeployment = \"extra\"\nrequirements = \"pyproject.toml\"\n",
    );
    project.write(
        "pyproject.toml",
        "[project]\nname = \"scripts\"\nversion = \"1\"\ndependencies = [\"nothing @ file:///nowhere.zip\"]\n",
    );
    project.write("extra/certificates/ca.txt", "x\n");
    let refused = package(&project).run().exits(3);
    assert!(
        refused.stderr.contains("/project/pyproject.toml:4"),
        "{}",
        refused.stderr
    );
    renamed(&project, "requirements = \"pyproject.toml\"\n", "");
    package(&project).run().succeeds();
    let found = names(&archive(&project));
    assert!(
        found.contains(&"certificates/ca.txt".to_owned()),
        "{found:?}"
    );
    assert!(
        !found.iter().any(|name| name.starts_with("extra/")),
        "{found:?}"
    );

    project.write("extra/helper.py", "OTHER = 1\n");
    let refused = package(&project).run().exits(3);
    let words = "two files would be `helper.py` in the archive";
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
}

#[test]
fn a_misspelled_file_name_leads_to_the_file() {
    let project = scripts();
    renamed(
        &project,
        "entrypoint = \"main.py\"\n",
        "entrypoint = \"mian.py\"\nrequirements = \"requirments.txt\"\n",
    );
    let refused = package(&project).run().exits(3);
    refused.says(&[
        "help: did you mean `entrypoint = \"main.py\"`?",
        "help: did you mean `requirements = \"requirements.txt\"`?",
    ]);
}

#[test]
fn what_a_flat_agent_lacks_is_looked_for_in_its_source() {
    let project = scripts();
    for file in ["main.py", "requirements.txt"] {
        std::fs::remove_file(project.path().join(file)).unwrap();
    }
    let refused = package(&project).run().exits(3);
    refused.says(&[
        "the entry point of agent `my_agent` does not exist: `",
        "the requirements file of agent `my_agent` does not exist: `",
        "/project/main.py`",
    ]);
}
