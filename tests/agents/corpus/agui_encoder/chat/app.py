from ag_ui.encoder import EventEncoder
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route


async def invoke(request):
    payload = await request.json()
    encoder = EventEncoder()
    events = [encoder.encode(text) for text in payload["prompt"].upper().split()]
    return StreamingResponse(iter(events), media_type="text/event-stream")


app = Starlette(routes=[Route("/invocations", invoke, methods=["POST"])])
