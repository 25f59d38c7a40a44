"""Runs ministack as the emulator of one project of `cargo agentcore`.

Whoever holds `running.lock` is the emulator of the directory; the lock ends with the process. Ending
it is asked for by a file that names it, so that no process is ever found by its number: the file
acts like SIGTERM, upon which ministack writes its state. When the directory is gone (`cargo clean`),
so is what this process stands for. One that is a guest lives as long as the command that started it,
however that ends: its stdin does not end before.
"""

import json
import os
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
    file = open(lock_path, "a+b")
    file.seek(0)
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
    with open(record_path + ".new", "w", encoding="utf-8") as file:
        json.dump(record, file)
    os.replace(record_path + ".new", record_path)


def asked_to_stop():
    try:
        with open(stop_path, encoding="utf-8") as file:
            return file.read() == nonce
    except OSError:
        return False


def is_gone(held):
    try:
        return not os.path.samestat(held, os.stat(lock_path))
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


lock = hold_lock()
write_record()
threading.Thread(target=watch, args=(os.fstat(lock.fileno()),), daemon=True).start()
if guest:
    threading.Thread(target=watch_host, daemon=True).start()

sys.argv = ["ministack"]
from ministack.app import main  # noqa: E402

main()
