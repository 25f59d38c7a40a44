//! The agents selected in a workspace, from each directory.

use serde_json::json;

use crate::support::{Cli, Outcome, Project, scripted::Script, server::Answer};

/// The table of `help workspaces`: a directory, and the agents that a command is about there.
const PLACES: [(&str, &[&str]); 8] = [
    ("", &["one", "shared"]),
    ("one", &["one"]),
    ("one/notes", &["one"]),
    ("two/src", &["two"]),
    ("inner", &["one", "shared"]),
    ("inner/three", &["three"]),
    ("plain", &["shared"]),
    ("apart", &["apart"]),
];

/// Creates a workspace with four members, of which `one` and `plain` are default members; `plain`
/// declares no agent, `inner/three` is nested. `apart` is excluded and a separate project.
fn workspace() -> Project {
    let mut project = Project::new()
        .file(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"one\", \"two\", \"plain\", \"inner/three\"]\n\
             default-members = [\"one\", \"plain\"]\nexclude = [\"apart\"]\n\
             [workspace.metadata.agentcore]\nproject = \"shop-000000\"\n\
             [workspace.metadata.agentcore.agents.shared]\n\
             [workspace.metadata.agentcore.stages.test]\n",
        )
        .file("one/notes/today.txt", "");
    for (path, name) in [
        ("one", "one"),
        ("two", "two"),
        ("plain", "plain"),
        ("inner/three", "three"),
        ("apart", "apart"),
    ] {
        let table = match name {
            "plain" => String::new(),
            "apart" => {
                "[package.metadata.agentcore]\nproject = \"apart-000000\"\n[package.metadata.agentcore.agents.apart]\n"
                    .to_owned()
            }
            "two" => {
                "[package.metadata.agentcore.agents.two]\n[package.metadata.agentcore.stages.prod]\naccount = \"123456789012\"\n"
                    .to_owned()
            }
            name => format!("[package.metadata.agentcore.agents.{name}]\n"),
        };
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{table}"
        );
        project = project
            .file(&format!("{path}/Cargo.toml"), manifest)
            .file(&format!("{path}/src/lib.rs"), "");
    }
    project
}

#[test]
fn an_agent_that_two_tables_declare_is_reported_with_both_files() {
    let project = workspace();
    let manifest = project.read("inner/three/Cargo.toml");
    project.write(
        "inner/three/Cargo.toml",
        manifest.replace("agents.three", "agents.two"),
    );
    let stderr = policy(&project, ".", &[]).exits(3).redacted_stderr();
    for wanted in [
        "error: the agent `two` is declared twice",
        "project/two/Cargo.toml",
        "project/inner/three/Cargo.toml",
    ] {
        assert!(stderr.contains(wanted), "{stderr}");
    }
}

fn policy(project: &Project, at: &str, options: &[&str]) -> Outcome {
    Cli::in_directory(&project.path().join(at), project.root())
        .args(["policy", "--only", "trust"])
        .args(options)
        .run()
}

#[test]
fn the_place_and_the_options_select_agents_as_cargo_selects_packages() {
    let project = workspace();
    let everything = ["one", "shared", "three", "two"];
    for (at, expected) in PLACES {
        let outcome = policy(&project, at, &[]).succeeds();
        assert_eq!(
            outcome.trusted_agents(),
            expected,
            "{at}\n{}",
            outcome.stderr
        );
    }
    for (at, options, expected) in [
        ("", &["--manifest-path", "two/Cargo.toml"][..], &["two"][..]),
        (
            "one",
            &["--manifest-path", "../Cargo.toml"],
            &["one", "shared"],
        ),
        ("", &["-p", "two"], &["two"]),
        ("one", &["-p", "t*"], &["three", "two"]),
        ("one", &["-p", "two", "-p", "three"], &["three", "two"]),
        ("", &["--workspace"], &everything),
        ("plain", &["--workspace"], &everything),
        ("", &["--workspace", "--exclude", "t*"], &["one", "shared"]),
        ("", &["--agent", "three"], &["three"]),
        ("one", &["--agent", "two,shared"], &["shared", "two"]),
        (
            "one",
            &["--agent", "two", "--agent", "one"],
            &["one", "two"],
        ),
        ("two", &["--stage", "prod"], &["two"]),
        (
            "",
            &["--stage", "test", "--workspace"],
            &["one", "shared", "three", "two"],
        ),
    ] {
        let outcome = policy(&project, at, options).succeeds();
        assert_eq!(
            outcome.trusted_agents(),
            expected,
            "{at}: {options:?}\n{}",
            outcome.stderr
        );
    }
}

