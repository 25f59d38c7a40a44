"""An agent that needs only Python and does what the payload's `do` says."""

import base64
import hashlib
import http.client
import http.server
import json
import os
import struct
import sys
import threading
import time

import one

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else one.PORT


def called(asked):
    """Calls a model as boto3 does, as far as the local AgentCore can tell."""
    scope = f"{os.environ['AWS_ACCESS_KEY_ID']}/20261129/{os.environ['AWS_REGION']}/bedrock/aws4_request"
    connection = http.client.HTTPConnection(os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"))
    connection.request(
        "POST",
        "/model/some.model-v1%3A0/" + asked["operation"],
        json.dumps(asked["asked"], separators=(",", ":")),
        {
            "Content-Type": "application/json",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        },
    )
    response, pieces = connection.getresponse(), []
    while piece := response.read1(65536):
        pieces.append({"at": time.monotonic(), "text": piece.decode("latin-1")})
    return {
        "status": response.status,
        "type": response.headers["Content-Type"],
        "error": response.headers["x-amzn-errortype"],
        "request": response.headers["x-amzn-requestid"],
        "pieces": pieces,
    }


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
            return self.answer({"status": "HealthyBusy" if time.time() < busy_until else "Healthy"})
        if self.path == "/.well-known/agent-card.json":
            address = os.environ.get("AGENTCORE_RUNTIME_URL")
            return self.answer({"name": "one", "url": address})
        self.answer({"error": "not found"}, 404)

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        # Sends the request in the first frame, then echoes all frames.
        seen = {"path": self.path, "headers": self.headers.items()}
        self.send_frame(1, json.dumps(seen).encode())
        while frame := self.receive_frame():
            opcode, content = frame
            if content.startswith(b"send "):
                count, length = (int(word) for word in content.split()[1:])
                for _ in range(count):
                    self.send_frame(2, b"y" * length)
                continue
            self.send_frame(opcode, content)
            if opcode == 8:
                break
        self.close_connection = True

    def send_frame(self, opcode, content):
        length = len(content)
        if length < 126:
            head = struct.pack(">BB", 0x80 | opcode, length)
        elif length < 1 << 16:
            head = struct.pack(">BBH", 0x80 | opcode, 126, length)
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, 127, length)
        self.connection.sendall(head + content)

    def receive_frame(self):
        head = self.rfile.read(2)
        if len(head) < 2:
            return None
        length = head[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self.rfile.read(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.rfile.read(8))
        mask = self.rfile.read(4)
        content = self.rfile.read(length)
        return head[0] & 15, bytes(byte ^ mask[at % 4] for at, byte in enumerate(content))

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
            return self.stream(asked)
        if do == "busy":
            global busy_until
            busy_until = time.time() + asked["seconds"]
            return self.answer({})
        if do == "hang":
            time.sleep(3600)
        if do == "flood":
            for number in range(asked["lines"]):
                print(f"line {number} " + "x" * asked.get("length", 0))
            sys.stdout.flush()
        if do == "close port":
            print("closing the port", flush=True)
            threading.Thread(target=server.socket.close).start()
        if do == "requests":
            return self.answer({"requests": requests})
        if do == "length":
            return self.answer_of_length(asked)
        if do == "model":
            return self.answer(called(asked))
        if do == "fail":
            print("before the failure", flush=True)
            return self.answer({"error": "inner words"}, asked.get("status", 500))
        if do == "exit":
            print("last words", flush=True)
            os._exit(3)
        self.answer({"asked": asked, "bytes": len(body)})

    def stream(self, asked):
        """Sends numbered events with this count, pause and length, and may end early."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        filler = "x" * asked.get("length", 0)
        requests["begun"] += 1
        try:
            for number in range(asked.get("events", 3)):
                if number == asked.get("die"):
                    os._exit(3)
                event = f"data: {number}{filler}\n\n".encode()
                self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
                self.wfile.flush()
                time.sleep(asked.get("pause", 0.5))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            # The client disconnected.
            requests["cut"] += 1
            raise

    def answer_of_length(self, asked):
        """Sends this many bytes, with or without their number in the head."""
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        if asked.get("told"):
            self.send_header("Content-Length", str(asked["bytes"]))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        piece = b"x" * 1_000_000
        for start in range(0, asked["bytes"], len(piece)):
            self.wfile.write(piece[: asked["bytes"] - start])


class Server(http.server.ThreadingHTTPServer):
    # For a hundred concurrent callers.
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request, client_address):
        # The tests include callers that disconnect.
        pass


busy_until = 0.0
requests = {"begun": 0, "cut": 0}
print("listening", flush=True)
server = Server(("0.0.0.0", PORT), Agent)
server.serve_forever()
