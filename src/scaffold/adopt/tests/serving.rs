//! What serves, where, and in which layout.

use std::path::Path;

use super::{sources, sources_in};
use crate::{
    config::Protocol,
    scaffold::adopt::{
        Entry, LayoutKind, entry_points, layout::Layout, problems::Fault, servers::How,
        serving::Server,
    },
};

const SDK: &str = "from bedrock_agentcore import BedrockAgentCoreApp\napp = BedrockAgentCoreApp()\n@app.entrypoint\ndef answer(payload): ...\n";
const ROUTES: &str = "from fastapi import FastAPI\napp = FastAPI()\n@app.post('/invocations')\ndef a(r): ...\n@app.get('/ping')\ndef b(): ...\n";

/// Returns what serves: file, protocol, and whether running it is enough.
fn served(files: &[(&str, &str)]) -> Vec<(String, Protocol, bool)> {
    let own = sources(files).own_entries(None).into_iter();
    own.map(|entry| (entry.path, entry.protocol, entry.how == How::Run))
        .collect()
}

#[test]
fn files_that_serve_are_known_by_what_they_make_and_start() {
    use Protocol::{A2a, Agui, Http, Mcp};
    let uvicorn = "import uvicorn\nuvicorn.run(app, host='0.0.0.0', port=8080)\n";
    let main = "if __name__ == '__main__':\n    app.run()\n";
    for (text, protocol, runs) in [
        (format!("{SDK}{main}"), Http, true),
        (format!("{SDK}app.run()\n"), Http, true),
        (SDK.to_owned(), Http, false),
        (format!("{SDK}def main():\n    app.run()\nmain()\n"), Http, true),
        (format!("{SDK}def main():\n    app.run()\n"), Http, false),
        (format!("{ROUTES}{uvicorn}"), Http, true),
        (ROUTES.to_owned(), Http, false),
        (format!("{ROUTES}import uvicorn\nif __name__ == '__main__':\n    uvicorn.run(app, port=8080)\n"), Http, false),
        ("from fastapi import FastAPI, APIRouter\nr = APIRouter(prefix='/invocations')\n@r.post('')\ndef a(): ...\napp = FastAPI()\napp.include_router(r)\n".to_owned(), Http, false),
        ("from starlette.applications import Starlette\nfrom starlette.routing import Route, WebSocketRoute\napp = Starlette(routes=[Route('/ping', p), WebSocketRoute('/ws', w)])\n".to_owned(), Http, false),
        ("from flask import Flask\napp = Flask(__name__)\napp.add_url_rule('/invocations', 'i', f)\n".to_owned(), Http, false),
        ("from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x')\nmcp.run()\n".to_owned(), Mcp, true),
        ("from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x', host='0.0.0.0', stateless_http=True)\nif __name__ == '__main__':\n    mcp.run(transport='streamable-http')\n".to_owned(), Mcp, true),
        ("from fastmcp import FastMCP\nmcp = FastMCP('x')\nif __name__ == '__main__':\n    mcp.run()\n".to_owned(), Mcp, false),
        ("from mcp.server import MCPServer\nserver = MCPServer('x')\n".to_owned(), Mcp, false),
        ("from bedrock_agentcore.runtime import serve_a2a\nserve_a2a(Executor())\n".to_owned(), A2a, true),
        ("from strands.multiagent.a2a import A2AServer\nserver = A2AServer(agent=a)\nserver.serve(host='0.0.0.0')\n".to_owned(), A2a, true),
        ("from google.adk.a2a.utils.agent_to_a2a import to_a2a\napp = to_a2a(root, port=8001)\n".to_owned(), A2a, false),
        ("from a2a.server.apps import A2AStarletteApplication\nserver = A2AStarletteApplication(agent_card=c, http_handler=h)\n".to_owned(), A2a, false),
        ("from bedrock_agentcore.runtime import AGUIApp\napp = AGUIApp()\n@app.entrypoint\nasync def run(i): ...\napp.run()\n".to_owned(), Agui, true),
        ("from fastapi import FastAPI\nfrom ag_ui_langgraph import add_langgraph_fastapi_endpoint\napp = FastAPI()\nadd_langgraph_fastapi_endpoint(app, agent, '/invocations')\n".to_owned(), Agui, false),
    ] {
        assert_eq!(served(&[("main.py", &text)]), [("main.py".to_owned(), protocol, runs)], "{text}");
    }
    for text in [
        "from fastapi import FastAPI\napp = FastAPI()\n@app.post('/chat')\ndef a(): ...\n",
        "from bedrock_agentcore import BedrockAgentCoreApp\napp = BedrockAgentCoreApp()\n",
        "def answer(prompt): ...\n",
        "import subprocess\nsubprocess.run(['ls'])\n",
    ] {
        assert_eq!(served(&[("main.py", text)]), [], "{text}");
    }
}

