//! `cargo agentcore init`, through the real binary.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod findings;
mod ignoring;
mod joining;
mod kept;
mod locked;
mod names;
mod own_folder;
mod package;
mod place;
mod served;
mod servers;

use std::collections::BTreeMap;

use crate::support::{self, Cli, Outcome, Project};

const AGENT: &str = r#"
def answer(prompt: str) -> dict[str, str]:
    return {"answer": prompt.upper()}


async def later(payload, context):
    return [payload["prompt"], context.session_id]


def pieces(prompt: str):
    yield from prompt.split()


class Estimator:
    def __init__(self, currency: str = "USD") -> None:
        self.currency = currency

    def estimate(self, prompt: str) -> str:
        return f"{prompt} {self.currency}"

    async def estimate_later(self, prompt: str) -> str:
        return f"{prompt} later"

    async def estimate_stream(self, prompt: str):
        for word in prompt.split():
            yield f"{word} {self.currency}"


class Bound:
    def __init__(self, table):
        self.table = table

    def ask(self, prompt):
        return prompt
"#;

/// Creates an agent outside the project's directory.
fn stage() -> Project {
    let project = Project::new();
    source(&project, "est/__init__.py", "");
    source(&project, "est/main.py", AGENT);
    project
}

/// Writes a file below `agents`, which is outside the project's directory.
fn source(project: &Project, path: &str, text: &str) {
    project.write(&format!("../agents/{path}"), text);
}

/// Returns all files below `agents`.
fn agents(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    support::project::collect(&project.root().join("agents"), "", &mut found);
    found
}

fn init(project: &Project, args: &[&str]) -> Outcome {
    Cli::new(project)
        .args(["init", "--source", "../agents/est", "--region", "us-west-2"])
        .args(args)
        .run()
}

#[test]
fn an_agent_is_adopted_and_the_next_command_reads_what_was_written() {
    let project = stage();
    source(&project, "est/requirements.txt", "boto3>=1.40\n-e .\n");
    let before = agents(&project);
    let outcome = init(
        &project,
        &[
            "--handler",
            "est.main:Estimator.estimate",
            "--async-handler",
            "est.main:Estimator.estimate_stream",
            "--model",
            "us.anthropic.claude-sonnet-4-6",
            "--model",
            "amazon.nova-lite-v1:0",
            "--permission",
            "pricing,memory=my_mem-AbCdEf1234",
            "--yes",
        ],
    )
    .succeeds();
    assert_eq!(outcome.stdout, "");
    assert!(
        outcome.stderr.contains("`-e .` is left out"),
        "{}",
        outcome.stderr
    );
    let manifest = project.read("Cargo.toml");
    for line in [
        "region = \"us-west-2\"",
        "[workspace.metadata.agentcore.agents.est]",
        "source = \"../agents/est\"",
        "models = [\"amazon.nova-lite-v1:0\", \"us.anthropic.claude-sonnet-4-6\"]",
        "permissions = [\"pricing\", { memory = \"my_mem-AbCdEf1234\" }]",
    ] {
        assert!(
            manifest.lines().any(|found| found == line),
            "{line} in {manifest}"
        );
    }
    assert_eq!(
        project.read("deployment/requirements.txt"),
        "boto3>=1.40\nbedrock-agentcore>=1.25,<2\n"
    );
    assert!(project.has("deployment/invoke.py") && project.has("deployment/invoke_async.py"));
    assert_eq!(agents(&project), before);
    let policy = Cli::new(&project)
        .args(["policy", "--only", "execution"])
        .run()
        .succeeds();
    assert!(policy.stdout.contains("claude-sonnet-4-6"));
    let again = init(&project, &["--handler", "est.main:answer"]).exits(3);
    assert!(again.stderr.contains("already declares an agent `est`"));
}

#[test]
fn only_the_handler_that_was_given_gets_a_file() {
    let project = stage();
    init(&project, &["--async-handler", "main:pieces"]).succeeds();
    assert!(!project.has("deployment/invoke.py"));
    assert!(
        project
            .read("Cargo.toml")
            .contains("entrypoint = \"invoke_async.py\"")
    );
}

