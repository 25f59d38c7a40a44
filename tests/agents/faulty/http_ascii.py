# unicode
from shop import http_agent


class Agent(http_agent.Agent):
    def invoke(self, prompt):
        super().invoke(prompt.encode("ascii", "replace").decode())


http_agent.serve(Agent)
