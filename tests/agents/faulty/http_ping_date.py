# ping-time-no-number
from shop import http_agent


class Agent(http_agent.Agent):
    def ping(self):
        self.answer(200, {"status": "Healthy", "time_of_last_update": "2026-11-29T06:00:00Z"})


http_agent.serve(Agent)
