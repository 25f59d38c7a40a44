# port-wrong
from shop import http_agent

http_agent.serve(port=5000)
