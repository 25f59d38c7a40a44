# large-payload
from shop import http_agent


class Agent(http_agent.Agent):
    def do_POST(self):
        if int(self.headers["Content-Length"]) > 1_000_000:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(413, {"error": "too large"})
            return
        super().do_POST()


http_agent.serve(Agent)
