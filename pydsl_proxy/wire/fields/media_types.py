"""Media types: which of them a list names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from pydsl_proxy.wire.http.grammar import TOKEN

# RFC 9110 8.3.1; a star, which is a character of tokens, stands for any run of them in a list.
_is_pattern = re.compile(rb"%b++/%b++" % (TOKEN, TOKEN)).fullmatch


def is_media_type(text: str) -> bool:
    """Whether *text* may stand in a list: a type without parameters, a star in it for any letters."""
    return _is_pattern(text.encode()) is not None


def type_matcher(types: Iterable[str], excepted: Iterable[str] = ()) -> Callable[[bytes], bool]:
    """Tells whether the value of a Content-Type is one of *types*, whatever its case and parameters.

    What *excepted* names is none of them.
    """
    one, other = _any_of(types), _any_of(excepted)
    matches = re.compile((b"(?!%b)" % other if other else b"") + one).match
    return lambda value: matches(value.lower()) is not None


def _any_of(types: Iterable[str]) -> bytes:
    parts = [re.escape(each.lower().encode()).replace(rb"\*", TOKEN + rb"*") for each in types]
    return rb"(?:%b)[ \t]*+(?:;|\Z)" % b"|".join(parts) if parts else b""
