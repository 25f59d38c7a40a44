"""Compiles Python files to what `py_compile` writes with `unchecked-hash`.

Arguments: the directory of the files, the one that they will be in, and a file with their names, each
terminated by a zero byte. Files that do not compile are left alone and reported in the same format:
name, line, reason.
"""

import sys

# Import only Python's own modules, not some from the current directory.
sys.path[:] = [path for path in sys.path if path]

import gc
import marshal
import os
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash

gc.disable()
root, home, names = sys.argv[1:]
with open(names, "rb") as file:
    listed = file.read().split(b"\0")[:-1]
for name in map(os.fsdecode, listed):
    path = os.path.join(root, name)
    with open(path, "rb") as file:
        source = file.read()
    try:
        code = compile(source, home + "/" + name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 0
        said = getattr(error, "msg", None) or str(error)
        sys.stdout.write(f"{name}\0{line}\0{said}\0")
        continue
    compiled = cache_from_source(path)
    os.makedirs(os.path.dirname(compiled), exist_ok=True)
    flags = (0b01).to_bytes(4, "little")
    with open(compiled, "wb") as file:
        file.write(MAGIC_NUMBER + flags + source_hash(source) + marshal.dumps(code))
