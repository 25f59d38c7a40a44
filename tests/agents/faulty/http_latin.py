# invalid-utf8
from shop import http_agent


class Agent(http_agent.Agent):
    def handle_body(self, body):
        try:
            body.decode()
        except UnicodeDecodeError as error:
            self.answer(500, {"error": str(error)})
            return
        super().handle_body(body)


http_agent.serve(Agent)
