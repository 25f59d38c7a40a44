"""An HTTP agent that keeps every rule."""

import http.server
import json
import time
import uuid

SINCE = int(time.time()) - 60


class Agent(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # What answers a POST.
    path_of_requests = "/invocations"

    def do_GET(self):
        if self.path == "/ping":
            self.ping()
        else:
            self.answer(404, {"error": "not found"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != self.path_of_requests:
            self.answer(404, {"error": "not found"})
            return
        self.handle_body(body)

    def handle_body(self, body):
        try:
            payload = json.loads(body)
            prompt = payload["prompt"]
        except (ValueError, KeyError, TypeError) as error:
            self.answer(400, {"error": str(error)})
            return
        self.invoke(prompt)

    def ping(self):
        self.answer(200, {"status": "Healthy", "time_of_last_update": SINCE})

    def invoke(self, prompt):
        self.answer(200, {"answer": prompt, "id": str(uuid.uuid4())})

    def answer(self, status, content):
        self.send(status, "application/json", json.dumps(content, ensure_ascii=False).encode())

    def send(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, events, end=b"0\r\n\r\n"):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(end)
        self.close_connection = True

    def log_message(self, *args):
        pass


def serve(agent=Agent, port=8080, host="0.0.0.0", server=http.server.ThreadingHTTPServer):
    server((host, port), agent).serve_forever()
