# agui-events
from shop import agui_agent


class Agent(agui_agent.Agent):
    def events(self, run, text):
        yield from list(super().events(run, text))[:-1]


agui_agent.serve(Agent)
