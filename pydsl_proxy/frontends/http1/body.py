"""The body of a request as it arrives, by its declared length or in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from math import inf

from pydsl_proxy.interfaces import BodyReceiver, ClientLimits
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http1.chunked import ChunkedReader


class BodyProgress:
    """How much of a body has come, and how fast; *receiver* is None until someone wants it."""

    __slots__ = ("_measured", "continued", "due", "paused", "received", "receiver", "trailers")

    def __init__(self) -> None:
        self.receiver: BodyReceiver | None = None
        self.received = 0
        self.paused = False
        # The client was sent a 100.
        self.continued = False
        self.trailers: Sequence[tuple[bytes, bytes]] = ()
        # When the rate is looked at, and what had been received when that was said.
        self.due = inf
        self._measured = 0

    def measure(self, now: float, clients: ClientLimits) -> None:
        """The client's rate counts from now on."""
        if clients.min_body_rate:
            self.due = now + clients.rate_grace
            self._measured = self.received

    def keeps_up(self, now: float, clients: ClientLimits) -> bool:
        """Whether the deadline that has passed was that of the rate, and the client has met it."""
        if now < self.due or self.received - self._measured < clients.min_body_rate * clients.rate_grace:
            return False
        self.due = inf
        self.measure(now, clients)
        return True


class Body(BodyProgress):
    """A body on a connection of HTTP/1.1: how much of it is to come."""

    __slots__ = ("_chunks", "_left")

    def __init__(self, fields: RequestFields) -> None:
        super().__init__()
        self._chunks = ChunkedReader() if fields.chunked else None
        self._left = fields.content_length or 0

    def feed(self, data: bytes) -> tuple[bytes, bytes, bool]:
        """The body's part of *data*, what is left of that, and whether the body is complete; raises Malformed.

        What is left follows the body, or is for the next turn of the loop.
        """
        chunks = self._chunks
        if chunks is None:
            size = len(data)
            if size < self._left:
                self._left -= size
                self.received += size
                return data, b"", False
            data, rest = data[: self._left], data[self._left :]
            self.received += self._left
            return data, rest, True
        pieces = chunks.feed(data)
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self.received += len(data)
        if chunks.ended:
            self.trailers = chunks.trailers
        return data, chunks.rest, chunks.ended

    def lacks(self, held: int) -> int:
        """Bytes to come at least, beside so many that are held."""
        return max(0, self._left - held)

    def is_whole(self, held: bytes) -> bool:
        """Whether *held* has the rest of the body, or of what cannot be read as one."""
        if self._chunks is None:
            return len(held) >= self._left
        reader = copy(self._chunks)
        try:
            while held and not reader.ended:
                reader.feed(held)
                held = reader.rest
        except Malformed:
            return True
        return reader.ended
