import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute


async def talk(websocket):
    await websocket.accept()
    await websocket.send_text((await websocket.receive_text()).upper())
    await websocket.close()


async def ping(request):
    return JSONResponse({"status": "Healthy"})


app = Starlette(routes=[Route("/ping", ping), WebSocketRoute("/ws", talk)])

if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=8080)
