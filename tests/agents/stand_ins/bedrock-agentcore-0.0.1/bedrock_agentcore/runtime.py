"""Stands in for the SDK's helper that serves A2A."""

import os

import uvicorn
from a2a.server.apps import A2AStarletteApplication
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.types import AgentCapabilities, AgentCard
from starlette.responses import JSONResponse
from starlette.routing import Route


async def ping(request):
    return JSONResponse({"status": "Healthy"})


def serve_a2a(executor, port=None):
    card = AgentCard(
        name="agent",
        description="Shouts",
        url="http://localhost:9000/",
        version="1.0.0",
        capabilities=AgentCapabilities(),
        default_input_modes=["text"],
        default_output_modes=["text"],
        skills=[],
    )
    handler = DefaultRequestHandler(agent_executor=executor)
    app = A2AStarletteApplication(agent_card=card, http_handler=handler).build()
    app.router.routes.append(Route("/ping", ping))
    host = "0.0.0.0" if os.environ.get("DOCKER_CONTAINER") else "127.0.0.1"
    uvicorn.run(app, host=host, port=port or int(os.environ.get("A2A_PORT", "9000")))
