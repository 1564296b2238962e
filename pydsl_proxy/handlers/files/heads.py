"""What is told of a file in the heads of responses, made once for each state of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from pydsl_proxy.wire.http.dates import http_date
from pydsl_proxy.wire.http.head import ResponseHead, section
from pydsl_proxy.wire.http.statuses import has_no_body, reason
from pydsl_proxy.wire.http1.response_writer import SERVER

Pairs: TypeAlias = Sequence[tuple[bytes, bytes]]


class Dates:
    """The Date field, written once a second."""

    __slots__ = ("_field", "_second", "seconds")

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.seconds = seconds
        self._second = -1
        self._field = (b"Date", b"")

    def field(self, second: int) -> tuple[bytes, bytes]:
        """The field for a time."""
        if second != self._second:
            self._second = second
            self._field = (b"Date", http_date(second))
        return self._field


class Facts:
    """A file in the state that *identity* tells: its length, validators and type.

    ``etag`` is nginx's: time and length, in hexadecimal.  ``second`` is the time for which ``whole`` was made, the head
    of a response with the whole file; ``content`` is that file, if it is kept.
    """

    __slots__ = ("_always", "_dates", "content", "etag", "identity", "kind", "modified", "second", "size", "whole")

    def __init__(
        self,
        identity: tuple[int, ...],
        size: int,
        modified: int,
        kind: bytes,
        always: Pairs,
        dates: Dates,
        coding: bytes = b"",
    ) -> None:
        self.identity = identity
        self.size = size
        self.modified = modified
        self.kind = kind
        self.etag = b'"%x-%x"' % (modified, size)
        self._dates = dates
        self._always = (
            *always,
            *([(b"Content-Encoding", coding)] if coding else []),
            (b"Last-Modified", http_date(modified)),
            (b"ETag", self.etag),
        )
        self.content: bytes | None = None
        self.second = -1
        self.whole = ResponseHead(200, b"OK", b"")

    def at(self, second: int) -> ResponseHead:
        """The head for the whole, sent at a time."""
        self.second = second
        accepts = (b"Accept-Ranges", b"bytes")
        self.whole = self._head(200, (accepts, (b"Content-Type", self.kind)), self.size, second)
        return self.whole

    def head(self, status: int, pairs: Pairs = (), length: int = 0) -> ResponseHead:
        """The head of another response about the file, sent now."""
        return self._head(status, pairs, length, int(self._dates.seconds()))

    def _head(self, status: int, pairs: Pairs, length: int, second: int) -> ResponseHead:
        fields = [SERVER, self._dates.field(second), *self._always, *pairs]
        head = ResponseHead(status, reason(status), b"")
        if not has_no_body(status):
            head.length = length
            fields.append((b"Content-Length", b"%d" % length))
            head.usual = True
        head.raw = section(tuple(fields))
        head.dated = True
        return head
