# ping-status
from shop import http_agent


class Agent(http_agent.Agent):
    def ping(self):
        self.answer(404, {"error": "not found"})


http_agent.serve(Agent)
