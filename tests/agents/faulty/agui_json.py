# agui-stream
from shop import agui_agent


class Agent(agui_agent.Agent):
    def run(self, run, text):
        self.answer(200, list(self.events(run, text)))


agui_agent.serve(Agent)
