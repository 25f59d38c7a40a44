# stream-cut
from shop import http_agent


class Agent(http_agent.Agent):
    def invoke(self, prompt):
        self.stream([b'data: "%s"\n\n' % prompt.encode()], end=b"")


http_agent.serve(Agent)
