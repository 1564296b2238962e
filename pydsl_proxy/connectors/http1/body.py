"""The body of a response as a peer sends it."""

from __future__ import annotations

from collections.abc import Sequence

from pydsl_proxy.wire.http.framing import Framing, response_framing
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http1.chunked import ChunkedReader


class ResponseBody:
    """How much of a body is to come.

    ``left`` counts a declared length down; ``rest`` is to be fed anew in the next turn of the loop; ``surplus`` says
    that the peer sent more than the body: its connection cannot be kept.
    """

    __slots__ = ("_chunks", "_framing", "ended", "left", "rest", "surplus", "trailers")

    def __init__(self, method: bytes, response: ResponseHead) -> None:
        self._framing = framing = response_framing(method, response.status, response.length, response.chunked)
        self._chunks = ChunkedReader(of_peer=True) if framing is Framing.CHUNKED else None
        self.left = response.length or 0 if framing is Framing.LENGTH else 0
        self.ended = False
        self.rest = b""
        self.surplus = False
        self.trailers: Sequence[tuple[bytes, bytes]] = ()

    @property
    def may_end_by_close(self) -> bool:
        """RFC 9112 6.3 step 8."""
        return self._framing is Framing.CLOSE

    def feed(self, data: bytes) -> bytes:
        """The body's part of *data*; raises Malformed."""
        framing = self._framing
        if framing is Framing.CHUNKED:
            return self._feed_chunks(data)
        if framing is Framing.CLOSE:
            return data
        self.surplus = len(data) > self.left
        if self.surplus:
            data = data[: self.left]
        self.left -= len(data)
        self.ended = not self.left
        return data

    def _feed_chunks(self, data: bytes) -> bytes:
        chunks = self._chunks
        assert chunks is not None
        pieces = chunks.feed(data)
        if chunks.ended:
            self.ended = True
            self.rest = b""
            self.surplus = bool(chunks.rest)
            self.trailers = chunks.trailers
        else:
            self.rest = chunks.rest
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
