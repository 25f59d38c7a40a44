# host-refused
from shop import http_agent


class Agent(http_agent.Agent):
    def parse_request(self):
        if not super().parse_request():
            return False
        if self.headers["Host"].startswith("127.0.0.1"):
            return True
        self.answer(421, {"error": "unknown host"})
        self.close_connection = True
        return False


http_agent.serve(Agent)
