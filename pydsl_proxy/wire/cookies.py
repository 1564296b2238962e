"""Set-Cookie fields of a response, read as far as it takes to change their attributes (RFC 6265 5.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from pydsl_proxy.wire.field_rules import cut, spans_of
from pydsl_proxy.wire.head import ResponseHead

_SPELLED: Final = {b"domain": b"Domain", b"path": b"Path", b"secure": b"Secure", b"httponly": b"HttpOnly"} | {
    b"samesite": b"SameSite"
}


class Cookie:
    """One cookie that is set; what is not changed stays as it was written."""

    __slots__ = ("_parts", "changed", "name")

    def __init__(self, value: bytes) -> None:
        self._parts = value.split(b";")
        self.name = self._parts[0].partition(b"=")[0].strip(b" \t")
        self.changed = False

    def get(self, attribute: bytes) -> bytes | None:
        """The value of an attribute, its name in lower case; of several the last counts (RFC 6265 5.3)."""
        found = None
        for part in self._parts[1:]:
            if _name(part) == attribute:
                found = part.partition(b"=")[2].strip(b" \t")
        return found

    def set(self, attribute: bytes, value: bytes | None) -> None:
        """Have the attribute once, with *value*, or without one if that is empty; None takes it away."""
        if value == self.get(attribute):
            return
        self.changed = True
        places = [at for at, part in enumerate(self._parts) if at and _name(part) == attribute]
        if value is not None:
            # Where it stood, so that what is compared by eye differs only where it was changed.
            at = places.pop() if places else len(self._parts)
            self._parts[at : at + 1] = [b" " + _SPELLED[attribute] + (b"=" + value if value else b"")]
        for at in reversed(places):
            del self._parts[at]

    def written(self) -> bytes:
        """The value of the field."""
        return b";".join(self._parts)


def _name(part: bytes) -> bytes:
    return part.partition(b"=")[0].strip(b" \t").lower()


def edited_cookies(response: ResponseHead, edits: Iterable[Callable[[Cookie], None]]) -> ResponseHead:
    """*response* with *edits* applied to each cookie that it sets; itself if nothing changes."""
    spans = spans_of(response.lower, b"set-cookie") if b"\r\nset-cookie:" in response.lower else ()
    if not spans:
        return response
    cookies = [Cookie(value) for value in response.all(b"set-cookie")]
    for cookie in cookies:
        for edit in edits:
            edit(cookie)
    if not any(cookie.changed for cookie in cookies):
        return response
    section = cut(response.raw, list(spans))
    section += b"".join([b"\r\nSet-Cookie: %b" % cookie.written() for cookie in cookies])
    made = ResponseHead(response.status, response.reason, section, None, response.minor)
    for attribute in ("length", "chunked", "persistent", "dated", "named", "usual"):
        setattr(made, attribute, getattr(response, attribute))
    return made
