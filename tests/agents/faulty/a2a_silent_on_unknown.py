# a2a-unknown-method
from shop import a2a_agent


class Agent(a2a_agent.Agent):
    def unknown(self, call):
        self.answer(500, {"error": "unknown"})


a2a_agent.serve(Agent)
