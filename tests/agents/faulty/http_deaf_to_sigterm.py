# sigterm
import signal

from shop import http_agent

signal.signal(signal.SIGTERM, signal.SIG_IGN)
http_agent.serve()
