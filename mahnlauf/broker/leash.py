"""A child process that never outlives us: on Linux the kernel kills it when we die, however we die.

The kernel looks at the *thread* that started the child: start a leashed broker from a thread that lives as long as it should.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def leash() -> Callable[[], None] | None:
    """What to give to subprocess.Popen as preexec_fn; None where the system knows no such thing (a clean exit still stops it)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # we died between fork and here
            os._exit(1)

    return tie
