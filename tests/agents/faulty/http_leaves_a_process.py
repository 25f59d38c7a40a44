# process-left
import subprocess
import sys

from shop import http_agent

subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
http_agent.serve()
