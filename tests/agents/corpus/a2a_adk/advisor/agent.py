from google.adk.a2a.utils.agent_to_a2a import to_a2a
from google.adk.agents import Agent

root_agent = Agent(name="advisor", model="gemini-2.5-flash")
a2a_app = to_a2a(root_agent, port=8001)
