# a2a-card-fields
from shop import a2a_agent


class Agent(a2a_agent.Agent):
    def description(self):
        card = super().description()
        del card["version"], card["skills"]
        return card


a2a_agent.serve(Agent)
