"""Stands in for fastmcp: told where to listen when it runs."""

from mcp.server.fastmcp import FastMCP as Official


class FastMCP(Official):
    def __init__(self, name):
        super().__init__(name, host="0.0.0.0")

    def tool(self, function):
        return super().tool()(function)

    def run(
        self, transport="stdio", host="127.0.0.1", port=8000, stateless_http=False
    ):
        self.settings.host = host
        self.settings.port = port
        self.settings.stateless_http = stateless_http
        super().run("streamable-http" if transport == "http" else transport)
