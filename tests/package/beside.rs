//! Packages that the project takes from elsewhere than an index.

use std::{fs, process::Command};

use super::{
    archive, names, package, python,
    support::{Project, bed, wheels},
};

const STRANGER: &str = "STRANGER = 1\n";

/// Creates a project whose index has unrelated packages with the names of its own.
fn project(pyproject: &str) -> Project {
    let project = Project::new().agent_with(
        "my_agent",
        "runtime = \"python3.11\"\nrequirements = \"pyproject.toml\"",
    );
    for name in ["shared", "corp"] {
        let file = format!("{name}/__init__.py");
        let wheel = wheels::plain(name, "9.0", &[(file.as_str(), STRANGER)]);
        project.write(&format!("strangers/{name}-9.0-py3-none-any.whl"), wheel);
    }
    project.write("deployment/pyproject.toml", pyproject);
    project
}

fn text_of(project: &Project, path: &str) -> String {
    let code = format!(
        "import sys, zipfile\nprint(zipfile.ZipFile(sys.argv[1]).read({path:?}).decode(), end='')"
    );
    python(&code, &archive(project))
}

fn shared(project: &Project, folder: &str) {
    project.write(
        &format!("{folder}/pyproject.toml"),
        "[project]\nname = \"shared\"\nversion = \"1.2\"\nrequires-python = \">=3.11\"\n\
         dependencies = [\"markdown==3.7\"]\n\n[build-system]\nrequires = [\"evil\"]\nbuild-backend = \"evil\"\n",
    );
    project.write(&format!("{folder}/src/shared/__init__.py"), "OURS = 1\n");
    project.write(&format!("{folder}/src/shared/.env"), "TOKEN=1\n");
}

#[test]
fn a_member_of_the_workspace_is_shipped_from_where_it_is_and_no_stranger_instead() {
    let project = project(
        "[project]\nname = \"app\"\nversion = \"0\"\ndependencies = [\"shared\"]\n\
         [tool.uv]\nfind-links = [\"../strangers\"]\n[tool.uv.sources]\nshared = { workspace = true }\n",
    );
    project.write(
        "pyproject.toml",
        "[tool.uv.workspace]\nmembers = [\"packages/*\", \"deployment\"]\n",
    );
    shared(&project, "packages/shared");
    package(&project).run().succeeds();
    assert_eq!(text_of(&project, "shared/__init__.py"), "OURS = 1\n");
    let metadata = text_of(&project, "shared-1.2.dist-info/METADATA");
    assert!(metadata.contains("Version: 1.2\n"), "{metadata}");
    let found = names(&archive(&project));
    assert!(found.contains(&"markdown/core.py".to_owned()), "{found:?}");
    assert!(
        !found
            .iter()
            .any(|name| name.contains(".env") || name.contains("9.0"))
    );

    // It is the agent's own code, so a change of it installs nothing.
    project.write("packages/shared/src/shared/__init__.py", "OURS = 2\n");
    let outcome = package(&project).run().succeeds();
    assert!(outcome.stderr.contains("(cached)"), "{}", outcome.stderr);
    assert_eq!(text_of(&project, "shared/__init__.py"), "OURS = 2\n");
}

#[test]
fn what_cannot_be_taken_from_its_source_is_refused_with_its_line() {
    let project = project(
        "[project]\nname = \"app\"\nversion = \"0\"\ndependencies = [\"shared\", \"corp\"]\n\
         [tool.uv]\nfind-links = [\"../strangers\"]\n[tool.uv.sources]\n\
         shared = { git = \"https://localhost/shared\" }\ncorp = { path = \"../nowhere\" }\n",
    );
    let outcome = package(&project).run().exits(3);
    outcome.says(&[
        "`git+https://localhost/shared` would have to be built",
        "pyproject.toml:8:10",
        "/nowhere` does not exist",
        "pyproject.toml:9:8",
    ]);
    // In a requirements file the same names refer to the same packages.
    project.write("deployment/requirements.txt", "markdown==3.7\nshared\n");
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        manifest.replace("\"pyproject.toml\"", "\"requirements.txt\""),
    );
    let outcome = package(&project).run().exits(3);
    let words = "`git+https://localhost/shared` would have to be built";
    assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
}

