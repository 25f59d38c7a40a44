# ping-time-milliseconds
from shop import http_agent


class Agent(http_agent.Agent):
    def ping(self):
        self.answer(200, {"status": "Healthy", "time_of_last_update": http_agent.SINCE * 1000})


http_agent.serve(Agent)
