from ag_ui.encoder import EventEncoder
from starlette.responses import Response


class LangGraphAgent:
    def __init__(self, name, graph):
        self.name = name
        self.graph = graph


def add_langgraph_fastapi_endpoint(app, agent, path="/"):
    def run(payload: dict):
        text = agent.graph.invoke({"text": payload["prompt"]})["text"]
        return Response(EventEncoder().encode(text), media_type="text/event-stream")

    app.add_api_route(path, run, methods=["POST"])