#[test]
fn an_explicit_index_is_used_for_its_package_alone() {
    let project = project(
        "[project]\nname = \"app\"\nversion = \"0\"\ndependencies = [\"corp\", \"markdown==3.7\"]\n\
         [tool.uv]\nfind-links = [\"../strangers\"]\n[tool.uv.sources]\ncorp = { index = \"own\" }\n\
         [[tool.uv.index]]\nname = \"own\"\nurl = \"../own\"\nformat = \"flat\"\nexplicit = true\n",
    );
    let ours = wheels::plain("corp", "1.0", &[("corp/__init__.py", "OURS = 1\n")]);
    project.write("own/corp-1.0-py3-none-any.whl", ours);
    let other = wheels::plain("markdown", "3.7", &[("markdown/__init__.py", STRANGER)]);
    project.write("own/markdown-3.7-py3-none-any.whl", other);
    package(&project).run().succeeds();
    assert_eq!(text_of(&project, "corp/__init__.py"), "OURS = 1\n");
    assert_ne!(text_of(&project, "markdown/__init__.py"), STRANGER);
}

#[test]
fn constraints_and_overrides_of_the_project_hold() {
    let project = project(
        "[project]\nname = \"app\"\nversion = \"0\"\ndependencies = [\"markdown\"]\n\
         [tool.uv]\nconstraint-dependencies = [\"markdown<3.7\"]\noverride-dependencies = [\"markdown>=3.5\"]\n",
    );
    package(&project).run().succeeds();
    let found = names(&archive(&project));
    assert!(
        found
            .iter()
            .any(|name| name.to_lowercase().starts_with("markdown-3.6.dist-info/")),
        "{found:?}"
    );
}

#[test]
fn poetrys_sources_are_honoured_like_uvs() {
    let project = project(
        "[tool.poetry]\nname = \"app\"\nversion = \"0\"\n[tool.poetry.dependencies]\npython = \"^3.11\"\n\
         markdown = \"~3.6\"\nshared = { path = \"../libs/shared\", develop = true }\n",
    );
    shared(&project, "libs/shared");
    let pinned = project
        .read("libs/shared/pyproject.toml")
        .replace("==3.7", "<4");
    project.write("libs/shared/pyproject.toml", pinned);
    package(&project).run().succeeds();
    assert_eq!(text_of(&project, "shared/__init__.py"), "OURS = 1\n");
    let found = names(&archive(&project));
    assert!(
        found
            .iter()
            .any(|name| name.to_lowercase().starts_with("markdown-3.6")),
        "{found:?}"
    );
}

#[test]
fn a_lock_of_a_workspace_ships_its_members_from_where_they_are() {
    let project = project(
        "[project]\nname = \"app\"\nversion = \"0\"\nrequires-python = \">=3.11\"\n\
         dependencies = [\"shared\"]\n[tool.uv.sources]\nshared = { workspace = true }\n",
    );
    project.write(
        "pyproject.toml",
        "[tool.uv.workspace]\nmembers = [\"packages/*\", \"deployment\"]\n",
    );
    shared(&project, "packages/shared");
    let plain = project.read("packages/shared/pyproject.toml");
    let plain = plain.split("\n\n[build-system]").next().unwrap().to_owned();
    project.write("packages/shared/pyproject.toml", plain);
    let locked = Command::new(bed::program(&bed::agents(), "uv"))
        .args(["lock", "--quiet"])
        .current_dir(project.path())
        .status()
        .unwrap();
    assert!(locked.success());
    package(&project).run().succeeds();
    assert_eq!(text_of(&project, "shared/__init__.py"), "OURS = 1\n");
    let found = names(&archive(&project));
    assert!(found.contains(&"markdown/core.py".to_owned()), "{found:?}");
    assert!(fs::metadata(project.path().join("uv.lock")).is_ok());
}

#[test]
fn nothing_tells_where_on_this_machine_a_wheel_was() {
    let project = Project::new().agent_with("my_agent", "runtime = \"python3.11\"");
    wheels::require_heavy(&project);
    package(&project).run().succeeds();
    let found = names(&archive(&project));
    assert!(
        !found.iter().any(|name| name.ends_with("direct_url.json")),
        "{found:?}"
    );
    assert!(!text_of(&project, "heavy-1.0.dist-info/RECORD").contains("direct_url"));
}