#[test]
fn a_file_that_another_one_imports_is_its_part() {
    let app = "from bedrock_agentcore import BedrockAgentCoreApp\napp = BedrockAgentCoreApp()\n";
    let handlers = "from app import app\n@app.entrypoint\ndef answer(payload): ...\n";
    let main = "from app import app\nimport handlers\napp.run()\n";
    let files = [
        ("app.py", app),
        ("handlers.py", handlers),
        ("main.py", main),
    ];
    assert_eq!(
        served(&files),
        [("main.py".to_owned(), Protocol::Http, true)]
    );
    assert_eq!(
        served(&files[..2]),
        [("handlers.py".to_owned(), Protocol::Http, false)]
    );
    // The handlers are registered with another app than the one that runs.
    let both = format!("{app}import handlers\nif __name__ == '__main__':\n    app.run()\n");
    assert_eq!(
        served(&[("app.py", &both), ("handlers.py", handlers)]),
        [("handlers.py".to_owned(), Protocol::Http, false)]
    );
    // An agent starts its tools itself.
    let tool = "from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x')\nmcp.run()\n";
    let agent = format!("{SDK}args = ['tools/server.py']\napp.run()\n");
    assert_eq!(
        served(&[("main.py", &agent), ("tools/server.py", tool)]),
        [("main.py".to_owned(), Protocol::Http, true)]
    );
    let own = sources(&[("a.py", &format!("{SDK}app.run()\n")), ("b.py", tool)]).own_entries(None);
    assert_eq!(own.len(), 2);
}

#[test]
fn where_a_server_listens_is_held_against_what_the_service_asks_for() {
    for (text, faults) in [
        (
            "from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x')\nmcp.run()\n",
            &[Fault::Transport][..],
        ),
        (
            "from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x')\nmcp.run(transport='streamable-http')\n",
            &[Fault::Host, Fault::Mcp],
        ),
        (
            "from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x', host='0.0.0.0', port=8000, stateless_http=True)\nmcp.run(transport='streamable-http')\n",
            &[],
        ),
        (
            "from fastmcp import FastMCP\nimport os\nmcp = FastMCP('x')\nmcp.run(transport='http', host='0.0.0.0', port=int(os.environ.get('PORT', '9000')), stateless_http=True, path='/')\n",
            &[Fault::Port, Fault::Path],
        ),
        (
            "from fastmcp import FastMCP\nmcp = FastMCP('x')\nmcp.run(**options())\n",
            &[],
        ),
        (
            "from mcp.server import MCPServer\nimport uvicorn\nm = MCPServer('x')\nuvicorn.run(m.streamable_http_app(), host='0.0.0.0')\n",
            &[Fault::Mcp, Fault::Mcp],
        ),
        (
            "from strands.multiagent.a2a import A2AServer\nA2AServer(agent=a).serve()\n",
            &[Fault::Host, Fault::Ping],
        ),
        (
            "from fastapi import FastAPI\nimport uvicorn\napp = FastAPI()\n@app.post('/invocations')\ndef a(): ...\nuvicorn.run(app)\n",
            &[Fault::Host, Fault::Port, Fault::Ping],
        ),
    ] {
        let own = sources(&[("main.py", text)]).own_entries(None);
        let found: Vec<Fault> = own[0]
            .problems
            .iter()
            .map(|problem| problem.fault)
            .collect();
        assert_eq!(found, faults, "{text}");
    }
}

fn layout(folder: &str, file: &str, files: &[(&str, &str)]) -> (Layout, String) {
    let sources = sources_in(folder, files);
    let module = sources.module_at(|path| path == file).unwrap();
    let own = sources.own_entry(&module, None).unwrap();
    let placed = sources.placed(Entry::Own(own));
    (placed.layout.clone(), placed.entrypoint().to_owned())
}

