# stream-buffered
from shop import http_agent


class Agent(http_agent.Agent):
    def invoke(self, prompt):
        event = b'data: "%s"\n\n' % prompt.encode()
        self.send(200, "text/event-stream", event * 3)


http_agent.serve(Agent)
