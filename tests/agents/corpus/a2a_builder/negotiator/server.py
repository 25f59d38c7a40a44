from a2a.server.apps import A2AStarletteApplication
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.types import AgentCard


class Shouter:
    async def execute(self, text):
        return text.upper()


card = AgentCard(name="negotiator", url="http://localhost:9000/")
handler = DefaultRequestHandler(agent_executor=Shouter())
server = A2AStarletteApplication(agent_card=card, http_handler=handler)
