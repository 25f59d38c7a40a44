from mcp.server.fastmcp import FastMCP

from .text import shout

mcp = FastMCP("inventory")
mcp.tool()(shout)


def main():
    mcp.run(transport="stdio")
