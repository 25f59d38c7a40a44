"""Starts an archive's entry point as the service does, with only what the archive requires.

Runs isolated (`-I -S`). The agent's own files and the stand-ins come from the archive; everything else is
used where it is installed on this machine. An agent must listen on the port that the service calls. It gets
another port of this machine instead, whose number is written to a file.
"""

import os
import runpy
import socket
import sys
import threading
import zipfile
from pathlib import Path


def main() -> None:
    archive, root, sites, entry, told, expected = sys.argv[1:]
    threading.Thread(target=end_with_stdin, daemon=True).start()
    extract(Path(archive), Path(root), Path(sites))
    listen_elsewhere(int(expected), Path(told))
    os.chdir(root)
    script = Path(root) / entry
    sys.path[:0] = [str(script.parent), root]
    sys.argv = [entry]
    runpy.run_path(str(script), run_name="__main__")


def extract(archive: Path, root: Path, sites: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        elsewhere = set()
        for name in opened.namelist():
            if not name.endswith(".dist-info/RECORD"):
                continue
            distribution = name.split("-")[0].lower().replace("_", "-")
            version = name.split("/")[0].removesuffix(".dist-info").split("-")[1]
            site = sites / distribution
            is_installed = any(
                found.name.lower().endswith(f"-{version}.dist-info")
                for found in site.glob("*.dist-info")
            )
            if is_installed:
                sys.path.append(str(site))
                record = opened.read(name).decode().splitlines()
                elsewhere.update(line.split(",")[0] for line in record)
        names = [name for name in opened.namelist() if name not in elsewhere]
        opened.extractall(root, names)


def listen_elsewhere(expected: int, told: Path) -> None:
    bind = socket.socket.bind

    def listen(self: socket.socket, address: object) -> None:
        if not isinstance(address, tuple) or address[1] == 0:
            bind(self, address)
            return
        if address[:2] not in [("0.0.0.0", expected), ("::", expected), ("", expected)]:
            sys.stderr.write(f"listens on {address}, not on port {expected} of 0.0.0.0\n")
            os._exit(3)
        bind(self, ("127.0.0.1", 0))
        aside = told.with_suffix(".new")
        aside.write_text(str(self.getsockname()[1]))
        aside.rename(told)

    socket.socket.bind = listen


def end_with_stdin() -> None:
    while os.read(0, 64):
        pass
    os._exit(0)


main()
