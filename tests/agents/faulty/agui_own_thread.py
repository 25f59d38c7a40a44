# agui-events
from shop import agui_agent


class Agent(agui_agent.Agent):
    def events(self, run, text):
        return super().events({**run, "threadId": "thread-1"}, text)


agui_agent.serve(Agent)
