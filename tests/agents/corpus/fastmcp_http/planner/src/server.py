import os

from fastmcp import FastMCP
from src.tools import shout

mcp = FastMCP("planner")
mcp.tool(shout)

if __name__ == "__main__":
    host = os.getenv("HOST", "0.0.0.0")
    mcp.run(transport="http", host=host, port=8000, stateless_http=True)
