"""Imports an agent's dependencies once, and forks a process for each start of the agent.

`cargo agentcore dev` runs it with the agent's environment. It imports only modules of the dependencies, never the
user's, in the order of the last run. The first argument is the pipe for commands, with a JSON document per line.
Answers go to stdout: `ready THREADS`, then `forked PID` or `cold REASON` for each command.

Each fork consists of a guard, which leads its own process group, and the agent in that group. The guard kills the
group when the pipe `alive` closes, however the other side ended.
"""

import builtins
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import sys
import types
from importlib.machinery import SourceFileLoader

# How long an agent may take to end after SIGTERM.
GRACE = 2.0
# From sys/prctl.h.
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def threads():
    return len(os.listdir("/proc/self/task"))


def preload(path):
    with open(path, encoding="utf-8") as file:
        names = file.read().split()
    for name in names:
        if name in sys.modules:
            continue
        try:
            importlib.import_module(name)
        except BaseException:
            # The agent imports it again, and gets the error.
            pass


def say(replies, text):
    os.write(replies, (text + "\n").encode())


def obstacle(start):
    """Returns why the agent cannot be forked, or None if it can."""
    count = threads()
    if count > 1:
        return "the dependencies start threads when they are imported"
    for name in sorted({name.partition(".")[0] for name in os.listdir(start["directory"])}):
        if is_dependency(name, start["dependencies"]):
            return "`%s` of the agent has the name of a module of its dependencies" % name
    return None


def is_dependency(name, dependencies):
    file = getattr(sys.modules.get(name), "__dict__", {}).get("__file__") or ""
    return file.startswith(dependencies + os.sep)


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def next_start(control, replies):
    """Returns only in an agent's process."""
    with open(control, encoding="utf-8") as commands:
        for line in commands:
            reap()
            start = json.loads(line)
            why = obstacle(start)
            if why is not None:
                say(replies, "cold " + why)
            elif os.fork() == 0:
                guard(start, replies)
                break
        else:
            sys.exit()
    return start


def guard(start, replies):
    """Forks the agent and watches over it. Returns only in the agent."""
    os.setpgid(0, 0)
    alive = os.open(start["alive"], os.O_RDONLY | os.O_NONBLOCK)
    # This fails without a reader, if the other side has ended.
    status = os.open(start["status"], os.O_WRONLY | os.O_NONBLOCK)
    output = os.open(start["output"], os.O_WRONLY | os.O_NONBLOCK)
    os.set_blocking(output, True)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Signals to the group are meant for the other processes.
        signal.signal(number, signal.SIG_IGN)
    say(replies, "forked %d" % os.getpid())
    os.close(replies)
    own = os.getpid()
    agent = os.fork()
    if agent == 0:
        # The agent ends with the guard, however that ends.
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != own:
            os._exit(1)
        os.close(alive)
        os.close(status)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    ends = os.pidfd_open(agent)
    while not has_closed(alive):
        ready, _, _ = select.select([alive, ends], [], [])
        if ends in ready:
            code = os.waitstatus_to_exitcode(os.waitpid(agent, 0)[1])
            os.write(status, b"%d\n" % (code if code >= 0 else 128 - code))
            break
    else:
        os.killpg(0, signal.SIGTERM)
        select.select([ends], [], [], GRACE)
    # Kills what the agent left running, and this process.
    os.killpg(0, signal.SIGKILL)


def has_closed(pipe):
    try:
        return os.read(pipe, 1) == b""
    except BlockingIOError:
        return False


def reseed():
    """Reseeds generators whose state forks would share. Python's own ones reseed themselves."""
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.seed()


def become(start):
    """Runs the agent's script as Python itself would."""
    hook = sys.modules["_cargo_agentcore"]
    hook._FILE = os.environ["CARGO_AGENTCORE_LISTENING"] = start["listening"]
    os.chdir(start["directory"])
    reseed()
    script, root = start["script"], start["directory"]
    sys.argv = [script]
    sys.path[:0] = [os.path.dirname(script), root]
    # The same as without preloading.
    os.environ["PYTHONPATH"] = os.pathsep.join([root, start["dependencies"]])
    main = types.ModuleType("__main__")
    main.__file__ = script
    main.__builtins__ = builtins
    main.__loader__ = SourceFileLoader("__main__", script)
    main.__cached__ = None
    sys.modules["__main__"] = main
    try:
        with open(script, "rb") as file:
            code = compile(file.read(), script, "exec", dont_inherit=True)
        exec(code, main.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        # Hides the frames of this file.
        error = error.with_traceback(error.__traceback__.tb_next)
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


def run(control, modules):
    # This directory contains no modules of the agent's.
    del sys.path[0]
    replies = os.dup(1)
    os.dup2(2, 1)
    preload(modules)
    gc.collect()
    # Keeps garbage collections in the forks from copying these pages.
    gc.freeze()
    say(replies, "ready %d" % threads())
    become(next_start(control, replies))


if __name__ == "__main__":
    run(*sys.argv[1:])
