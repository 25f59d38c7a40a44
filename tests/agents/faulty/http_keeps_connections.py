# disconnect-leak
from shop import http_agent


class Agent(http_agent.Agent):
    kept = []

    def invoke(self, prompt):
        self.kept.append(self.connection.dup())
        super().invoke(prompt)


http_agent.serve(Agent)
