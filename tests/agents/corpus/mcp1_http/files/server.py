from mcp.server.fastmcp import FastMCP

mcp = FastMCP("files", host="0.0.0.0", port=8000, stateless_http=True)


@mcp.tool()
def shout(text: str) -> str:
    return text.upper()


mcp.run(transport="streamable-http")
