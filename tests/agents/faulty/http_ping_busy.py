# ping-no-time-while-busy
from shop import http_agent


class Agent(http_agent.Agent):
    def ping(self):
        self.answer(200, {"status": "HealthyBusy"})


http_agent.serve(Agent)
