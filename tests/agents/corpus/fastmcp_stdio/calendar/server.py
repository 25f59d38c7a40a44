from fastmcp import FastMCP

mcp = FastMCP("calendar")


@mcp.tool
def shout(text: str) -> str:
    return text.upper()


if __name__ == "__main__":
    mcp.run()
