# bad-json
import json
import os

from shop import http_agent


class Agent(http_agent.Agent):
    def handle_body(self, body):
        if body:
            try:
                body.decode() and json.loads(body)
            except UnicodeDecodeError:
                pass
            except ValueError:
                os._exit(1)
        super().handle_body(body)


http_agent.serve(Agent)
