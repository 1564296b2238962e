"""The chunked coding (RFC 9112 7.1), both ways."""

from __future__ import annotations

from collections.abc import Sequence

from pydsl_proxy.wire.http.grammar import (
    CRLF,
    HEAD_END,
    Malformed,
    is_chunk_size_start,
    is_peer_chunk_size_start,
    is_peer_trailer_start,
    is_trailer_start,
    is_value_start,
    read_chunk_size,
    read_peer_chunk_size,
)
from pydsl_proxy.wire.http.head import section
from pydsl_proxy.wire.http1.reader import MAX_TRAILERS, read_trailers

# A chunk's size line with its extensions.  Sixteen digits are the size; Go reads 4,096 bytes of line, Node 16,384.
LONGEST_SIZE_LINE = 256

# Chunks that are read at once: about half a millisecond.
MAX_CHUNKS = 256

LAST_CHUNK = b"0\r\n\r\n"


class ChunkedReader:
    """Takes a chunked body apart as it arrives.

    :attr:`rest` is what :meth:`feed` has left of its bytes: those that follow the body once it has :attr:`ended`, when
    :attr:`trailers` are known too, and before that those beyond :data:`MAX_CHUNKS`, to be fed anew.  *of_peer* says
    that a peer sends it, of which a little more is understood than of a client.
    """

    __slots__ = (
        "_checked",
        "_held",
        "_in_trailers",
        "_left",
        "_line",
        "_of_peer",
        "_read_size",
        "ended",
        "rest",
        "trailers",
    )

    def __init__(self, *, of_peer: bool = False) -> None:
        self._of_peer = of_peer
        self._read_size = read_peer_chunk_size if of_peer else read_chunk_size
        self._held = b""
        # Bytes to come of the current chunk, its final CRLF included; 0 between chunks.
        self._left = 0
        self._in_trailers = False
        # Of the trailers that are held: where the CRLF before the last line is, and how many octets were looked at.
        self._line = self._checked = 0
        self.ended = False
        self.rest = b""
        self.trailers: tuple[tuple[bytes, bytes], ...] = ()

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of the body in *data*, of as many chunks as one turn has time for; raises Malformed."""
        if self._held:
            data = self._held + data
            self._held = b""
        pieces: list[bytes] = []
        at = 0
        while at < len(data) and not self.ended:
            if self._in_trailers:
                at = self._trailers(data, at)
            elif self._left:
                at = self._chunk(data, at, pieces)
            elif len(pieces) >= MAX_CHUNKS:
                break
            else:
                at = self._size(data, at)
        self.rest = data[at:]
        return pieces

    def _size(self, data: bytes, at: int) -> int:
        end = data.find(CRLF, at, at + LONGEST_SIZE_LINE + 2)
        if end == -1:
            if len(data) - at > LONGEST_SIZE_LINE + 1:
                raise Malformed("a chunk's size line is too long")
            self._hold(data, at)
            self._check_size_start(self._held)
            return len(data)
        match = self._read_size(data, at, end)
        if match is None:
            raise Malformed("a chunk's size is malformed")
        size = int(match[1], 16)
        if size == 0:
            self._in_trailers = True
            # The CRLF of this line may be the first half of the end of the trailers.
            return end
        self._left = size + 2
        return end + 2

    def _chunk(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        left = self._left
        if left > 2:
            piece = data[at : at + left - 2] if at or len(data) > left - 2 else data
            pieces.append(piece)
            self._left = left - len(piece)
            return at + len(piece)
        end = data[at : at + left]
        if end != CRLF[2 - left : 2 - left + len(end)]:
            raise Malformed("a chunk does not end with CRLF")
        self._left -= len(end)
        return at + len(end)

    def _trailers(self, data: bytes, at: int) -> int:
        end = data.find(HEAD_END, at)
        if end == -1:
            if len(data) - at > MAX_TRAILERS + len(HEAD_END) - 1:
                raise Malformed("the trailer section is too long", 431)
            self._hold(data, at)
            self._check_trailers(self._held)
            return len(data)
        if end - at > MAX_TRAILERS:
            raise Malformed("the trailer section is too long", 431)
        self.trailers = read_trailers(data[at:end], of_peer=self._of_peer)
        self.ended = True
        return end + 4

    def _hold(self, data: bytes, at: int) -> None:
        self._held = data[at:]

    def _check_size_start(self, line: bytes) -> None:
        """Raise Malformed if *line* cannot become a size line: the rest of it would be waited for in vain."""
        is_start = is_peer_chunk_size_start if self._of_peer else is_chunk_size_start
        if is_start(line) is None:
            ends = b"\n" in line
            raise Malformed("a chunk's size line ends without CR" if ends else "a chunk's size is malformed")

    def _check_trailers(self, block: bytes) -> None:
        """Raise Malformed if *block* cannot become a trailer section.  No octet of a client's is looked at twice."""
        start = block.rfind(CRLF, self._line)
        if start > self._line:
            read_trailers(block[self._line : start], of_peer=self._of_peer)
            self._line = start
        first, last = start + 2, self._checked - 1
        if first <= last and block.find(b":", first, last + 1) != -1:
            good = is_value_start(block, last)
        elif self._of_peer:
            good = is_peer_trailer_start(block, first)
        else:
            good = is_trailer_start(block, max(first, last))
        if good is None:
            raise Malformed("a trailer field is malformed, or its line does not end with CRLF")
        self._checked = len(block)


def chunk(data: bytes) -> bytes:
    """*data*, which is not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The end of a body, with its trailers."""
    return b"0%b\r\n\r\n" % section(tuple(trailers)) if trailers else LAST_CHUNK
