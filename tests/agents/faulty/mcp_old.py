# mcp-stateless
from shop import mcp_agent


class Agent(mcp_agent.Agent):
    def call(self, method, call):
        if self.headers["MCP-Protocol-Version"] == "2026-07-28":
            self.answer(400, {"error": "unsupported protocol version"})
            return
        super().call(method, call)


mcp_agent.serve(Agent)
