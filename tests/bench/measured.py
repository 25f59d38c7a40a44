"""Measures a program: wall time, CPU time including child processes, and its own memory.

    measured.py REPORT PROGRAM [ARGUMENT ...]

The report is one JSON object: `wall` and `cpu` in seconds, `peak` in KiB (the program's own largest
resident set, without child processes; 0 if the system does not report it).
"""

import json
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path


def watch(pid: int, peak: list[int], over: threading.Event) -> None:
    """Reads the high-water mark until the program ends. It only grows, so the last value counts."""
    status = Path(f"/proc/{pid}/status")
    while not over.wait(0.002):
        try:
            lines = status.read_text().splitlines()
        except OSError:
            return
        for line in lines:
            if line.startswith("VmHWM:"):
                peak[0] = max(peak[0], int(line.split()[1]))


def main() -> int:
    report, *command = sys.argv[1:]
    peak = [0]
    over = threading.Event()
    start = time.monotonic()
    program = subprocess.Popen(command)
    watcher = threading.Thread(target=watch, args=(program.pid, peak, over))
    watcher.start()
    code = program.wait()
    wall = time.monotonic() - start
    over.set()
    watcher.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak": peak[0]}
    Path(report).write_text(json.dumps(cost))
    return code


sys.exit(main())
