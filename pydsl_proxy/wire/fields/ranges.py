"""Ranges of bytes that a request asks for (RFC 9110 14)."""

from __future__ import annotations

import re

#: Ranges in one request beyond which the whole is sent: Apache's MaxRanges.
MAX_RANGES = 200

_read_range = re.compile(rb"([0-9]*)[ \t]*-[ \t]*([0-9]*)").fullmatch
# More digits than any length has.
_ENDLESS = 10**18


class Unsatisfiable(ValueError):
    """No byte of the representation is in the ranges: 416."""


def byte_ranges(value: bytes, size: int) -> list[tuple[int, int]] | None:
    """What a Range field asks for of *size* bytes: pairs of offset and length, in its order; None for the whole.

    The whole is sent where the unit is not ``bytes``, where there are more than :data:`MAX_RANGES`, and where the
    ranges are together longer than the whole, so overlap (CVE-2011-3192), as nginx and Go do it; and of nothing.
    :class:`Unsatisfiable` is raised for ranges that are all beyond the end, and, as nginx and Go have it, for a set
    that is malformed.
    """
    # A set of no ranges is passed over, as in nginx.
    if value[:6].lower() != b"bytes=" or len(value) == 6 or not size:
        return None
    specs = value[6:].split(b",", MAX_RANGES)
    if len(specs) > MAX_RANGES:
        return None
    # RFC 9110 5.6.1.2: empty elements of a list are passed over.
    ranges = [_one(spec.strip(b" \t"), size) for spec in specs if spec.strip(b" \t")]
    found = [each for each in ranges if each[1] > 0]
    if not found:
        raise Unsatisfiable("no byte is in the ranges")
    return found if sum(length for _, length in found) <= size else None


def _one(spec: bytes, size: int) -> tuple[int, int]:
    match = _read_range(spec)
    if match is None or spec == b"-":
        raise Unsatisfiable("the ranges are malformed")
    first, last = match.groups()
    if not first:
        length = min(_number(last), size)
        return size - length, length
    start = _number(first)
    stop = min(_number(last), size - 1) + 1 if last else size
    if last and _number(last) < start:
        raise Unsatisfiable("a range ends before it begins")
    return start, stop - start


def _number(digits: bytes) -> int:
    return int(digits) if len(digits) <= 18 else _ENDLESS