#[test]
fn package_and_status_are_about_the_agents_of_the_directory() {
    let project = workspace();
    for (package, agent) in [
        ("", "shared"),
        ("one/", "one"),
        ("two/", "two"),
        ("inner/three/", "three"),
        ("apart/", "apart"),
    ] {
        project.write(&format!("{package}{agent}/__init__.py"), "");
        project.write(&format!("{package}deployment/invoke.py"), "print(1)\n");
        project.write(&format!("{package}deployment/requirements.txt"), "");
    }
    let none = Answer::json(200, &json!({ "agentRuntimes": [] }));
    let aws = Script::new()
        .identity()
        .always("bedrock-agentcore:ListAgentRuntimes", none)
        .errors("iam:GetRole", 99, 404, "NoSuchEntity", "there is none")
        .errors(
            "iam:ListRolePolicies",
            99,
            404,
            "NoSuchEntity",
            "there is none",
        )
        .errors(
            "iam:GetRolePolicy",
            99,
            404,
            "NoSuchEntity",
            "there is none",
        )
        .start();
    for (at, expected) in PLACES {
        let run = |words: &[&str]| {
            Cli::in_directory(&project.path().join(at), project.root())
                .at(&aws.url())
                .args(words)
                .run()
                .succeeds()
        };
        let packaged = run(&["package"]);
        let lines = packaged.stderr.lines();
        let names = lines.filter_map(|line| line.trim_start().strip_prefix("Packaged `"));
        let mut names: Vec<&str> = names.filter_map(|rest| rest.split('`').next()).collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{at}\n{}", packaged.stderr);

        let status = run(&["status", "--region", "us-west-2"]);
        let lines = status.stdout.lines();
        let mut names: Vec<&str> = lines.filter(|line| !line.starts_with(' ')).collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{at}\n{}", status.stdout);
    }
}

#[test]
fn a_selection_without_an_agent_says_what_there_is() {
    let project = workspace();
    for (at, options, code, said) in [
        ("", &["-p", "tow"][..], 2, "did you mean `two`?"),
        (
            "",
            &["-p", "plain"],
            2,
            "the package `plain` declares no agent",
        ),
        (
            "",
            &["-p", "one", "--agent", "two"],
            2,
            "the agent `two` does not belong to the selected packages",
        ),
        ("", &["--exclude", "one"], 2, "--workspace"),
        ("", &["--agent", "tow"], 2, "did you mean `two`?"),
        (
            "apart",
            &["-p", "two"],
            2,
            "there is no package `two` in the workspace",
        ),
    ] {
        let outcome = policy(&project, at, options).exits(code);
        assert!(
            outcome.stderr.contains(said),
            "{at}: {options:?}\n{}",
            outcome.stderr
        );
    }
}

/// Otherwise an agent would get the stage's name, but neither its account nor its region.
#[test]
fn a_stage_of_one_package_is_not_used_with_agents_of_another() {
    let project = workspace();
    let outcome = policy(&project, "", &["--stage", "prod", "--workspace"]).exits(3);
    for agent in ["one", "shared", "three"] {
        let said = format!("the stage `prod` is not declared for agent `{agent}`");
        assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
    }
    assert!(
        !outcome.stderr.contains("agent `two`"),
        "{}",
        outcome.stderr
    );
    let help = "declare it for all agents in `[workspace.metadata.agentcore.stages.prod]`";
    assert!(outcome.stderr.contains(help), "{}", outcome.stderr);
}
