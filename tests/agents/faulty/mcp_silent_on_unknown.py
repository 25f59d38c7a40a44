# mcp-unknown-method
from shop import mcp_agent


class Agent(mcp_agent.Agent):
    def unknown(self, call):
        self.send(200, "application/json", b"")


mcp_agent.serve(Agent)
