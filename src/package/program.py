import os
import shutil
import signal
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
program = os.path.join(here, "PROGRAM")
if not os.access(program, os.X_OK):
    # The archive was unpacked without its permissions, and its directory may be read-only.
    copy = os.path.join(tempfile.mkdtemp(), "PROGRAM")
    shutil.copyfile(program, copy)
    os.chmod(copy, 0o755)
    program = copy
os.environ.setdefault("SSL_CERT_FILE", os.path.join(here, "ca-certificates.crt"))
# Python ignores these signals, and the program would inherit that.
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
# The program replaces Python in the same process.
os.execv(program, [program])
