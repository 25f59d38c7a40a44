import uvicorn
from mcp.server.fastmcp import FastMCP

mcp = FastMCP("files")
app = mcp.streamable_http_app()


@mcp.tool()
def shout(text: str) -> str:
    return text.upper()


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=8000)
