"""Header sections and heads, as read: the bytes, and what was understood of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from pydsl_proxy.wire.http.grammar import CRLF

# Facts on what is kept:
#
# - A section is kept as the bytes received, each field as CRLF name ":" value; so what is forwarded unchanged is
#   copied and never written anew, and a field's place is found by one search in the lower-cased copy.
# - A section is read once for each distinct run of bytes (memo.py); therefore nothing in it may depend on the
#   request line, the connection or the clock.
# - ``edited`` holds what was made of the section, by the rules that made it: it lives and dies with the section.


class Fields:
    """A header section."""

    __slots__ = ("_lower", "edited", "raw")

    raw: bytes

    def __init__(self, raw: bytes, lower: bytes | None = None) -> None:
        self.raw = raw
        self._lower = lower
        self.edited: dict[object, bytes] = {}

    def rewrite(self, raw: bytes) -> None:
        """Take *raw* for the section, while it is being read."""
        self.raw = raw
        self._lower = None

    @property
    def lower(self) -> bytes:
        """The section in lower case, place by place the same as :attr:`raw`."""
        if self._lower is None:
            self._lower = self.raw.lower()
        return self._lower

    def all(self, name: bytes) -> list[bytes]:
        """The values of every field called *name*, which is in lower case."""
        mark = b"\r\n%b:" % name
        lower, raw, found = self.lower, self.raw, []
        at = lower.find(mark)
        while at != -1:
            start = at + len(mark)
            at = lower.find(CRLF, start)
            found.append(raw[start : at if at != -1 else len(raw)].strip(b" \t"))
            at = lower.find(mark, start)
        return found

    def get(self, name: bytes) -> bytes | None:
        """The value of the field *name* (in lower case); repeated ones are joined by a comma (RFC 9110 5.3)."""
        mark = b"\r\n%b:" % name
        lower, raw = self.lower, self.raw
        at = lower.find(mark)
        if at == -1:
            return None
        end = lower.find(CRLF, at + 2)
        if end == -1:
            return raw[at + len(mark) :].strip(b" \t")
        if lower.find(mark, end) != -1:
            return b", ".join(self.all(name))
        return raw[at + len(mark) : end].strip(b" \t")

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every field, name as received and value."""
        for line in self.raw.split(CRLF)[1:]:
            name, _, value = line.partition(b":")
            yield name, value.strip(b" \t")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.raw!r})"


# What an access log asks of every request; the reader notes their places with those of the fields it looks at itself.
LOGGED = (b"user-agent", b"referer", b"authorization")


class RequestFields(Fields):
    """The header section of a request, and what it says of framing and connection.

    ``named`` are the lower-case names listed in ``Connection``; ``count`` is the number of fields; ``spans`` are those
    that a proxy looks at, as (lower-case name, start, end) in :attr:`raw`; ``server`` is for the site: the server that
    the Host chose.  ``base`` is the same section without the fields that change, if these were set apart; they are its
    last ones, ``changing``; ``without`` are marks of names that were searched here and not found.  ``binds`` says that
    its credentials, or those that a location has added for a peer, bind the user to the connection.
    """

    # No slots: one is made for each section that was not seen before, and few of these are ever set.
    named: frozenset[bytes] = frozenset()
    host: bytes | None = None
    host_name = b""
    content_length: int | None = None
    chunked = False
    close = False
    keep_alive = False
    expect = False
    upgrade: bytes | None = None
    logged: bytes | None = None
    server: object = None
    count = 0
    base: RequestFields | None = None
    changing = b""
    without: object = None
    binds = False

    def __init__(self, raw: bytes, lower: bytes) -> None:
        super().__init__(raw, lower)
        self.spans: list[tuple[bytes, int, int]] = []

    def followed_by(self, lines: bytes) -> RequestFields:
        """This section with further fields at its end, none of which a proxy looks at; *lines* is a section too."""
        fields = RequestFields.__new__(RequestFields)
        fields.__dict__.update(self.__dict__)
        fields.raw = self.raw + lines
        fields._lower = None
        fields.edited = {}
        fields.base = self
        fields.changing = lines
        fields.count = self.count + lines.count(b"\n")
        return fields

    def get(self, name: bytes) -> bytes | None:
        """As :meth:`Fields.get`; where the reader has noted the places, nothing is searched."""
        if name not in LOGGED or not self.spans:
            return super().get(name)
        found = [
            self.raw[start + len(name) + 3 : stop].strip(b" \t") for seen, start, stop in self.spans if seen == name
        ]
        return b", ".join(found) if found else None


class RequestHead(Protocol):
    """A request's head: an exchange is one.

    ``minor`` is that of HTTP/1, and 2 stands for HTTP/2: see :mod:`pydsl_proxy.wire.http.protocols`.
    """

    method: bytes
    target: bytes
    minor: int
    fields: RequestFields


class ResponseHead(Fields):
    """The head of a response.

    ``length`` is the declared Content-Length; ``marked`` says that there is a field on which the proxy acts:
    Location, Refresh, or one of X-Accel-; ``persistent`` that its connection may carry another exchange; ``dated`` that
    it has a Date.  ``usual`` says that the head can go to a client of HTTP/1.1 with nothing but the rules of its
    location applied.
    """

    __slots__ = (
        "binds",
        "chunked",
        "dated",
        "length",
        "marked",
        "minor",
        "named",
        "persistent",
        "reason",
        "status",
        "usual",
    )

    def __init__(self, status: int, reason: bytes, raw: bytes, lower: bytes | None = None, minor: int = 1) -> None:
        super().__init__(raw, lower)
        self.status = status
        self.reason = reason
        self.minor = minor
        self.length: int | None = None
        self.chunked = False
        self.persistent = True
        self.marked = False
        # A user is, or is about to be, bound to the connection.
        self.binds = False
        self.dated = False
        self.named: frozenset[bytes] = frozenset()
        self.usual = False

    def __repr__(self) -> str:
        return f"ResponseHead({self.status}, {self.reason!r}, {self.raw!r})"


class OwnHead(ResponseHead):
    """The head of a complete response of our own."""

    __slots__ = ()


def section(fields: Mapping[bytes, bytes] | Iterator[tuple[bytes, bytes]] | tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Fields as the bytes of a section."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    return b"".join([b"\r\n%b: %b" % pair for pair in pairs])
