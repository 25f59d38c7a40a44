//! `init` in an agent's own folder, once and repeatedly.

use crate::support::{Cli, Outcome, Project};

const APP: &str = "from bedrock_agentcore import BedrockAgentCoreApp\n\napp = BedrockAgentCoreApp()\n\n\n@app.entrypoint\ndef invoke(payload):\n    return payload\n\n\nif __name__ == \"__main__\":\n    app.run()\n";

fn init(project: &Project, folder: &str, args: &[&str]) -> Outcome {
    Cli::in_directory(&project.path().join(folder), project.root())
        .args(["init", "--yes", "--region", "us-west-2"])
        .args(args)
        .run()
}

#[test]
fn the_folder_is_the_source_and_nothing_in_it_changes() {
    let project = Project::new()
        .file("weather/main.py", APP)
        .file("weather/requirements.txt", "bedrock-agentcore\n");
    let before = project.tree();
    init(&project, "weather", &[]).succeeds();
    for (path, content) in &before {
        assert_eq!(project.tree().get(path), Some(content), "{path}");
    }
    let manifest = project.read("weather/Cargo.toml");
    let table = "[workspace.metadata.agentcore.agents.weather]\nsource = \".\"\nlayout = \"flat\"\nentrypoint = \"main.py\"\n";
    assert!(manifest.ends_with(table), "{manifest}");
    let readme = project.read("weather/README.md");
    assert!(readme.starts_with("# weather\n"), "{readme}");
    assert!(readme.contains("cargo agentcore invoke"), "{readme}");
    assert!(!project.has("weather/deployment"));
}

#[test]
fn a_readme_that_is_there_stays_alone() {
    let project = Project::new()
        .file("weather/main.py", APP)
        .file("weather/Readme.rst", "Weather\n");
    let said = init(&project, "weather", &[]).succeeds();
    assert!(!project.has("weather/README.md"));
    assert!(!said.stderr.contains("README"), "{}", said.stderr);
}

#[test]
fn a_second_run_adds_a_second_agent() {
    let project = Project::new()
        .file("main.py", APP)
        .file("requirements.txt", "bedrock-agentcore\n")
        .file("other/main.py", APP)
        .file("other/requirements.txt", "bedrock-agentcore\n");
    init(
        &project,
        "",
        &["--entrypoint", "main.py", "--name", "first"],
    )
    .succeeds();
    let once = project.read("Cargo.toml");
    let again = init(&project, "", &["--source", "other"]).succeeds();
    assert_eq!(again.stdout, "");
    let twice = project.read("Cargo.toml");
    let added = twice.strip_prefix(&once).unwrap();
    assert!(
        added.contains("agents.other]\nsource = \"other\"\n"),
        "{added}"
    );
}

#[test]
fn a_folder_whose_name_is_no_agents_is_mapped_and_that_is_said() {
    for (folder, name) in [
        ("01-streaming", "streaming"),
        ("_draft", "draft"),
        ("my.agent", "my_agent"),
    ] {
        let project = Project::new().file(&format!("{folder}/main.py"), APP);
        let said = init(&project, folder, &[]).succeeds();
        let note = format!("note: the agent is named `{name}`: ");
        assert!(said.stderr.contains(&note), "{}", said.stderr);
    }
    let project = Project::new().file("2024-05/main.py", APP);
    let refused = init(&project, "2024-05", &[]).exits(2);
    assert!(refused.stderr.contains("name the agent with `--name`"));
    assert!(!project.has("2024-05/Cargo.toml"));
}

#[test]
fn the_starter_toolkit_is_pointed_out_with_its_size() {
    let project = Project::new().file("weather/main.py", APP).file(
        "weather/requirements.txt",
        "bedrock-agentcore\nbedrock_agentcore_starter_toolkit>=0.1\n",
    );
    let said = init(&project, "weather", &[]).succeeds();
    said.says(&[
        "warning: `bedrock-agentcore-starter-toolkit` is not needed at run time (requirements.txt:2)\n",
        "49 MB",
    ]);
}

#[test]
fn a_distribution_of_opentelemetry_that_sends_no_traces_is_pointed_out() {
    for (file, text, line) in [
        (
            "requirements.txt",
            "bedrock-agentcore\naws_opentelemetry_distro==0.12.*\n",
            2,
        ),
        (
            "pyproject.toml",
            "[project]\nname = \"x\"\ndependencies = [\n  \"bedrock-agentcore\",\n  \"aws-opentelemetry-distro~=0.17.0\",\n]\n",
            5,
        ),
    ] {
        let project = Project::new()
            .file("weather/main.py", APP)
            .file(&format!("weather/{file}"), text);
        let told = init(&project, "weather", &[]).succeeds();
        let warning = format!(
            "warning: this version of `aws-opentelemetry-distro` sends no traces from a new runtime ({file}:{line})\n"
        );
        assert!(told.stderr.contains(&warning), "{}", told.stderr);
    }
}
