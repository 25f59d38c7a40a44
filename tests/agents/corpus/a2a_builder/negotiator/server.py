from a2a.server.apps import A2AStarletteApplication
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.types import AgentCapabilities, AgentCard


class Shouter:
    async def execute(self, text):
        return text.upper()


card = AgentCard(
    name="negotiator",
    description="Shouts",
    url="http://localhost:9000/",
    version="1.0.0",
    capabilities=AgentCapabilities(),
    default_input_modes=["text"],
    default_output_modes=["text"],
    skills=[],
)
handler = DefaultRequestHandler(agent_executor=Shouter())
server = A2AStarletteApplication(agent_card=card, http_handler=handler)
