# invoke-failed
import json

from shop import http_agent


class Agent(http_agent.Agent):
    def handle_body(self, body):
        try:
            payload = json.loads(body)
        except ValueError as error:
            self.answer(400, {"error": str(error)})
            return
        if "question" in payload:
            self.invoke(payload["question"])
        else:
            self.answer(422, {"error": "no question"})


http_agent.serve(Agent)
