"""Runs ministack as the emulator of one project of `cargo agentcore`.

Whoever holds `running.lock` is the emulator of the directory; the lock ends with the process. Ending
it is asked for by a file that names it, so that no process is ever found by its number: the file
acts like SIGTERM, upon which ministack writes its state. When the directory is gone (`cargo clean`),
so is what this process stands for. One that is a guest lives as long as the command that started it,
however that ends: its stdin does not end before.

Programs on this machine may talk to it, and pages in a browser may not: requests that name another host,
or that a page of another origin makes, are refused before ministack sees them.
"""

import json
import os
import secrets
import signal
import sys
import threading
import time

BUSY = 75

directory, port, nonce, version, life = sys.argv[1:6]
guest = life == "guest"
lock_path = os.path.join(directory, "running.lock")
record_path = os.path.join(directory, "emulator.json")
stop_path = os.path.join(directory, "stop")

# What the emulator keeps is for the user alone.
os.umask(0o077)
# A file of ours that is a link is somebody else's.
NO_LINK = getattr(os, "O_NOFOLLOW", 0)

if os.name == "posix":
    # Files that the command inherited must not stay open for as long as this runs; a terminal's
    # Ctrl-C and hang-up are for the command.
    os.closerange(3, 256)
    os.setsid()


def try_lock(file):
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def hold_lock():
    # Somebody who looks whether the lock is held holds it for a moment.
    file = open(os.open(lock_path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600), "r+b")
    for _ in range(20):
        try:
            try_lock(file)
            return file
        except OSError:
            time.sleep(0.05)
    print("another emulator works in this directory", file=sys.stderr)
    sys.exit(BUSY)


def write_record():
    record = {"version": version, "port": int(port), "pid": os.getpid(), "nonce": nonce, "guest": guest}
    aside = os.path.join(directory, ".cargo-agentcore-" + secrets.token_hex(8))
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(record, file)
    os.replace(aside, record_path)


def asked_to_stop():
    try:
        with open(os.open(stop_path, os.O_RDONLY | NO_LINK), encoding="utf-8") as file:
            return file.read() == nonce
    except OSError:
        return False


def is_gone(held):
    try:
        return not os.path.samestat(held, os.lstat(lock_path))
    except FileNotFoundError:
        return True
    except OSError:
        return False


def watch(held):
    while True:
        time.sleep(0.2)
        if is_gone(held):
            os._exit(0)
        if asked_to_stop():
            signal.raise_signal(signal.SIGTERM)
            return


def watch_host():
    sys.stdin.buffer.read()
    signal.raise_signal(signal.SIGTERM)


def is_this_machine(host):
    name, _, there = host.lower().rpartition(":")
    if there != port:
        return False
    # The second form is how clients address a bucket; every `.localhost` is this machine.
    return name in ("127.0.0.1", "localhost", "[::1]") or name.endswith(".localhost")


def why_refused(headers):
    """What is wrong with a request, or None."""
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) != 1 or not is_this_machine(hosts[0]):
        return "it is addressed to another host than 127.0.0.1:%s" % port
    for name, value in headers:
        if name == "origin":
            return "it comes from a page in a browser"
        if name == "sec-fetch-site" and value != "none":
            return "it comes from a page in a browser"
    return None


def guarded(app):
    async def guard(scope, receive, send):
        if scope["type"] not in ("http", "websocket"):
            return await app(scope, receive, send)
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        why = why_refused(headers)
        if why is None:
            return await app(scope, receive, send)
        if scope["type"] == "websocket":
            # Closed before it is accepted, it is answered with 403.
            return await send({"type": "websocket.close"})
        body = ("The emulator of `cargo agentcore` refuses this request: %s.\n" % why).encode()
        head = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 403, "headers": head})
        await send({"type": "http.response.body", "body": body})

    return guard


lock = hold_lock()
write_record()
threading.Thread(target=watch, args=(os.fstat(lock.fileno()),), daemon=True).start()
if guest:
    threading.Thread(target=watch_host, daemon=True).start()

sys.argv = ["ministack"]
import ministack.app  # noqa: E402

ministack.app.app = guarded(ministack.app.app)
ministack.app.main()
