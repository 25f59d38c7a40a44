# ping-no-status
from shop import http_agent


class Agent(http_agent.Agent):
    def ping(self):
        self.answer(200, {})


http_agent.serve(Agent)
