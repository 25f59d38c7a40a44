# ping-no-answer
from shop import http_agent


class Agent(http_agent.Agent):
    asked = False

    def ping(self):
        if Agent.asked:
            self.close_connection = True
        else:
            super().ping()

    def invoke(self, prompt):
        Agent.asked = True
        super().invoke(prompt)


http_agent.serve(Agent)
