# mcp-initialize
from shop import mcp_agent


class Agent(mcp_agent.Agent):
    def do_POST(self):
        if self.path == "/mcp":
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", "/mcp/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.path = "/mcp"
        super().do_POST()


mcp_agent.serve(Agent)
