# snapshot-ids
import random

from shop import http_agent


class Agent(http_agent.Agent):
    def invoke(self, prompt):
        self.answer(200, {"answer": prompt, "order": random.getrandbits(64)})


http_agent.serve(Agent)
