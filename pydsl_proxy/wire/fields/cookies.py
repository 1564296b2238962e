"""Set-Cookie fields of a response, read as far as it takes to change their attributes (RFC 6265 5.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from pydsl_proxy.wire.http.field_rules import cut, spans_of
from pydsl_proxy.wire.http.head import ResponseHead

_SPELLED: Final = {b"domain": b"Domain", b"path": b"Path", b"secure": b"Secure", b"httponly": b"HttpOnly"} | {
    b"samesite": b"SameSite"
}


# The attributes that can be changed, in lower case; of others a cookie may have tens of thousands.
_attributes = re.compile(rb";[ \t]*+(%b)[ \t]*+(?:=([^;]*+)|(?=;)|\Z)" % b"|".join(_SPELLED)).finditer


class Cookie:
    """One cookie that is set; what is not changed stays as it was written."""

    __slots__ = ("_edits", "_matches", "_value", "_values", "by_name")

    def __init__(self, value: bytes) -> None:
        self._value = value
        #: Whether anybody has asked for the name: what was made of the attributes may depend on it.
        self.by_name = False
        self._matches = list(_attributes(value.lower()))
        # Of several the last counts (RFC 6265 5.3).
        self._values = {
            match[1]: b"" if match[2] is None else value[match.start(2) : match.end()] for match in self._matches
        }
        self._edits: dict[bytes, bytes | None] = {}

    @property
    def name(self) -> bytes:
        """The cookie's name."""
        self.by_name = True
        return self._value.partition(b";")[0].partition(b"=")[0].strip(b" \t")

    @property
    def changed(self) -> bool:
        """Whether anything was set to what it was not."""
        return bool(self._edits)

    def get(self, attribute: bytes) -> bytes | None:
        """The value of an attribute, its name in lower case."""
        value = self._values.get(attribute)
        return value.strip(b" \t") if value else value

    def set(self, attribute: bytes, value: bytes | None) -> None:
        """Have the attribute once, with *value*, or without one if that is empty; None takes it away."""
        if value == self.get(attribute):
            return
        self._edits[attribute] = value
        if value is None:
            del self._values[attribute]
        else:
            self._values[attribute] = value

    def written(self) -> bytes:
        """The value of the field."""
        edits, value = dict(self._edits), self._value
        pieces: list[bytes] = []
        end = len(value)
        # An attribute stays where its last one stood, so that what is compared by eye differs only where it changed.
        for match in reversed(self._matches):
            name = match[1]
            if name in self._edits:
                pieces.append(value[match.end() : end])
                if (made := edits.pop(name, None)) is not None:
                    pieces.append(_written(name, made))
                end = match.start()
        pieces.append(value[:end])
        pieces.reverse()
        return b"".join(pieces + [_written(name, made) for name, made in edits.items() if made is not None])


def _written(name: bytes, value: bytes) -> bytes:
    return b"; %b=%b" % (_SPELLED[name], value) if value else b"; " + _SPELLED[name]


def edited_cookies(response: ResponseHead, edits: Iterable[Callable[[Cookie], None]]) -> ResponseHead:
    """*response* with *edits* applied to each cookie that it sets; itself if nothing changes."""
    spans = spans_of(response.lower, b"set-cookie") if b"\r\nset-cookie:" in response.lower else ()
    if not spans:
        return response
    start, raw = len(b"\r\nset-cookie:"), response.raw
    values = [raw[at + start : end if end != -1 else len(raw)].strip(b" \t") for at, end in spans]
    written = _edited(values, tuple(edits))
    if written == values:
        return response
    section = cut(response.raw, list(spans)) + b"".join([b"\r\nSet-Cookie: %b" % each for each in written])
    made = ResponseHead(response.status, response.reason, section, None, response.minor)
    for attribute in ("length", "chunked", "persistent", "dated", "named", "usual"):
        setattr(made, attribute, getattr(response, attribute))
    return made


def _edited(values: Iterable[bytes], edits: Iterable[Callable[[Cookie], None]]) -> list[bytes]:
    """The values as *edits* leave them; attributes that many cookies have in common are edited once."""
    written: list[bytes] = []
    known: dict[bytes, bytes] = {}
    for value in values:
        at = len(value.partition(b";")[0])
        made = known.get(value[at:])
        if made is not None:
            written.append(value[:at] + made)
            continue
        cookie = Cookie(value)
        for edit in edits:
            edit(cookie)
        written.append(cookie.written() if cookie.changed else value)
        if not cookie.by_name:
            known[value[at:]] = written[-1][at:]
    return written
