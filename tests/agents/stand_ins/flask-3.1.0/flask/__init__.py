"""Stands in for Flask: routes and a server of the standard library."""

import json
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import local

current = local()


class request:
    @staticmethod
    def get_json():
        return json.loads(current.body)


def jsonify(value):
    return value


class Flask:
    def __init__(self, name):
        self.routes = {}

    def add_url_rule(self, path, endpoint, function):
        self.routes[path] = function

    def route(self, path, methods=("GET",)):
        def register(function):
            self.routes[path] = function
            return function

        return register

    get = post = route

    def run(self, host="127.0.0.1", port=5000):
        routes = self.routes

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length") or 0)
                current.body = self.rfile.read(length)
                function = routes.get(self.path)
                if function is None:
                    self.send_error(404)
                    return
                try:
                    answer = json.dumps(function()).encode()
                except ValueError:
                    self.send_error(400)
                    return
                except Exception:
                    traceback.print_exc()
                    self.send_error(500)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

        Server((host, port), Handler).serve_forever()
