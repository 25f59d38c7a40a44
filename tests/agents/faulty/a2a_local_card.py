# a2a-card-address
from shop import a2a_agent


class Agent(a2a_agent.Agent):
    def description(self):
        return {**super().description(), "url": "http://0.0.0.0:9000/"}


a2a_agent.serve(Agent)
