"""Requests and responses as tests see them: whole, and as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from attrs import field, frozen

from pydsl_proxy.wire.http.statuses import has_no_body, reason

#: How tests write header fields: a mapping, or pairs where a field is repeated.
Fields: TypeAlias = "Mapping[str, str] | Iterable[tuple[str, str]]"


class Headers(Mapping[str, str]):
    """Header fields, in the order received; names in any case, repeated fields joined by ``", "``.

    ``dict(headers)`` has the names in lower case.  Two are equal if they say the same, in any order of names.
    """

    def __init__(self, fields: Fields = ()) -> None:
        if isinstance(fields, Mapping):
            # Those of other headers as they are: Set-Cookie cannot be joined.
            fields = fields.pairs if isinstance(fields, Headers) else fields.items()
        self.pairs: tuple[tuple[str, str], ...] = tuple(fields)

    def all(self, name: str) -> list[str]:
        """The values of every field called *name*."""
        return [value for each, value in self.pairs if each.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        if values := self.all(name):
            return ", ".join(values)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.all(name))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self.pairs))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self.pairs})

    def __repr__(self) -> str:
        return f"Headers({list(self.pairs)!r})"


@frozen
class ReceivedRequest:
    """A request as a peer received it; *body* is without its chunking.

    ``params`` are what a peer of FastCGI, uwsgi or SCGI was told; the rest is made of them.  ``stream`` is where in a
    connection of HTTP/2 it came.
    """

    method: str
    target: str
    headers: Headers
    body: bytes = b""
    trailers: Headers = field(factory=Headers)
    params: Mapping[str, str] = field(factory=dict)
    stream: int = field(default=0, eq=False)


@frozen
class Response:
    """A response: as a client received it, its *body* without chunking, or to be sent by a peer."""

    status: int
    body: bytes = b""
    headers: Headers = field(factory=Headers, converter=Headers)
    trailers: Headers = field(factory=Headers)
    reason: str = field(default="", eq=False)

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def written(self, method: str = "GET") -> bytes:
        """The bytes that answer a request with *method*; Content-Length is added where the headers have no framing."""
        pairs = list(self.headers.pairs)
        framed = "content-length" in self.headers or "transfer-encoding" in self.headers
        if not framed and not has_no_body(self.status):
            pairs.append(("Content-Length", str(len(self.body))))
        phrase = self.reason or reason(self.status).decode()
        head = head_of(f"HTTP/1.1 {self.status} {phrase}", pairs)
        return head if method == "HEAD" or has_no_body(self.status) else head + self.body


def written_request(method: str, target: str, fields: Fields, body: bytes) -> bytes:
    """A request as bytes; Host and, with a body, Content-Length are added where they are missing."""
    headers = Headers(fields)
    pairs = list(headers.pairs)
    if "host" not in headers:
        pairs.insert(0, ("Host", "localhost"))
    if body and "content-length" not in headers and "transfer-encoding" not in headers:
        pairs.append(("Content-Length", str(len(body))))
    return head_of(f"{method} {target} HTTP/1.1", pairs) + body


def head_of(line: str, pairs: Iterable[tuple[str, str]]) -> bytes:
    """A first line and fields as the bytes of a head."""
    return "\r\n".join([line, *(f"{name}: {value}" for name, value in pairs), "", ""]).encode("latin-1")
