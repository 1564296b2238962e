"""Loading a configuration beside a running proxy: how the thread that loads it lets the loop have its turn.

CPython runs one thread at a time.  A thread that computes gives way when another has waited for the switch interval,
5 ms by default, and the loop waits so at each of its system calls.  During a load the interval is shorter, and the
thread rests a third of the time.  One call of C, as ``compile()`` of a large file, gives way to nobody: another
process does that.
"""

from __future__ import annotations

import marshal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from time import perf_counter
from types import CodeType
from typing import Final

#: Seconds of work, and of rest after it.
WORK: Final = 0.002
REST: Final = 0.001
SWITCH_INTERVAL: Final = 0.0005
#: Characters of a file that is compiled here, in some milliseconds.
MAX_COMPILED_HERE: Final = 32 * 1024
#: Seconds that another process may take for a larger one.
COMPILED_WITHIN: Final = 60

_COMPILE: Final = """
import marshal, sys
file, optimize = sys.argv[1], int(sys.argv[2])
source = sys.stdin.buffer.read().decode("utf-8", "surrogatepass")
sys.stdout.buffer.write(marshal.dumps(compile(source, file, "exec", dont_inherit=True, optimize=optimize)))
"""


class Beside:
    """Nobody is kept waiting: the file is loaded before the proxy runs, or by who has nothing else to do."""

    def pause(self) -> None:
        """Called again and again."""

    def compile(self, source: str, file: str) -> CodeType:
        """The code of a file."""
        code: CodeType = compile(source, file, "exec", dont_inherit=True)
        return code


class BesideLoop(Beside):
    """The loop runs in another thread."""

    def __init__(self) -> None:
        self._until = 0.0
        self._nothing = Event()

    def pause(self) -> None:
        """Rest, if it is time."""
        now = perf_counter()
        if now >= self._until:
            if self._until:
                self._nothing.wait(REST)
                now = perf_counter()
            self._until = now + WORK

    def compile(self, source: str, file: str) -> CodeType:
        """The code of a file; that of a large one is made by another Python.

        If that cannot be had, or finds a mistake, it is compiled here: the error then says what it says otherwise.
        """
        if len(source) > MAX_COMPILED_HERE:
            options = [] if "no_debug_ranges" not in sys._xoptions else ["-X", "no_debug_ranges"]
            command = [sys.executable, "-I", "-S", *options, "-c", _COMPILE, file, str(sys.flags.optimize)]
            try:
                done = subprocess.run(
                    command,
                    input=source.encode("utf-8", "surrogatepass"),
                    capture_output=True,
                    timeout=COMPILED_WITHIN,
                    check=True,
                )
                code = marshal.loads(done.stdout)
                if isinstance(code, CodeType):
                    return code
            except (OSError, ValueError, EOFError, TypeError, subprocess.SubprocessError):
                pass
        return super().compile(source, file)


@contextmanager
def switching_often() -> Iterator[None]:
    """Let threads give way sooner in the block; of a process one file is loaded at a time."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(usual, SWITCH_INTERVAL))
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
