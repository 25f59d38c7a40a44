# ping-not-json
from shop import http_agent


class Agent(http_agent.Agent):
    def ping(self):
        self.send(200, "text/plain", b"OK")


http_agent.serve(Agent)
