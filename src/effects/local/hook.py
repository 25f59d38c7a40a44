"""Loaded by every Python process of an agent that `cargo agentcore` runs on this machine.

In the cloud each session has its own machine, and its agent listens on the protocol's port. Here several
sessions share one machine, so an agent that binds this port gets a free one on the loopback interface instead.
A line in the file named by CARGO_AGENTCORE_LISTENING contains both port numbers and the requested interface.
Nothing else changes.

When the agent listens, the modules that it has imported from the folder CARGO_AGENTCORE_PRELOAD are written to
a file next to that one, whose name ends with `.modules`.

With CARGO_AGENTCORE_SNAPSHOT the process forks right before it serves, to simulate two sessions that start from
one snapshot. The second one reports its sockets in its own file, whose name ends with `.fork`.
"""

import os
import sys

_FILE = os.environ.pop("CARGO_AGENTCORE_LISTENING", None)
_PORT = int(os.environ.pop("CARGO_AGENTCORE_PORT", "0"))
# The debugger's own port.
_DEBUGGER = int(os.environ.get("CARGO_AGENTCORE_DEBUGGER", "0"))
_PRELOAD = os.environ.pop("CARGO_AGENTCORE_PRELOAD", None)
# The port in a variable that an agent may use although it is not the contract's.
_INHERITED = os.environ.get("PORT", "")
_SNAPSHOT = os.environ.pop("CARGO_AGENTCORE_SNAPSHOT", None) is not None and hasattr(os, "fork")
if _FILE is not None:
    # Inherited by processes that the agent starts.
    os.environ["CARGO_AGENTCORE_LISTENING"] = _FILE
    os.environ["CARGO_AGENTCORE_PORT"] = str(_PORT)


def _tell(asked, given, host):
    if asked == _PORT and _PRELOAD is not None:
        _tell_modules()
    with open(_FILE, "a", encoding="utf-8") as file:
        file.write("%d %d %s\n" % (asked, given, host or "0.0.0.0"))


def _tell_modules():
    begin = _PRELOAD + os.sep
    modules = [(name, getattr(module, "__dict__", {}).get("__file__")) for name, module in list(sys.modules.items())]
    names = [name for name, file in modules if isinstance(file, str) and file.startswith(begin)]
    with open(_FILE + ".modules", "w", encoding="utf-8") as file:
        file.write("\n".join(names))


def _double():
    global _FILE, _SNAPSHOT
    import threading

    # A lock held by another thread would stay locked in the second process.
    if not _SNAPSHOT or threading.active_count() > 1:
        return False
    _SNAPSHOT = False
    random = sys.modules.get("random")
    state = random.getstate() if random else None
    if os.fork() == 0:
        _FILE += ".fork"
        # Python reseeds after a fork, but not after a snapshot.
        if random:
            random.setstate(state)
        return True
    return False


def _is_ours(host, port):
    """Returns whether the agent gets another port instead."""
    if port != _PORT and str(port) != _INHERITED:
        return False
    return host in ("", "0.0.0.0", "::", "127.0.0.1", "::1", "localhost", None)


def _patch_socket(module):
    bind, listen, real = module.socket.bind, module.socket.listen, module.socket
    asked = {}

    def bind_elsewhere(self, address):
        if not isinstance(address, tuple) or self.family not in (module.AF_INET, module.AF_INET6):
            return bind(self, address)
        host, port = address[0], address[1]
        if port == _PORT and _double():
            # A socket shared by two processes can be bound only once.
            new = module.socket(self.family, self.type, self.proto)
            os.dup2(new.fileno(), self.fileno(), inheritable=False)
            new.close()
        if not _is_ours(host, port):
            result = bind(self, address)
        elif self.family == module.AF_INET6:
            result = bind(self, ("::1", 0) + tuple(address[2:]))
        else:
            result = bind(self, ("127.0.0.1", 0))
        if self.type & 0xF == module.SOCK_STREAM and port and port != _DEBUGGER:
            asked[self.fileno()] = (port, host)
        return result

    def listen_and_tell(self, *args):
        result = listen(self, *args)
        port, host = asked.pop(self.fileno(), (None, None))
        if port is not None and self.family == module.AF_INET:
            _tell(port, self.getsockname()[1], host)
        return result

    real.bind = bind_elsewhere
    real.listen = listen_and_tell


def _patch_uvloop(module):
    create_server = module.Loop.create_server

    async def create_elsewhere(self, protocol_factory, host=None, port=None, **options):
        if options.get("sock") is not None or not _is_ours(host, port):
            server = await create_server(self, protocol_factory, host, port, **options)
        else:
            server = await create_server(self, protocol_factory, "127.0.0.1", 0, **options)
        if options.get("sock") is None and port:
            for socket in server.sockets:
                _tell(port, socket.getsockname()[1], host)
        return server

    module.Loop.create_server = create_elsewhere
    new_event_loop = module.new_event_loop

    def double_before_a_loop():
        _double()
        return new_event_loop()

    module.new_event_loop = double_before_a_loop


def _patch_loop(module):
    begin = module.BaseEventLoop.__init__

    def double_before_a_loop(self):
        # Two processes cannot share what a loop watches.
        _double()
        begin(self)

    module.BaseEventLoop.__init__ = double_before_a_loop


_PATCHES = {"socket": _patch_socket, "uvloop": _patch_uvloop}
if _SNAPSHOT:
    _PATCHES["asyncio.base_events"] = _patch_loop


class _Patching:
    """Patches a module right after its first import."""

    def find_spec(self, name, path=None, target=None):
        patch = _PATCHES.pop(name, None)
        if patch is None:
            return None
        import importlib.util

        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_patch(module):
            execute(module)
            patch(module)

        spec.loader.exec_module = execute_and_patch
        return spec


if _FILE is not None:
    if "socket" in sys.modules:
        _PATCHES.pop("socket")(sys.modules["socket"])
    sys.meta_path.insert(0, _Patching())
