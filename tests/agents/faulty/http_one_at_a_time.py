# concurrent
import threading
import time

from shop import http_agent


class Agent(http_agent.Agent):
    working = threading.Lock()

    def invoke(self, prompt):
        if not self.working.acquire(blocking=False):
            self.answer(500, {"error": "busy"})
            return
        time.sleep(0.1)
        self.working.release()
        super().invoke(prompt)


http_agent.serve(Agent)
