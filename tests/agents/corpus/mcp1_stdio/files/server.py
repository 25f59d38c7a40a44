from mcp.server.fastmcp import FastMCP

mcp = FastMCP("files")


@mcp.tool()
def shout(text: str) -> str:
    return text.upper()


if __name__ == "__main__":
    mcp.run()
