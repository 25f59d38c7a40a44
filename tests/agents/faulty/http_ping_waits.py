# ping-slow
import threading
import time

from shop import http_agent


class Agent(http_agent.Agent):
    working = threading.Lock()
    first = True

    def ping(self):
        with self.working:
            super().ping()

    def invoke(self, prompt):
        with self.working:
            if Agent.first:
                Agent.first = False
                time.sleep(4)
        super().invoke(prompt)


http_agent.serve(Agent)
