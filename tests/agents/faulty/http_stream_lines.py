# stream-format
from shop import http_agent


class Agent(http_agent.Agent):
    def invoke(self, prompt):
        self.stream([b"%s\n" % prompt.encode()])


http_agent.serve(Agent)
