//! Rust agents: `init` in an existing package, and `new` in a workspace.

use crate::support::{Cli, Outcome, Project};

const PACKAGE: &str =
    "# Mine.\n[package]\nname = \"my-shop\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
const APP: &str = "fn main() {\n    let _ = [\"/invocations\", \"/ping\"];\n}\n";

fn package() -> Project {
    Project::new()
        .file("Cargo.toml", PACKAGE)
        .file("src/main.rs", APP)
}

fn init(project: &Project, at: &str, args: &[&str]) -> Outcome {
    Cli::in_directory(&project.path().join(at), project.root())
        .args(["init", "--region", "us-west-2", "--yes"])
        .args(args)
        .run()
}

fn new(project: &Project, args: &[&str]) -> Outcome {
    Cli::in_directory(&project.path(), project.root())
        .args(["new", "--template", "rust", "--yes", "--vcs", "none"])
        .args(["--region", "us-west-2"])
        .args(args)
        .run()
}

#[track_caller]
fn says(outcome: &Outcome, text: &str) {
    assert!(
        outcome.stderr.contains(text),
        "`{text}`:\n{}",
        outcome.stderr
    );
}

/// Returns the policy for the agent in a directory, as the next command reads it.
#[track_caller]
fn policy(project: &Project, at: &str) -> Outcome {
    Cli::in_directory(&project.path().join(at), project.root())
        .args(["policy", "--only", "execution"])
        .run()
        .succeeds()
}

#[test]
fn init_adds_the_table_of_a_package_and_changes_nothing_else() {
    let project = package();
    let model = ["--model", "us.anthropic.claude-sonnet-4-6"];
    let printed = init(&project, "", &model).succeeds();
    assert!(
        printed
            .stdout
            .starts_with("[package.metadata.agentcore]\nproject = \"my-shop-")
    );
    assert!(printed.stdout.contains("region = \"us-west-2\"\n"));
    says(&printed, "the agent is named `my_shop`");
    says(
        &printed,
        "Adopting agent `my_shop`: the Rust package `my-shop`",
    );
    says(&printed, "`Cargo.toml` is not changed without `--write`");
    assert_eq!(project.read("Cargo.toml"), PACKAGE);

    init(&project, "", &[&model[..], &["--write"]].concat()).succeeds();
    let written = project.read("Cargo.toml");
    assert!(written.starts_with(PACKAGE), "{written}");
    assert!(written.contains("models = [\"us.anthropic.claude-sonnet-4-6\"]"));
    assert_eq!(project.read("src/main.rs"), APP);
    let read = policy(&project, "");
    assert!(read.stdout.contains("claude-sonnet-4-6"), "{}", read.stdout);

    let again = init(&project, "", &["--write"]).exits(3);
    says(&again, "the metadata already declares an agent `my_shop`");
    let named = init(&package(), "", &["--name", "x"]).exits(2);
    says(&named, "a Rust agent has the name of its package");
}

#[test]
fn init_names_the_routes_that_the_sources_lack() {
    let project = package().file("src/main.rs", "fn main() {}\n");
    let said = init(&project, "", &["--write"]).succeeds();
    says(
        &said,
        "warning: the sources of `my-shop` do not name `/invocations` and `/ping`",
    );
    let project = package().file("src/main.rs", "fn main() {}\n");
    let said = init(&project, "", &["--write", "--protocol", "mcp"]).succeeds();
    assert!(!said.stderr.contains("/ping"), "{}", said.stderr);
    assert!(project.read("Cargo.toml").contains("protocol = \"mcp\""));
}

#[test]
fn a_member_shares_the_project_of_its_workspace() {
    let project = Project::new()
        .file(
            "Cargo.toml",
            "[workspace]\nresolver = \"3\"\nmembers = [\"shop\"]\n",
        )
        .file("shop/Cargo.toml", PACKAGE)
        .file("shop/src/main.rs", APP);
    init(&project, "shop", &["--write"]).succeeds();
    let root = project.read("Cargo.toml");
    assert!(
        root.contains("[workspace.metadata.agentcore]\nproject = \"my-shop-"),
        "{root}"
    );
    let own = project.read("shop/Cargo.toml");
    assert!(own.ends_with("\n[package.metadata.agentcore]\n"), "{own}");
    policy(&project, "shop");
}

#[test]
fn a_new_rust_agent_becomes_a_member_as_with_cargo_new() {
    let project = Project::new().file(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = []\n",
    );
    let made = new(&project, &["agents/first-agent"]).succeeds();
    says(&made, "Adding the project to `Cargo.toml`");
    says(
        &made,
        "Adding `agents/first-agent` to `members` in `Cargo.toml`",
    );
    new(&project, &["agents/second"]).succeeds();
    let root = project.read("Cargo.toml");
    assert!(
        root.contains("members = [\"agents/first-agent\", \"agents/second\"]"),
        "{root}"
    );
    let own = project.read("agents/second/Cargo.toml");
    assert!(
        !own.contains("project =") && !own.contains("[profile"),
        "{own}"
    );
    let read = policy(&project, "agents/second");
    assert!(read.stderr.contains("`second`"), "{}", read.stderr);
    assert!(!read.stderr.contains("first_agent"), "{}", read.stderr);
    let taken = new(&project, &["agents/second-two", "--name", "second"]).exits(3);
    says(&taken, "the metadata already declares an agent `second`");
}

#[test]
fn a_rust_agent_can_be_kept_out_of_the_workspace_around_it() {
    let project = Project::new().file(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = []\n",
    );
    let before = project.read("Cargo.toml");
    new(&project, &["apart", "--standalone"]).succeeds();
    assert_eq!(project.read("Cargo.toml"), before);
    let own = project.read("apart/Cargo.toml");
    assert!(
        own.starts_with("[workspace]\n") && own.contains("project = \"apart-"),
        "{own}"
    );
    policy(&project, "apart");
    let named = new(&Project::new(), &["match"]).succeeds();
    says(&named, "the package and its agent are called `match-agent`");
}
