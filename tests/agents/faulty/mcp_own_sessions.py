# mcp-session-id
from shop import mcp_agent


class Agent(mcp_agent.Agent):
    def handle_body(self, body):
        session = self.headers["Mcp-Session-Id"]
        if session not in (None, "issued"):
            self.answer(404, {"error": "unknown session"})
            return
        super().handle_body(body)

    def end_headers(self):
        self.send_header("Mcp-Session-Id", "issued")
        super().end_headers()


mcp_agent.serve(Agent)
