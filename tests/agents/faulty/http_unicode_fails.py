# unicode
from shop import http_agent


class Agent(http_agent.Agent):
    def invoke(self, prompt):
        prompt.encode("latin-1")
        super().invoke(prompt)


http_agent.serve(Agent)
