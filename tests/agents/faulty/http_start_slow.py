# start-timeout
import time

from shop import http_agent

time.sleep(60)
http_agent.serve()