#[test]
fn without_a_terminal_several_are_listed_one_is_taken_and_none_is_an_error() {
    let project = stage();
    let empty = project.tree();
    let several = init(&project, &[]).exits(2);
    several.says(&[
        "--handler 'est.main:answer'   (../agents/est/main.py:2)",
        "--async-handler 'est.main:pieces'",
        "--handler 'est.main:Estimator.estimate'",
    ]);
    assert!(!several.stderr.contains("Bound"));
    assert_eq!(project.tree(), empty);
    source(&project, "est/main.py", "def main():\n    pass\n");
    let none = init(&project, &[]).exits(2);
    assert!(
        none.stderr.contains("looked in 2 Python files"),
        "{}",
        none.stderr
    );
    source(
        &project,
        "est/main.py",
        "def answer(prompt):\n    return prompt\n",
    );
    let one = init(&project, &[]).succeeds();
    assert!(
        one.stderr.contains("`est.main:answer` answers"),
        "{}",
        one.stderr
    );
}

#[test]
fn a_handler_that_cannot_be_called_is_refused_with_the_reason() {
    let project = stage();
    for (args, said) in [
        (
            ["--handler", "est.main:answr"],
            "did you mean `est.main:answer`?",
        ),
        (
            ["--handler", "est.main:Bound.ask"],
            "cannot be created without `table`",
        ),
        (
            ["--handler", "est.main:pieces"],
            "give it with `--async-handler",
        ),
        (["--async-handler", "est.main:answer"], "does not yield"),
        (["--handler", "answer"], "package.module:function"),
        (
            ["--entrypoint", "main.py"],
            "nothing in that file is known to serve requests",
        ),
        (
            ["--entrypoint", "absent.py"],
            "there is no such Python file",
        ),
        (["--name", "2024-05"], "invalid agent name `2024-05`"),
        (
            ["--requirements", "absent.txt"],
            "`absent.txt` does not exist",
        ),
    ] {
        let mut args = args.to_vec();
        if args[0].starts_with("--req") {
            args.extend(["--handler", "est.main:answer"]);
        }
        let outcome = init(&project, &args).exits(2);
        assert!(
            outcome.stderr.contains(said),
            "{said} in {}",
            outcome.stderr
        );
    }
    assert!(project.tree().is_empty());
}

