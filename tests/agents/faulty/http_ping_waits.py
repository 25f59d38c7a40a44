# ping-slow
import threading
import time

from shop import http_agent


class Agent(http_agent.Agent):
    counting = threading.Lock()
    asked = 0
    finished = threading.Event()
    finished.set()

    # A ping waits for the request that runs when it arrives, and never for a second one.
    def ping(self):
        Agent.finished.wait()
        super().ping()

    def invoke(self, prompt):
        with self.counting:
            Agent.asked += 1
            is_slow = Agent.asked <= 2
            finished = Agent.finished = threading.Event()
        if is_slow:
            time.sleep(3)
        finished.set()
        super().invoke(prompt)


http_agent.serve(Agent)
