"""Runs ministack behind the local AgentCore of one project of `cargo agentcore`.

The data plane starts it, holds the other end of its stdin, and passes requests on to it. When that end closes,
however the data plane ended, this acts as if SIGTERM had come, upon which ministack writes its state. The lock
keeps two of them from working on the same state.

Only the data plane may talk to it: it shows a token that nobody else has.
"""

import os
import signal
import sys
import threading
import time

directory = sys.argv[1]
token = os.environ.pop("CARGO_AGENTCORE_TOKEN").encode()
lock_path = os.path.join(directory, "ministack.lock")

# What the emulator keeps is for the user alone.
os.umask(0o077)
# A file of ours that is a link is somebody else's.
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
    # One whose data plane was killed is writing its state.
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
            # Closed before it is accepted, it is answered with 403.
            return await send({"type": "websocket.close"})
        body = b"Only the local AgentCore may talk to this port.\n"
        head = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 403, "headers": head})
        await send({"type": "http.response.body", "body": body})

    return guard


lock = hold_lock()
threading.Thread(target=watch_host, daemon=True).start()

sys.argv = ["ministack"]
import ministack.app  # noqa: E402

ministack.app.app = guarded(ministack.app.app)
ministack.app.main()