/// Checked before its name, which would be the agent's.
#[test]
fn a_source_that_is_a_file_or_missing_is_said_to_be_that() {
    let project = stage();
    for (path, said) in [
        (
            "../agents/est/main.py",
            "error: the source `../agents/est/main.py` is a file\n  help: name the directory",
        ),
        (
            "../agents/est.py",
            "error: the source `../agents/est.py` does not exist",
        ),
        (
            "nowhere/agent",
            "help: `--source` is relative to the current directory",
        ),
    ] {
        let refused = Cli::new(&project)
            .args(["init", "--source", path, "--yes"])
            .run()
            .exits(3);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    assert!(project.tree().is_empty());
}

#[test]
fn what_cargo_and_other_tools_make_is_no_source() {
    let project = Project::new();
    for folder in ["node_modules", "elsewhere/pack"] {
        project.write(&format!("{folder}/main.py"), AGENT);
    }
    for (path, said, name) in [
        ("./node_modules", "which is never copied", None),
        ("node_modules", "which is never copied", Some("other")),
        (
            "elsewhere/pack",
            "is in cargo's target directory",
            Some("other"),
        ),
    ] {
        let named = name.into_iter().flat_map(|name| ["--name", name]);
        let refused = Cli::new(&project)
            .args(["init", "--source", path, "--yes"])
            .args(named)
            .env("CARGO_TARGET_DIR", "elsewhere")
            .run()
            .exits(3);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    // An existing manifest may name another one.
    project.write("Cargo.toml", "[workspace]\n");
    project.write(
        ".cargo/config.toml",
        "[build]\ntarget-dir = \"elsewhere\"\n",
    );
    let refused = Cli::new(&project)
        .args(["init", "--source", "elsewhere/pack", "--yes"])
        .run()
        .exits(3);
    let said = "the source `elsewhere/pack` is in cargo's target directory";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
}

#[test]
fn a_file_with_a_syntax_error_is_named_and_the_rest_is_used() {
    let project = stage();
    source(&project, "est/broken.py", "x = 1\ndef broken(:\n");
    let outcome = init(&project, &["--handler", "est.main:answer"]).succeeds();
    assert!(
        outcome.stderr.contains("est/broken.py:2"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_stands_there_is_kept_and_the_table_is_printed() {
    let manifest =
        "# mine\n[workspace]   # why\nresolver='3'\n\n[profile.dev]\nopt-level = 1 # last";
    let project = stage()
        .file("Cargo.toml", manifest)
        .file("deployment/invoke.py", "# mine\n");
    let args = ["--handler", "est.main:answer"];
    let dry = init(&project, &[&args[..], &["--dry-run", "--write"]].concat()).succeeds();
    assert!(dry.stderr.contains("Would add the agent to `Cargo.toml`"));
    let adopt =
        "Would adopt agent `est` from `../agents/est`: `est.main:answer` answers requests\n";
    assert!(dry.stderr.contains(adopt), "{}", dry.stderr);
    assert!(!project.has("deployment/requirements.txt"));
    let printed = init(&project, &args).succeeds();
    assert_eq!(project.read("Cargo.toml"), manifest);
    assert_eq!(project.read("deployment/invoke.py"), "# mine\n");
    assert!(printed.stderr.contains("Keeping `deployment/invoke.py`"));
    let next = "        Next add the table above to `Cargo.toml`, or run this again with `--write`; then\n             cargo agentcore deploy --local ";
    assert!(printed.stderr.contains(next), "{}", printed.stderr);
    assert!(
        printed
            .stdout
            .starts_with("[workspace.metadata.agentcore]\n")
    );
    let written = init(&project, &[&args[..], &["--write"]].concat()).succeeds();
    assert_eq!(written.stdout, "");
    let next = "        Next cargo agentcore deploy --local ";
    assert!(written.stderr.contains(next), "{}", written.stderr);
    let after = project.read("Cargo.toml");
    assert!(after.starts_with(manifest), "{after}");
    Cli::new(&project)
        .args(["policy", "--only", "trust"])
        .run()
        .succeeds();
}

#[test]
fn a_second_agent_joins_the_first_with_a_folder_of_its_own() {
    let project = stage().agent("one");
    source(
        &project,
        "est/main.py",
        "def answer(prompt):\n    return prompt\n",
    );
    let before = project.read("Cargo.toml");
    init(&project, &["--write"]).succeeds();
    let after = project.read("Cargo.toml");
    let added = after.strip_prefix(&before).unwrap();
    assert_eq!(
        added.trim_start(),
        "[workspace.metadata.agentcore.agents.est]\nsource = \"../agents/est\"\ndeployment = \"deployment_est\"\nregion = \"us-west-2\"\n"
    );
    assert!(project.has("deployment_est/invoke.py"));
    Cli::new(&project)
        .args(["policy", "--only", "trust"])
        .run()
        .succeeds();
}

#[test]
fn nothing_is_left_where_not_everything_can_be_written() {
    let project = stage().file("deployment", "a file");
    let before = project.tree();
    let refused = init(&project, &["--handler", "est.main:answer"]).exits(1);
    assert!(refused.stderr.contains("`deployment` exists and is a file"));
    assert_eq!(project.tree(), before);
}

#[test]
fn an_app_of_its_own_is_used_as_it_is() {
    let app = "from bedrock_agentcore import BedrockAgentCoreApp\n\napp = BedrockAgentCoreApp()\n\n\n@app.entrypoint\ndef invoke(payload):\n    return payload\n\n\nif __name__ == \"__main__\":\n    app.run()\n";
    let project = stage();
    source(&project, "est/serve.py", app);
    source(&project, "est/requirements.txt", "bedrock-agentcore\n");
    let outcome = init(&project, &["--entrypoint", "serve.py"]).succeeds();
    assert!(outcome.stderr.contains("`serve.py` serves\n"));
    let manifest = project.read("Cargo.toml");
    let table = "source = \"../agents/est\"\nlayout = \"flat\"\nentrypoint = \"serve.py\"\n";
    assert!(manifest.ends_with(table), "{manifest}");
    assert!(!project.has("deployment"));

    let project = stage();
    source(
        &project,
        "est/serve.py",
        &format!("from .main import answer\n{app}"),
    );
    init(&project, &[]).succeeds();
    let entry = project.read("deployment/invoke.py");
    let runs = "runpy.run_module(\"est.serve\", run_name=\"__main__\", alter_sys=True)";
    assert!(entry.contains(runs), "{entry}");
}

/// A FastAPI app as in AWS's own guide.
const ROUTED: &str = r#"
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class InvocationRequest(BaseModel):
    input: dict


@app.post("/invocations")
async def invoke_agent(request: InvocationRequest):
    return request.input


@app.get("/ping")
async def ping():
    return {"status": "healthy"}
"#;

#[test]
fn an_app_with_the_services_routes_is_served_and_its_routes_are_no_handlers() {
    let project = stage();
    source(
        &project,
        "est/main.py",
        &ROUTED.replace("/invocations", "/chat"),
    );
    let refused = init(&project, &[]).exits(2);
    refused.says(&[
        "the app in ../agents/est/main.py:5 has no route for `/invocations`\n",
        "AgentCore calls `POST /invocations` and `GET /ping`",
    ]);
    source(&project, "est/main.py", ROUTED);
    let named = init(&project, &["--handler", "est.main:invoke_agent"]).exits(2);
    assert!(
        named.stderr.contains("takes a `InvocationRequest`"),
        "{}",
        named.stderr
    );
    assert!(project.tree().is_empty());

    init(&project, &[]).succeeds();
    let entry = project.read("deployment/invoke.py");
    assert!(entry.contains("uvicorn.run(adopted"), "{entry}");
    assert_eq!(project.read("deployment/requirements.txt"), "uvicorn\n");

    let project = stage();
    let serving = "\n\nif __name__ == \"__main__\":\n    import uvicorn\n\n    uvicorn.run(app, host=\"0.0.0.0\", port=8080)\n";
    source(&project, "est/main.py", &format!("{ROUTED}{serving}"));
    init(&project, &[]).succeeds();
    let manifest = project.read("Cargo.toml");
    assert!(manifest.contains("entrypoint = \"main.py\""), "{manifest}");
    assert!(!project.has("deployment/invoke.py"));
}

#[test]
fn a_package_below_src_has_its_projects_requirements() {
    let project = stage();
    source(&project, "whole/src/bot/__init__.py", "");
    source(
        &project,
        "whole/src/bot/main.py",
        "def answer(prompt):\n    return prompt\n",
    );
    source(
        &project,
        "whole/pyproject.toml",
        "[project]\nname = \"bot\"\ndependencies = [\"httpx>=0.27\"]\n",
    );
    let outcome = Cli::new(&project)
        .args(["init", "--source", "../agents/whole/src/bot"])
        .run()
        .succeeds();
    assert!(
        outcome.stderr.contains("Using the requirements in")
            && outcome.stderr.contains("whole/pyproject.toml`"),
        "{}",
        outcome.stderr
    );
    assert!(
        project
            .read("deployment/requirements.txt")
            .starts_with("httpx>=0.27\n")
    );
}

/// An unrelated package with the same name would be shipped instead.
#[test]
fn pinned_dependencies_of_a_project_elsewhere_are_not_copied_by_their_names() {
    let project = stage();
    source(
        &project,
        "est/main.py",
        "def answer(prompt):\n    return prompt\n",
    );
    for (line, pins) in [
        (5, "[tool.uv.sources]\nshared = { workspace = true }\n"),
        (
            5,
            "[[tool.uv.index]]\nurl = \"https://index.invalid/simple\"\n",
        ),
        (6, "[tool.uv]\nconstraint-dependencies = [\"shared<2\"]\n"),
    ] {
        source(
            &project,
            "est/pyproject.toml",
            &format!("[project]\nname = \"est\"\ndependencies = [\"shared\"]\n\n{pins}"),
        );
        let before = project.tree();
        let refused = init(&project, &["--yes"]).exits(3);
        assert!(
            refused.stderr.contains("est/pyproject.toml` are pinned"),
            "{}",
            refused.stderr
        );
        assert!(
            refused
                .stderr
                .contains(&format!("est/pyproject.toml:{line}:")),
            "{}",
            refused.stderr
        );
        assert_eq!(project.tree(), before);
    }
}
