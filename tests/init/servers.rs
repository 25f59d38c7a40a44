//! Files that serve: more than one, with another protocol, or not as the service expects.

use crate::support::{Cli, Outcome, Project};

const APP: &str = "from bedrock_agentcore import BedrockAgentCoreApp\n\napp = BedrockAgentCoreApp()\n\n\n@app.entrypoint\ndef invoke(payload):\n    return payload\n\n\nif __name__ == \"__main__\":\n    app.run()\n";
const STDIO: &str = "from mcp.server.fastmcp import FastMCP\n\nmcp = FastMCP(\"files\")\n\nif __name__ == \"__main__\":\n    mcp.run()\n";

fn init(project: &Project, args: &[&str]) -> Outcome {
    Cli::new(project)
        .args(["init", "--yes", "--region", "us-west-2"])
        .args(args)
        .run()
}

fn project() -> Project {
    Project::new()
        .file("writer/agent.py", APP)
        .file("files.py", STDIO)
        .file("requirements.txt", "bedrock-agentcore\nmcp<2\n")
}

#[test]
fn several_are_listed_one_is_chosen_and_all_become_agents() {
    let project = project();
    let before = project.tree();
    let several = init(&project, &[]).exits(2);
    several.says(&[
        "--entrypoint files.py   (files.py:6)",
        "--entrypoint writer/agent.py   (writer/agent.py:12)",
        "choose one with `--entrypoint`, or make an agent of each with `--all`",
    ]);
    assert_eq!(project.tree(), before);

    init(&project, &["--all"]).succeeds();
    let manifest = project.read("Cargo.toml");
    for table in [
        "agents.files]\nsource = \".\"\nlayout = \"flat\"\ndeployment = \"deployment\"\nprotocol = \"mcp\"\n",
        "agents.writer]\nsource = \".\"\nlayout = \"flat\"\nentrypoint = \"writer/agent.py\"\n",
    ] {
        assert!(manifest.contains(table), "{manifest}");
    }
    let policy = Cli::new(&project).args(["policy", "--only", "trust"]).run();
    policy.succeeds();
}

#[test]
fn what_the_service_could_not_reach_is_said_with_its_place() {
    let project = project();
    let mended = init(&project, &["--entrypoint", "files.py", "--name", "files"]).succeeds();
    let said = "note: files.py:6 serves over stdio, but AgentCore uses streamable HTTP; the new entry point serves it in the way that AgentCore needs\n";
    assert!(mended.stderr.contains(said), "{}", mended.stderr);
    let entry = project.read("deployment/invoke.py");
    assert!(
        entry.contains("mcp.run(transport=\"streamable-http\")"),
        "{entry}"
    );

    // A server inside a function cannot be served in another way.
    let inner = "import uvicorn\nfrom fastapi import FastAPI\n\n\ndef main():\n    app = FastAPI()\n    app.add_api_route(\"/invocations\", print)\n    app.add_api_route(\"/ping\", print)\n    uvicorn.run(app, port=9000)\n\n\nmain()\n";
    let project = Project::new().file("main.py", inner);
    let warned = init(&project, &["--name", "a"]).succeeds();
    warned.says(&[
        "warning: main.py:9 listens on 127.0.0.1, where AgentCore cannot reach it\n  help: make it listen on `host=\"0.0.0.0\"`\n",
        "warning: main.py:9 listens on port 9000, but AgentCore connects to 8080\n  help: make it listen on `port=8080`\n",
    ]);
}

#[test]
fn the_protocol_can_be_given_where_the_code_does_not_show_it() {
    let project = Project::new().file("main.py", "import served\n\nserved.forever()\n");
    let refused = init(&project, &["--entrypoint", "main.py", "--name", "a"]).exits(2);
    assert!(
        refused.stderr.contains("add `--protocol`"),
        "{}",
        refused.stderr
    );
    let wrong = init(&project, &["--protocol", "grpc"]).exits(2);
    assert!(
        wrong.stderr.contains("`http`, `mcp`, `a2a` or `agui`"),
        "{}",
        wrong.stderr
    );
    let args = [
        "--entrypoint",
        "main.py",
        "--name",
        "a",
        "--protocol",
        "a2a",
    ];
    init(&project, &args).succeeds();
    let manifest = project.read("Cargo.toml");
    assert!(
        manifest.contains("entrypoint = \"main.py\"\n"),
        "{manifest}"
    );
    assert!(manifest.contains("protocol = \"a2a\"\n"), "{manifest}");
}

#[test]
fn a_helper_is_never_taken_for_the_handler() {
    for code in [
        "def slugify(text):\n    return text\n",
        "from contextlib import asynccontextmanager\n\n\n@asynccontextmanager\nasync def lifespan(app):\n    yield\n",
        "import pytest\n\n\n@pytest.fixture\ndef question(request):\n    return request\n",
        "def price(region):\n    return region\n",
    ] {
        let project = Project::new().file("tools.py", code);
        let refused = init(&project, &["--name", "a"]).exits(2);
        assert!(refused.stderr.contains("--handler"), "{}", refused.stderr);
        assert!(!project.has("Cargo.toml"));
    }
}
