"""How much Python a call runs, in a measure that no other program on the machine changes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

#: So many instructions take less than a millisecond on the machines that the proxy is for.
ONE_MILLISECOND = 20_000


def instructions(function: Callable[[], object]) -> int:
    """The number of bytecode instructions that *function* runs, in all that it calls."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> object:
        nonlocal count
        if event == "call":
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        elif event == "opcode":
            count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]  # a trace function gives itself
    try:
        function()
    finally:
        sys.settrace(before)
    return count
