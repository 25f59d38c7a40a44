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
        try:
            message = json.loads(await request.body())
        except ValueError:
            return refused(None, -32700, "Parse error", 400)
        if not isinstance(message, dict) or "method" not in message:
            return refused(None, -32600, "Invalid Request", 400)
        if "id" not in message:
            return Response(status_code=202)
        parameters = message.get("params") or {}
        match message["method"]:
            case "initialize":
                result = {
                    "protocolVersion": parameters["protocolVersion"],
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": self.app.name, "version": "1.30.0"},
                }
            case "tools/list":
                result = {"tools": await self.app.describe()}
            case "tools/call":
                text = await self.app.call(
                    parameters["name"], parameters.get("arguments") or {}
                )
                result = {"content": [{"type": "text", "text": text}]}
            case _:
                return refused(message["id"], -32601, "Method not found", 200)
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result})


def refused(identity, code, text, status):
    error = {"code": code, "message": text}
    return JSONResponse({"jsonrpc": "2.0", "id": identity, "error": error}, status)
