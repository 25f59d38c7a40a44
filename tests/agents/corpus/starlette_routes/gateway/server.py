from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


async def invoke(request):
    payload = await request.json()
    tenant = request.headers.get("X-Tenant", "")
    return JSONResponse({"answer": payload["prompt"].upper() + tenant})


async def ping(request):
    return JSONResponse({"status": "Healthy"})


routes = [
    Route("/invocations", invoke, methods=["POST"]),
    Route("/ping", ping),
]
app = Starlette(routes=routes)
