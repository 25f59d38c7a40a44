"""An A2A agent that keeps every rule."""

import os
import uuid

from . import http_agent, mcp_agent


class Agent(mcp_agent.Agent):
    path_of_requests = "/"

    def do_GET(self):
        if self.path == "/.well-known/agent-card.json":
            self.card()
        else:
            super().do_GET()

    def card(self):
        self.answer(200, self.description())

    def description(self):
        return {
            "name": "shop",
            "description": "Sells things.",
            "version": "1",
            "url": os.environ.get("AGENTCORE_RUNTIME_URL", "http://localhost:9000/"),
            "capabilities": {"streaming": False},
            "defaultInputModes": ["text"],
            "defaultOutputModes": ["text"],
            "skills": [],
        }

    def call(self, method, call):
        if method == "message/send":
            text = call["params"]["message"]["parts"][0]["text"]
            self.result(
                call,
                {
                    "kind": "message",
                    "role": "agent",
                    "messageId": str(uuid.uuid4()),
                    "parts": [{"kind": "text", "text": text}],
                },
            )
        else:
            self.unknown(call)


def serve(agent=Agent, port=9000):
    http_agent.serve(agent, port)
