"""An MCP server that keeps every rule: stateless, in both versions of the protocol."""

import json

from . import http_agent

TOOL = {"name": "shout", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}


class Agent(http_agent.Agent):
    path_of_requests = "/mcp"
    tools = [TOOL]

    def handle_body(self, body):
        try:
            call = json.loads(body)
            method = call["method"]
        except (ValueError, KeyError, TypeError) as error:
            self.answer(400, {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": str(error)}})
            return
        if "id" not in call:
            self.send(202, "application/json", b"")
            return
        self.call(method, call)

    def call(self, method, call):
        if method == "initialize":
            self.result(
                call,
                {
                    "protocolVersion": call["params"]["protocolVersion"],
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "shop", "version": "1"},
                },
            )
        elif method == "tools/list":
            self.result(call, {"tools": self.tools})
        else:
            self.unknown(call)

    def unknown(self, call):
        error = {"code": -32601, "message": "unknown method"}
        self.answer(200, {"jsonrpc": "2.0", "id": call["id"], "error": error})

    def result(self, call, result):
        self.answer(200, {"jsonrpc": "2.0", "id": call["id"], "result": result})


def serve(agent=Agent, port=8000):
    http_agent.serve(agent, port)
