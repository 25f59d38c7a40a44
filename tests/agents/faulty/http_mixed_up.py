# concurrent
import time

from shop import http_agent


class Agent(http_agent.Agent):
    prompt = ""

    def invoke(self, prompt):
        Agent.prompt = prompt
        time.sleep(0.2)
        super().invoke(Agent.prompt)


http_agent.serve(Agent)
