# start-failed
from shop import http_agent

raise RuntimeError("no model is configured")
