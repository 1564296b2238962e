"""A response as an ASGI application makes it: a head, and a body that keeps to the length which the head declares."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import TypeAlias, cast

from pydsl_proxy.handlers.applications.fields import has_body, made_head, with_length
from pydsl_proxy.wire.http.head import ResponseHead

Message: TypeAlias = MutableMapping[str, object]
Pairs: TypeAlias = list[tuple[bytes, bytes]]
Piece: TypeAlias = tuple[ResponseHead | None, bytes, bool]
"""What is sent: the head if it was not yet, some of the body, and whether that is its end."""


class Response:
    """The messages ``….response.start`` and ``….response.body`` of one response."""

    def __init__(self, method: bytes) -> None:
        self._method = method
        self._head: ResponseHead | None = None
        self._sent = False
        # Of the declared length what is left.
        self._left: int | None = None
        # What the body lacks at its end.
        self._lacks = 0

    @property
    def is_begun(self) -> bool:
        """Whether there is a head."""
        return self._head is not None

    @property
    def has_body(self) -> bool:
        """Whether the body is sent."""
        return self._head is not None and has_body(self._method, self._head)

    def start(self, message: Message, least: int = 200) -> None:
        """Keep the head until the body begins; raises if it cannot be sent."""
        status = message["status"]
        if not isinstance(status, int):
            raise TypeError(f"{status!r} is no status")
        if status < least:
            raise ValueError(f"{status} is no status from {least} on")
        head = self._head = made_head(status, b"", pairs_of(message))
        self._left = head.length if has_body(self._method, head) else None

    def take(self, message: Message, *, trailers: bool = False) -> Piece:
        """Some of the body; after *trailers* that were announced comes more than its last piece."""
        head = cast(ResponseHead, self._head)
        data = message.get("body", b"")
        if not isinstance(data, bytes):
            data = bytes(memoryview(data))  # type: ignore[arg-type]  # it raises TypeError
        more = bool(message.get("more_body", False))
        if not has_body(self._method, head):
            return self._piece(head, b"", True)
        if not self._sent and not more and not trailers:
            head = with_length(head, len(data))
            self._left = head.length
        if self._left is not None:
            if len(data) > self._left:
                raise ValueError(f"the body is {len(data) - self._left} bytes longer than Content-Length says")
            self._left -= len(data)
            if not more:
                self._lacks = self._left
        return self._piece(head, data, not (more or trailers or self._lacks))

    def check_end(self) -> None:
        """Raise if the body has ended, and was shorter than declared."""
        if self._lacks:
            raise ValueError(f"the body is {self._lacks} bytes shorter than Content-Length says")

    def _piece(self, head: ResponseHead, data: bytes, end: bool) -> Piece:
        sent, self._sent = self._sent, True
        return None if sent else head, data, end


def pairs_of(message: Message) -> Pairs:
    """The header fields of a message."""
    pairs = [tuple(pair) for pair in cast("Iterable[Iterable[bytes]]", message.get("headers", ()))]
    for pair in pairs:
        if len(pair) != 2 or not all(isinstance(each, bytes) for each in pair):
            raise TypeError(f"{pair!r} is no header field: it is made of a name and a value, both bytes")
    return cast(Pairs, pairs)
