"""What was expected against what came, told line by line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import ndiff

# Longer lines, mostly of bodies, are shown by their ends.
_LONGEST = 160


def without_fields(data: bytes, heads: Iterable[tuple[int, int]], names: Sequence[bytes]) -> bytes:
    """*data* without the fields called *names* (in any case) in the *heads*, which are places in it."""
    field = re.compile(rb"\r\n(?:" + b"|".join(map(re.escape, names)) + rb"):[^\r\n]*", re.IGNORECASE)
    pieces, at = [], 0
    for start, end in heads:
        pieces += [data[at:start], field.sub(b"", data[start:end])]
        at = end
    return b"".join([*pieces, data[at:]])


def mentions(data: bytes, names: Sequence[bytes]) -> bool:
    """Whether *data* has a line that begins as a field called one of *names* does."""
    return re.search(rb"\n(?:" + b"|".join(map(re.escape, names)) + rb"):", data, re.IGNORECASE) is not None


def difference(who: str, expected: bytes, received: bytes, state: str) -> str:
    """Why *received* is not *expected*; *state* says what else there is to know."""
    lines = [f"{who} did not receive what was expected (-) but this (+):"]
    lines += ["  " + line for line in ndiff([*_shown(expected)], [*_shown(received)]) if not line.startswith("?")]
    at = next((at for at, pair in enumerate(zip(expected, received, strict=False)) if pair[0] != pair[1]), None)
    if at is None:
        at = min(len(expected), len(received))
    lines.append(f"{len(expected)} bytes expected, {len(received)} received; they differ from byte {at} on")
    return "\n".join([*lines, state] if state else lines)


def _shown(data: bytes) -> Iterable[str]:
    for line in data.splitlines(keepends=True):
        if len(line) > _LONGEST:
            line = line[: _LONGEST // 2] + b" ... %d bytes ... " % (len(line) - _LONGEST) + line[-_LONGEST // 2 :]
        yield repr(line)[2:-1]
