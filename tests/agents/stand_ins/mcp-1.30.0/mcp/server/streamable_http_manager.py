"""Stands in for the transport: one JSON answer for each request, sessions as the real one has them."""

import contextlib
import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class StreamableHTTPSessionManager:
    def __init__(self, app, stateless=False, security_settings=None):
        self.app = app
        self.stateless = stateless
        self.security = security_settings

    @contextlib.asynccontextmanager
    async def run(self):
        yield

    async def handle_request(self, scope, receive, send):
        request = Request(scope, receive)
        response = await self.answer(request)
        await response(scope, receive, send)

    async def answer(self, request):
        host = request.headers["host"].split(":")[0]
        if self.security is not None and host not in self.security:
            return Response("Invalid Host header", 421)
        if not self.stateless and "mcp-session-id" in request.headers:
            return Response("Session not found", 404)
        message = json.loads(await request.body())
        parameters = message["params"]
        text = await self.app.call(parameters["name"], parameters["arguments"])
        result = {"content": [{"type": "text", "text": text}]}
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result})
