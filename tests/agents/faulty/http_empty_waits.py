# empty-body
import time

from shop import http_agent


class Agent(http_agent.Agent):
    def handle_body(self, body):
        if not body:
            time.sleep(60)
        super().handle_body(body)


http_agent.serve(Agent)
