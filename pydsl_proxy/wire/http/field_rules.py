"""Edits of a header section, compiled: which fields go, which are set, and to what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Any, TypeAlias

from pydsl_proxy.wire.http.grammar import CRLF, is_value
from pydsl_proxy.wire.http.head import Fields

# Lower-case name to look for, name as written, and the value: text if it is always the same, None to remove the field,
# or a function of the request, in whatever form the caller of ``compute`` has it.
Rule: TypeAlias = "tuple[bytes, bytes, str | Callable[[Any], bytes] | None]"


class FieldRules:
    """What one location does to the fields of one direction.

    ``removed`` are the lower-case names that leave the section, those that are set included; ``constant`` is the
    section of the fields whose value is known, ``computed`` are those asked for each request.  *dropped* names always
    leave.
    """

    __slots__ = ("_find", "base", "computed", "constant", "removed")

    def __init__(self, rules: Sequence[Rule] = (), dropped: Iterable[bytes] = ()) -> None:
        # Extensions have it in common with the rules of their location.  It is not those rules themselves: an object
        # that refers to itself stays in memory until a full collection of garbage.
        self.base = object()
        self.removed = frozenset(name for name, _, _ in rules)
        names = self.removed.union(dropped)
        self._find = (
            re.compile(rb"\r\n(?:" + b"|".join(map(re.escape, sorted(names))) + rb"):").finditer if names else None
        )
        self.constant = b"".join(
            _field(shown, value.encode("utf-8", "surrogateescape"))
            for _, shown, value in rules
            if isinstance(value, str)
        )
        self.computed = tuple((shown, value) for _, shown, value in rules if callable(value))

    def of_location(self) -> FieldRules:
        """The same rules for another location, which is known by them."""
        made = copy(self)
        made.base = object()
        return made

    def edit(self, fields: Fields, named: frozenset[bytes] = frozenset()) -> bytes:
        """The section as this place sends it, but for what is computed; *named* go too."""
        return self.without_removed(fields, named) + self.constant

    def without_removed(self, fields: Fields, named: frozenset[bytes] = frozenset()) -> bytes:
        """The section without the fields that leave it or are set; *named* go too."""
        spans: list[tuple[int, int]] = []
        lower = fields.lower
        if self._find is not None:
            for match in self._find(lower):
                start, after = match.span()
                spans.append((start, lower.find(CRLF, after)))
        for name in named:
            spans += spans_of(lower, name)
        return cut(fields.raw, spans)

    def adding(self, section: bytes) -> FieldRules:
        """These rules, with the fields of *section* beside the constant ones."""
        made = copy(self)
        made.constant = self.constant + section
        return made

    def compute(self, request: object) -> bytes:
        """The fields whose values depend on the request; one whose value is empty is left out, as nginx does."""
        return b"".join([_field(shown, value) for shown, function in self.computed if (value := function(request))])


def _field(name: bytes, value: bytes) -> bytes:
    raw = value.strip(b" \t")
    if not is_value(raw):
        # A value made from the client's text must not become two fields (CWE-113).
        raw = re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]+", b" ", raw).strip()
    return b"\r\n%b: %b" % (name, raw) if raw else b""


def spans_of(lower: bytes, name: bytes) -> list[tuple[int, int]]:
    """Where in the lower-case section fields called *name* stand."""
    mark = b"\r\n%b:" % name
    found = []
    at = lower.find(mark)
    while at != -1:
        end = lower.find(CRLF, at + 2)
        found.append((at, end))
        at = lower.find(mark, end) if end != -1 else -1
    return found


def cut(raw: bytes, spans: list[tuple[int, int]]) -> bytes:
    """*raw* without the spans; an end of -1 is the end of *raw*."""
    if not spans:
        return raw
    pieces, at = [], 0
    for start, end in sorted(set(spans)):
        pieces.append(raw[at:start])
        at = end if end != -1 else len(raw)
    pieces.append(raw[at:])
    return b"".join(pieces)
