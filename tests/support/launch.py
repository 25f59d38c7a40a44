"""Runs an emulator in this process, and ends with the process at the other end of stdin.

A test that panics or is killed closes that pipe, so no emulator outlives its test.
"""

import gc
import os
import sys
import threading
from importlib import import_module


def end_with_stdin() -> None:
    while os.read(0, 64):
        pass
    os._exit(0)


threading.Thread(target=end_with_stdin, daemon=True).start()
module, *sys.argv[1:] = sys.argv[1:]
main = import_module(module).main
# An eighth of the time would be spent on looking for garbage among what the modules keep.
gc.freeze()
gc.set_threshold(100_000, 50, 100)
sys.exit(main())
