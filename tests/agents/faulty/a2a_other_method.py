# a2a-message
from shop import a2a_agent


class Agent(a2a_agent.Agent):
    def call(self, method, call):
        super().call("message/send" if method == "tasks/send" else "", call)


a2a_agent.serve(Agent)