#[test]
fn the_layout_is_the_one_in_which_the_files_find_each_other() {
    let main = |more: &str| format!("{more}{SDK}app.run()\n");
    let flat = |root: &str| Layout {
        root: root.to_owned(),
        kind: LayoutKind::Flat,
    };
    let package = |name: &str| Layout {
        root: String::new(),
        kind: LayoutKind::Package {
            name: name.to_owned(),
            with_neighbors: false,
        },
    };
    let tools = ("tools.py", "x = 1\n");
    for (imports, others, wanted, entry) in [
        ("import tools\n", &[tools][..], flat(""), "main.py"),
        ("", &[], flat(""), "main.py"),
        (
            "from .tools import x\n",
            &[tools],
            package("estimator"),
            "invoke.py",
        ),
        (
            "from estimator.tools import x\n",
            &[tools],
            package("estimator"),
            "estimator/main.py",
        ),
        // The package takes precedence over the module of the same name.
        (
            "from estimator.tools import x\n",
            &[tools, ("estimator.py", "")],
            package("estimator"),
            "invoke.py",
        ),
        (
            "x = open('prompt.md')\n",
            &[("prompt.md", "")],
            flat(""),
            "main.py",
        ),
        (
            "from pathlib import Path\nx = Path(__file__).parent / 'prompt.md'\nfrom estimator import tools\n",
            &[tools, ("prompt.md", "")],
            package("estimator"),
            "estimator/main.py",
        ),
    ] {
        let text = main(imports);
        let mut files = vec![("main.py", text.as_str())];
        files.extend(others);
        assert_eq!(
            layout("estimator", "main.py", &files),
            (wanted, entry.to_owned()),
            "{imports}"
        );
    }
    let nested = main("from src.x import y\n");
    let files = [("src/main.py", nested.as_str()), ("src/x.py", "y = 1\n")];
    assert_eq!(
        layout("a", "src/main.py", &files),
        (flat(""), "src/main.py".to_owned())
    );
    let inner = main("from pack.x import y\n");
    let files = [
        ("src/pack/main.py", inner.as_str()),
        ("src/pack/x.py", "y = 1\n"),
    ];
    assert_eq!(
        layout("a", "src/pack/main.py", &files),
        (flat("src"), "pack/main.py".to_owned())
    );
    let opens = main("x = open('prompt.md')\n");
    let files = [("agent/main.py", opens.as_str()), ("agent/prompt.md", "")];
    assert_eq!(
        layout("a", "agent/main.py", &files),
        (flat("agent"), "main.py".to_owned())
    );
    // The folder has the name of a library that it uses.
    let library = main("from langgraph.graph import StateGraph\nfrom .tools import x\n");
    let files = [("main.py", library.as_str()), tools];
    assert_eq!(
        layout("langgraph", "main.py", &files).0,
        package("langgraph_agent")
    );
    let library = main("import yaml\n");
    assert_eq!(
        layout("yaml", "main.py", &[("main.py", &library)]).0,
        flat("")
    );
}

#[test]
fn only_a_function_that_is_meant_for_requests_is_taken_without_a_question() {
    for (text, taken) in [
        ("def answer(prompt): ...\n", true),
        (
            "def search(query): ...\ndef answer(prompt):\n    return search(prompt)\n",
            true,
        ),
        (
            "def answer(prompt): ...\ndef main():\n    print(answer(input()))\n",
            true,
        ),
        ("def slugify(text): ...\n", false),
        ("def price(region): ...\n", false),
        ("def load_config(path): ...\n", false),
        (
            "from contextlib import asynccontextmanager\n@asynccontextmanager\nasync def lifespan(app):\n    yield\n",
            false,
        ),
        (
            "import pytest\n@pytest.fixture\ndef question(request): ...\n",
            false,
        ),
        (
            "from fastapi import FastAPI\napp = FastAPI()\ndef answer(prompt): ...\n",
            false,
        ),
    ] {
        let sources = sources(&[("main.py", text)]);
        let likely = sources.likely(&sources.candidates());
        assert_eq!(likely.len() == 1, taken, "{text}");
    }
}

#[test]
fn the_entry_points_of_servers_serve_as_the_service_asks() {
    for (text, wanted) in [
        (
            "from fastmcp import FastMCP\nmcp = FastMCP('x')\n",
            "mcp.run(\n        transport=\"http\", host=\"0.0.0.0\", port=8000, stateless_http=True",
        ),
        (
            "from mcp.server.fastmcp import FastMCP\nmcp = FastMCP('x')\n",
            "mcp.settings.transport_security = None\n    mcp.run(transport=\"streamable-http\")",
        ),
        (ROUTES, "uvicorn.run(adopted, host=host, port=port)"),
        (
            "from google.adk.a2a.utils.agent_to_a2a import to_a2a\na2a_app = to_a2a(r)\n",
            "app = a2a_app\n    app.router.routes.insert(0, Route(\"/ping\", ping))",
        ),
    ] {
        let sources = sources(&[("main.py", text)]);
        let own = sources.own_entries(None).remove(0);
        assert!(matches!(own.how, How::Serve { server, .. } if server != Server::Sdk));
        let files = entry_points(&sources.placed(Entry::Own(own)), &sources).unwrap();
        let text = String::from_utf8(files[Path::new("invoke.py")].clone()).unwrap();
        assert!(text.contains(wanted), "{text}");
    }
}
