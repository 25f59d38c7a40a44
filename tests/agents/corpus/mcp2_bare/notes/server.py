from mcp.server import MCPServer

server = MCPServer("notes")


@server.tool()
def shout(text: str) -> str:
    return text.upper()
