# ping-slow
import threading
import time

from shop import http_agent


class Agent(http_agent.Agent):
    working = threading.Lock()
    asked = 0

    def ping(self):
        with self.working:
            super().ping()

    def invoke(self, prompt):
        with self.working:
            Agent.asked += 1
            if Agent.asked <= 2:
                time.sleep(3)
        super().invoke(prompt)


http_agent.serve(Agent)
