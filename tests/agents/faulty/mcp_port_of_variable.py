# port-inherited
import os

from shop import mcp_agent

mcp_agent.serve(port=int(os.environ.get("PORT", "8000")))
