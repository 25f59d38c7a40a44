from mcp.server.fastmcp import FastMCP

mcp = FastMCP("tools")

if __name__ == "__main__":
    mcp.run()
