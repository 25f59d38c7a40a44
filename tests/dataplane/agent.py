"""An agent that needs nothing but Python and does what the payload's `do` says."""

import base64
import hashlib
import http.server
import json
import os
import sys
import time

import one

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else one.PORT


class Agent(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, content, status=200, headers=()):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "a=b")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            return self.websocket()
        if self.path == "/ping":
            return self.answer({"status": "Healthy"})
        if self.path == "/.well-known/agent-card.json":
            return self.answer({"name": "one", "headers": self.headers.items()})
        self.answer({"error": "not found"}, 404)

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        # The first bytes tell what has arrived; then whatever comes goes back.
        seen = {"path": self.path, "headers": self.headers.items()}
        self.wfile.write(json.dumps(seen).encode() + b"\n")
        while data := self.connection.recv(4096):
            self.connection.sendall(data)
        self.close_connection = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = json.loads(body or b"{}")
        do = asked.get("do") or asked.get("method")
        if do == "look":
            seen = {"path": self.path, "headers": self.headers.items(), "pid": os.getpid()}
            return self.answer(seen, headers=[("Mcp-Session-Id", "chosen")] if "choose" in asked else [])
        if do == "environment":
            return self.answer(dict(os.environ))
        if do == "stream":
            return self.stream()
        if do == "fail":
            print("before the failure", flush=True)
            return self.answer({"error": "inner words"}, asked.get("status", 500))
        if do == "exit":
            print("last words", flush=True)
            os._exit(3)
        self.answer({"asked": asked, "bytes": len(body)})

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(3):
            event = f"data: {number}\n\n".encode()
            self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            self.wfile.flush()
            time.sleep(0.5)
        self.wfile.write(b"0\r\n\r\n")


print("listening", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", PORT), Agent).serve_forever()
