# a2a-card
from shop import a2a_agent


class Agent(a2a_agent.Agent):
    def card(self):
        self.answer(404, {"error": "see /.well-known/agent.json"})


a2a_agent.serve(Agent)
