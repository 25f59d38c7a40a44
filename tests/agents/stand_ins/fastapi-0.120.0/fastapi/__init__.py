"""Stands in for FastAPI: routes that take the body as a dictionary, on Starlette."""

import inspect

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

__all__ = ["APIRouter", "FastAPI", "Request", "WebSocket"]


def endpoint(function):
    async def answer(request):
        values = []
        for parameter in inspect.signature(function).parameters.values():
            is_request = parameter.annotation is Request
            values.append(request if is_request else await request.json())
        if inspect.iscoroutinefunction(function):
            result = await function(*values)
        else:
            result = await run_in_threadpool(function, *values)
        return result if isinstance(result, Response) else JSONResponse(result)

    return answer


class Routes:
    prefix = ""

    def add_api_route(self, path, function, methods=("GET",)):
        route = Route(self.prefix + path, endpoint(function), methods=list(methods))
        self.routes.append(route)

    def decorator(self, path, method):
        def register(function):
            self.add_api_route(path, function, [method])
            return function

        return register

    def get(self, path):
        return self.decorator(path, "GET")

    def post(self, path):
        return self.decorator(path, "POST")

    def websocket(self, path):
        def register(function):
            self.routes.append(WebSocketRoute(self.prefix + path, function))
            return function

        return register


class APIRouter(Routes):
    def __init__(self, prefix=""):
        self.prefix = prefix
        self.routes = []


class FastAPI(Routes, Starlette):
    def include_router(self, router, prefix=""):
        for route in router.routes:
            route = type(route)(
                prefix + route.path, route.endpoint, methods=route.methods
            )
            self.routes.append(route)
