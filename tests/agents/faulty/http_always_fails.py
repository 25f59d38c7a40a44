# invoke-error
from shop import http_agent


class Agent(http_agent.Agent):
    def handle_body(self, body):
        self.answer(500, {"error": "the database is not there"})


http_agent.serve(Agent)
