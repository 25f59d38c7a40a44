import uvicorn
from a2a.server.apps import A2AStarletteApplication
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.types import AgentCapabilities, AgentCard


class A2AServer:
    def __init__(self, agent, host="127.0.0.1", port=9000):
        self.agent = agent
        self.host = host
        self.port = port

    def to_starlette_app(self):
        card = AgentCard(
            name=self.agent.name,
            description="Shouts",
            url=f"http://{self.host}:{self.port}/",
            version="1.0.0",
            capabilities=AgentCapabilities(),
            default_input_modes=["text"],
            default_output_modes=["text"],
            skills=[],
        )
        handler = DefaultRequestHandler(agent_executor=self.agent)
        return A2AStarletteApplication(agent_card=card, http_handler=handler).build()

    def serve(self, host=None, port=None):
        app = self.to_starlette_app()
        uvicorn.run(app, host=host or self.host, port=port or self.port)
