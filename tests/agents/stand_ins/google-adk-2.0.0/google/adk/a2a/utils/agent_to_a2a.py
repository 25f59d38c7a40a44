from a2a.server.apps import A2AStarletteApplication
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.types import AgentCapabilities, AgentCard


def to_a2a(agent, host="localhost", port=8000):
    card = AgentCard(
        name=agent.name,
        description="Shouts",
        url=f"http://{host}:{port}/",
        version="1.0.0",
        capabilities=AgentCapabilities(),
        default_input_modes=["text"],
        default_output_modes=["text"],
        skills=[],
    )
    handler = DefaultRequestHandler(agent_executor=agent)
    return A2AStarletteApplication(agent_card=card, http_handler=handler).build()
