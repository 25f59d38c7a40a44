# port-loopback
from shop import http_agent

http_agent.serve(host="127.0.0.1")
