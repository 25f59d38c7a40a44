# invoke-type
from shop import http_agent


class Agent(http_agent.Agent):
    def invoke(self, prompt):
        self.send(200, "text/html", f"<p>{prompt}</p>".encode())


http_agent.serve(Agent)
