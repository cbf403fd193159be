"""What keeps a process's own memory and environment from the commands that it starts under the same account."""

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def keep_private() -> None:
    """Close `/proc/<pid>/environ`, memory and tracing to other processes of this account; `execve` opens them again.

    Code of a pull request runs under the account of its worker, and in one box that is the server's. Against root it
    does nothing, and files stay readable: workers that may not learn the server's secrets run elsewhere.
    Source: prctl(2), PR_SET_DUMPABLE; proc(5).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
