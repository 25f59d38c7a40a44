# ping-restamped
import time

from shop import http_agent


class Agent(http_agent.Agent):
    def ping(self):
        self.answer(200, {"status": "Healthy", "time_of_last_update": int(time.time())})


http_agent.serve(Agent)
