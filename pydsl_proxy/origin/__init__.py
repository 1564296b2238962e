"""Where in the user's own code a part of the configuration was made."""

from __future__ import annotations

import ast
import linecache
import os
import sys
from collections.abc import Iterator
from itertools import islice
from types import CodeType, FrameType
from typing import Final, TypeAlias

from attrs import frozen

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_CONTEXTLIB = os.path.join(os.path.dirname(os.__file__), "contextlib.py")
_INDENT = "    "


@frozen
class Origin:
    """A stretch of source code: lines count from 1, columns from 0 in bytes of UTF-8, as CPython counts them.

    Where the columns are not known, both are 0.  Config values keep their origin apart from what they say: it takes no
    part in their equality or repr.
    """

    file: str
    line: int
    end_line: int
    column: int
    end_column: int

    def __str__(self) -> str:
        """``file:line``, the file relative to the working directory if it lies in it; line 0 is the whole file."""
        folder = os.getcwd() + os.sep
        file = self.file.removeprefix(folder)
        return f"{file}:{self.line}" if self.line else file

    def excerpt(self) -> str:
        """The source line with carets under the call; empty if the source cannot be read.

        In a chain the carets cover the call of the last verb, not what stands before it; of a call over several lines
        the first is shown.
        """
        lines = [linecache.getline(self.file, n).rstrip() for n in range(self.line, self.end_line + 1)]
        if not any(lines):
            return ""
        shown, start, end = _last_call(lines, self.column, self.end_column)
        text = _INDENT + shown.replace("\t", " ")
        if end <= start:
            return text
        before, under = (len(shown.encode()[a:b].decode(errors="replace")) for a, b in ((0, start), (start, end)))
        return f"{text}\n{_INDENT}{' ' * before}{'^' * max(under, 1)}"


#: Of what no line of a user's file made.
NO_ORIGIN: Final = Origin("", 0, 0, 0, 0)


def here() -> Origin:
    """The call in the user's code that is running now: the innermost frame outside this package."""
    frame = _frame_of_user()
    if frame is None:
        return NO_ORIGIN
    # The frame's own f_lineno is not asked for: it is counted from the first line each time.
    return origin_at(frame.f_code, frame.f_lasti)


def names_here() -> dict[str, object]:
    """What the names in scope of that call stand for."""
    frame = _frame_of_user()
    return {} if frame is None else {**frame.f_globals, **frame.f_locals}


def _frame_of_user() -> FrameType | None:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and not of_user(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def origin_at(code: CodeType, instruction: int, line: int = 0) -> Origin:
    """The source of the instruction at an offset in *code*, which is on *line*."""
    known = _POSITIONS.get(id(code))
    if known is None:
        if len(_POSITIONS) >= MAX_CODES:
            _POSITIONS.clear()
        known = _POSITIONS[id(code)] = _Positions(code)
    # An instruction has two bytes.
    start, end, column, end_column = known.of(max(instruction, 0) // 2)
    if start is None or end is None or column is None or end_column is None:  # python -X no_debug_ranges
        return Origin(code.co_filename, line, line, 0, 0)
    return Origin(code.co_filename, start, end, column, end_column)


class _Positions:
    """The positions of a code object's instructions, decoded once as the code runs on.

    CPython only tells them from the first one on: a module of ten thousand calls would be decoded as often.  A
    position that was asked for is remembered, for the next turn of a loop.
    """

    __slots__ = ("_code", "_known", "_next", "_rest")

    def __init__(self, code: CodeType) -> None:
        self._code = code
        self._known: dict[int, _Position] = {}
        self._next = 0
        self._rest: Iterator[_Position] = iter(code.co_positions())

    def of(self, number: int) -> _Position:
        """The position of an instruction."""
        found = self._known.get(number)
        if found is None:
            if number < self._next:
                self._rest, self._next = iter(self._code.co_positions()), 0
            found = next(islice(self._rest, number - self._next, None), _NO_POSITION)
            self._known[number] = found
            self._next = number + 1
        return found


def forget_positions() -> None:
    """Forget the files that were loaded: their code need not outlive them."""
    _POSITIONS.clear()


_Position: TypeAlias = "tuple[int | None, int | None, int | None, int | None]"
_NO_POSITION: Final[_Position] = (None, None, None, None)
# By the number of the object, which is held: the hash of code is that of all its constants.
MAX_CODES: Final = 64
_POSITIONS: Final[dict[int, _Positions]] = {}


def of_user(file: str) -> bool:
    """Whether the code in *file* is the user's, not ours nor what stands between."""
    return not file.startswith((_PACKAGE, "<attrs generated", "<frozen ")) and file != _CONTEXTLIB


def _last_call(lines: list[str], start: int, end: int) -> tuple[str, int, int]:
    """The line on which the last verb of the chain stands, and the columns of its call on that line.

    CPython's position of ``a.b(c).d(e)`` on one line begins at ``a``; ours begins at ``d``.
    """
    source = [line.encode() for line in lines]
    source[-1] = source[-1][:end]
    source[0] = source[0][start:]
    try:
        # Parentheses keep a chain over several lines together.
        call = ast.parse(b"(" + b"\n".join(source) + b"\n)", mode="eval").body
    except SyntaxError:
        call = None
    row, column = 0, start
    verb = call.func if isinstance(call, ast.Call) else call
    if isinstance(verb, ast.Attribute):
        row = (verb.end_lineno or 1) - 1
        column = (verb.end_col_offset or 0) - len(verb.attr.encode())
        column += start - 1 if row == 0 else 0
    return lines[row], column, end if row == len(lines) - 1 else len(lines[row].encode())
