from mcp.server import MCPServer

server = MCPServer("notes")


@server.tool()
def shout(text: str) -> str:
    return text.upper()


if __name__ == "__main__":
    server.run(
        transport="streamable-http", host="0.0.0.0", port=8000, stateless_http=True
    )
