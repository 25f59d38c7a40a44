# invoke-not-json
from shop import http_agent


class Agent(http_agent.Agent):
    def invoke(self, prompt):
        self.send(200, "application/json", repr({"answer": prompt}).encode())


http_agent.serve(Agent)
