# snapshot-ids
import uuid

from shop import http_agent

INSTANCE = str(uuid.uuid4())


class Agent(http_agent.Agent):
    def invoke(self, prompt):
        self.answer(200, {"answer": prompt, "instance": INSTANCE})


http_agent.serve(Agent)
