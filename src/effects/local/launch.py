"""Runs ministack behind the local AgentCore of a `cargo agentcore` project.

The data plane starts it, holds the other end of its stdin, and forwards requests to it. When that end closes,
however the data plane ended, this raises SIGTERM, on which ministack writes its state. The lock keeps two
processes from using the same state.

Only the data plane can call it, with a secret token.

ministack itself writes its state only when it ends. Here changes are written before they are answered, so that
a kill loses nothing that was acknowledged. Log lines are written every few seconds.
"""

import asyncio
import gc
import json
import logging
import os
import signal
import sys
import threading
import time

directory = sys.argv[1]
# The program in `models`, if a server answers for Bedrock's models. It would be too long for a Windows command line.
extension = sys.stdin.buffer.read(int(sys.argv[2]))
token = os.environ.pop("CARGO_AGENTCORE_TOKEN").encode()
lock_path = os.path.join(directory, "ministack.lock")

# The emulator's files are private to the user.
os.umask(0o077)
# Links could point to other people's files.
NO_LINK = getattr(os, "O_NOFOLLOW", 0)


def try_lock(file):
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def hold_lock():
    file = open(os.open(lock_path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600), "r+b")
    # A process whose data plane was killed may still be writing its state.
    for _ in range(600):
        try:
            try_lock(file)
            return file
        except OSError:
            time.sleep(0.05)
    sys.exit("another emulator works in this directory")


def watch_host():
    sys.stdin.buffer.read()
    signal.raise_signal(signal.SIGTERM)


def guarded(app):
    async def guard(scope, receive, send):
        if scope["type"] not in ("http", "websocket"):
            return await app(scope, receive, send)
        if any(name.lower() == b"x-cargo-agentcore-token" and value == token for name, value in scope["headers"]):
            return await app(scope, receive, send)
        if scope["type"] == "websocket":
            # Closing before accepting answers with 403.
            return await send({"type": "websocket.close"})
        body = b"Only the local AgentCore may talk to this port.\n"
        head = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 403, "headers": head})
        await send({"type": "http.response.body", "body": body})

    return guard


LOGS = "cloudwatch_logs"
LOGS_PAUSE = 3


class Failures(logging.Handler):
    """Records ministack's errors about writing its state."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.last = None

    def emit(self, record):
        self.last = record.getMessage()


failures = Failures()
# The hashes of the written states, by service.
written = {}


def save(wanted):
    """Writes the changed states of these services. Returns the error, if any."""
    from ministack.core import persistence

    failures.last = None
    for name, state in ministack.app._build_persistence_save_dict().items():
        if not wanted(name):
            continue
        try:
            content = state()
            digest = hash(json.dumps(content, default=persistence._json_default))
        except Exception as error:
            # Another request is changing it, and will write it afterwards.
            print(f"cannot read the state of {name}: {error}", file=sys.stderr)
            continue
        if content is None or written.get(name) == digest:
            continue
        before = failures.last
        persistence.save_state(name, content)
        if failures.last is before:
            written[name] = digest
    return failures.last


def service(scope):
    for name, value in scope["headers"]:
        if name.lower() == b"authorization":
            parts = value.split(b"/")
            return parts[3].decode() if len(parts) > 4 else None
    return None


def refusal(service, why):
    why = f"the emulator cannot write its state: {why}"
    if service in ("iam", "sts", "s3"):
        text = why.replace("&", "&amp;").replace("<", "&lt;")
        error = f"<Error><Code>InsufficientStorage</Code><Message>{text}</Message></Error>"
        kind, body = b"text/xml", error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>"
    else:
        kind, body = b"application/json", json.dumps({"__type": "InsufficientStorage", "message": why})
    body = body.encode()
    head = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    # SDKs do not retry after this status.
    return [
        {"type": "http.response.start", "status": 507, "headers": head},
        {"type": "http.response.body", "body": body},
    ]


def saving(app):
    saving_logs = None

    async def save_logs():
        nonlocal saving_logs
        await asyncio.sleep(LOGS_PAUSE)
        saving_logs = None
        save(lambda name: name == LOGS)

    async def saver(scope, receive, send):
        nonlocal saving_logs
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            return await app(scope, receive, send)
        of = service(scope)
        if of == "logs":
            saving_logs = saving_logs or asyncio.get_running_loop().create_task(save_logs())
            return await app(scope, receive, send)
        refused = False

        async def send_saved(message):
            nonlocal refused
            if message["type"] == "http.response.start":
                if why := save(lambda name: name != LOGS):
                    refused = True
                    for refusing in refusal(of, why):
                        await send(refusing)
            if not refused:
                await send(message)

        await app(scope, receive, send_saved)

    return saver


lock = hold_lock()
threading.Thread(target=watch_host, daemon=True).start()

sys.argv = ["ministack"]
# Loading modules makes no garbage, and looking for it takes a tenth of the start.
gc.disable()
import ministack.app  # noqa: E402

gc.freeze()
gc.enable()

persistence = logging.getLogger("persistence")
persistence.addHandler(failures)
# Otherwise it reports each write.
persistence.setLevel(logging.WARNING)
app = saving(ministack.app.app)
if extension:
    models = {"__name__": "models"}
    exec(compile(extension, "models", "exec"), models)
    app = models["answering"](app)
ministack.app.app = guarded(app)
ministack.app.main()
