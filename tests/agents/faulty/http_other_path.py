# invoke-missing
from shop import http_agent


class Agent(http_agent.Agent):
    path_of_requests = "/invoke"


http_agent.serve(Agent)
