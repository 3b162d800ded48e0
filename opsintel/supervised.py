"""Run a command that dies with its supervisor: `python supervised.py PARENT_PID COMMAND...`.

Started by path, so that nothing else is imported. On Linux the kernel is told to kill this process when its parent dies
(prctl PR_SET_PDEATHSIG survives the exec); elsewhere the command is only started.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def run(parent: int, command: list[str]) -> None:
    """Replace this process by the command; end at once when the parent is gone already."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  the supervisor's own programs


if __name__ == "__main__":
    run(int(sys.argv[1]), sys.argv[2:])
