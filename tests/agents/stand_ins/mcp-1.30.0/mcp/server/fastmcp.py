"""Stands in for FastMCP of mcp 1: told where to listen when it is made."""

import inspect
import sys
from types import SimpleNamespace

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from .streamable_http_manager import LOOPBACK, StreamableHTTPSessionManager


class FastMCP:
    def __init__(self, name, host="127.0.0.1", port=8000, stateless_http=False):
        security = LOOPBACK if host in LOOPBACK else None
        self.name = name
        self.settings = SimpleNamespace(
            host=host,
            port=port,
            stateless_http=stateless_http,
            transport_security=security,
        )
        self.tools = {}

    def tool(self):
        def register(function):
            self.tools[function.__name__] = function
            return function

        return register

    async def describe(self):
        return [
            {
                "name": name,
                "description": function.__doc__ or "",
                "inputSchema": {
                    "type": "object",
                    "properties": {
                        argument: {"type": "string"}
                        for argument in inspect.signature(function).parameters
                    },
                },
            }
            for name, function in self.tools.items()
        ]

    async def call(self, name, arguments):
        return self.tools[name](**arguments)

    def streamable_http_app(self):
        settings = self.settings
        manager = StreamableHTTPSessionManager(
            self, settings.stateless_http, settings.transport_security
        )
        return Starlette(routes=[Route("/mcp", manager.answer, methods=["POST"])])

    def run(self, transport="stdio"):
        if transport != "streamable-http":
            sys.exit(f"{transport} answers no HTTP request")
        settings = self.settings
        uvicorn.run(self.streamable_http_app(), host=settings.host, port=settings.port)
