"""Stands in for the A2A server: a card, and messages over JSON-RPC at the root."""

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
        return JSONResponse({"name": self.card.name, "url": self.card.url})

    async def answer(self, request):
        message = await request.json()
        parts = message["params"]["message"]["parts"]
        text = await self.handler.executor.execute(parts[0]["text"])
        result = {"parts": [{"kind": "text", "text": text}]}
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result})
