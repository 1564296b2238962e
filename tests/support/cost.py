"""What code costs, counted and not timed: the same on every machine, however busy it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType

#: So many instructions take less than a millisecond on the machines that the proxy is for.
ONE_MILLISECOND = 20_000

if sys.version_info >= (3, 12):
    # Tools 0 to 2 and 5 are known ones, such as coverage.  With sys.settrace CPython 3.13.0 gives no opcodes of some
    # functions that were traced before.
    _TOOL = 3

    def instructions(function: Callable[[], object]) -> int:
        """The number of bytecode instructions that *function* runs, in all that it calls."""
        monitoring, count = sys.monitoring, 0

        def note(code: CodeType, offset: int) -> None:
            nonlocal count
            count += 1

        monitoring.use_tool_id(_TOOL, __name__)
        try:
            monitoring.register_callback(_TOOL, monitoring.events.INSTRUCTION, note)
            monitoring.set_events(_TOOL, monitoring.events.INSTRUCTION)
            function()
        finally:
            monitoring.set_events(_TOOL, 0)
            monitoring.free_tool_id(_TOOL)
        return count

else:

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
