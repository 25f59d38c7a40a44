# disconnect
import os
import time

from shop import http_agent


class Agent(http_agent.Agent):
    def invoke(self, prompt):
        time.sleep(0.1)
        try:
            self.stream(self.events(prompt))
        except OSError:
            os._exit(1)

    def events(self, prompt):
        for _ in range(5):
            yield b'data: "%s"\n\n' % prompt.encode()
            time.sleep(0.02)


http_agent.serve(Agent)
