"""Stands in for the A2A server: a card, and messages over JSON-RPC at the root."""

import json
import uuid

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


class A2AStarletteApplication:
    def __init__(self, agent_card, http_handler):
        self.card = agent_card
        self.handler = http_handler

    def build(self):
        return Starlette(
            routes=[
                Route("/.well-known/agent-card.json", self.describe),
                Route("/", self.answer, methods=["POST"]),
            ]
        )

    async def describe(self, request):
        return JSONResponse(self.card.as_json())

    async def answer(self, request):
        try:
            message = json.loads(await request.body())
        except ValueError:
            return refused(None, -32700, "Parse error")
        if not isinstance(message, dict) or "method" not in message:
            return refused(None, -32600, "Invalid Request")
        if message["method"] != "message/send":
            return refused(message.get("id"), -32601, "Method not found")
        parts = message["params"]["message"]["parts"]
        text = await self.handler.executor.execute(parts[0]["text"])
        result = {
            "kind": "message",
            "role": "agent",
            "messageId": str(uuid.uuid4()),
            "parts": [{"kind": "text", "text": text}],
        }
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result})


def refused(identity, code, text):
    error = {"code": code, "message": text}
    return JSONResponse({"jsonrpc": "2.0", "id": identity, "error": error})
