# code-folder
import os

from shop import http_agent


class Agent(http_agent.Agent):
    def invoke(self, prompt):
        with open(os.path.join(os.path.dirname(__file__), "prompts.txt"), "a") as file:
            file.write("asked\n")
        super().invoke(prompt)


http_agent.serve(Agent)
