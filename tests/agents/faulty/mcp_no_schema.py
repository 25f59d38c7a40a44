# mcp-tools
from shop import mcp_agent


class Agent(mcp_agent.Agent):
    tools = [{"name": "shout"}]


mcp_agent.serve(Agent)
