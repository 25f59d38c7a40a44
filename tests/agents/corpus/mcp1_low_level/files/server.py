import contextlib

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import Tool
from starlette.applications import Starlette
from starlette.routing import Mount

server = Server("files")


@server.list_tools()
async def list_tools() -> list[Tool]:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    return [Tool(name="shout", description="Shouts", inputSchema=schema)]


@server.call_tool()
async def call_tool(name: str, arguments: dict) -> str:
    return arguments["text"].upper()


manager = StreamableHTTPSessionManager(app=server, stateless=True)


@contextlib.asynccontextmanager
async def lifespan(app):
    async with manager.run():
        yield


def main():
    routes = [Mount("/", app=manager.handle_request)]
    app = Starlette(routes=routes, lifespan=lifespan)
    uvicorn.run(app, host="0.0.0.0", port=8000)


if __name__ == "__main__":
    main()
