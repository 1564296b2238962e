"""The standard outputs: a pipe that nobody reads must not hold up the process that writes into it."""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Callable
from typing import Final

STDOUT: Final = 1
STDERR: Final = 2


def opened_again(fd: int) -> int | None:
    """A descriptor of our own for what *fd* is, which does not block; None if there is none.

    Whether a descriptor blocks is a trait that all programs share that were given it, as the shell that started this
    one.  Linux opens pipes and terminals anew by this path; sockets cannot be.
    """
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        return None
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:
        return None


def writer_of(fd: int) -> Callable[[memoryview], int]:
    """What writes to a descriptor that may block, and raises BlockingIOError instead."""
    if stat.S_ISREG(os.fstat(fd).st_mode) or not os.get_blocking(fd):
        return lambda data: os.write(fd, data)
    poll = select.poll()
    poll.register(fd, select.POLLOUT)

    def write(data: memoryview) -> int:
        if not poll.poll(0):
            raise BlockingIOError
        # So much goes into a pipe or a socket that is writable at all.
        return os.write(fd, data[: select.PIPE_BUF])

    return write


def unblock_outputs() -> None:
    """Let no write to a standard output block, for a process that has them to itself: Twisted logs to one of them.

    What cannot be written is lost.
    """
    for fd in (STDOUT, STDERR):
        try:
            own = opened_again(fd)
            if own is not None:
                os.dup2(own, fd)
                os.close(own)
            elif not stat.S_ISREG(os.fstat(fd).st_mode):
                os.set_blocking(fd, False)
        except OSError:
            # It is closed.
            pass


def give_up_outputs() -> None:
    """At the end of the process: what could not be written yet must not be what it ends with."""
    for stream, fd in ((sys.stdout, STDOUT), (sys.stderr, STDERR)):
        try:
            stream.flush()
        except (OSError, ValueError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, fd)
            os.close(nothing)
