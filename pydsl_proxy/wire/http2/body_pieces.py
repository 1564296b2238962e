"""How a body is cut into DATA frames: whole frames, and no small ones while more waits (RFC 1122 4.2.3.4)."""

from __future__ import annotations

from collections import deque
from typing import Final

from pydsl_proxy.wire.http2.frames import MAX_FRAME_SIZE, MIN_PIECE

#: Octets that may wait in a stream before the source of its body is paused.  Two frames: the source has brought more
#: before the other side has taken them, so that the end of one read is not sent as a frame of its own.
MAX_WAITING: Final = 2 * MAX_FRAME_SIZE
#: Seconds for the other side to open its windows before a small frame is sent all the same.  RFC 1122 4.2.3.4 has 0.1
#: to 1; it is needed by those who give room back only when they have a whole message.
SMALL_FRAME_AFTER: Final = 0.2
# Small pieces are joined up to this size: thousands of an octet each would take fifty times their size.
_MAX_JOINED: Final = 4096
# A gRPC message has no fewer octets than this, so a frame of a body that carries fewer is no message of anybody.
MIN_MESSAGE: Final = 5
#: Such frames at once, and a second from then on; those that carry more earn some of them.  nginx compares the octets
#: of bodies with those of all frames.
SMALL_FRAMES: Final = (10_000, 1000.0)


class WaitingPieces:
    """Bytes that wait for room, in their order; ``size`` is how many they are."""

    __slots__ = ("_offset", "_pieces", "size")

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        # Octets of the first piece that are taken.
        self._offset = 0
        self.size = 0

    def put(self, data: bytes) -> None:
        """Add *data* at the end; it must not be empty."""
        pieces, size = self._pieces, len(data)
        if size < MIN_PIECE and pieces and len(pieces[-1]) < _MAX_JOINED:
            pieces[-1] += data
        else:
            pieces.append(data)
        self.size += size

    def take(self, size: int) -> bytes:
        """The first *size* octets, which must be here; they wait no more."""
        self.size -= size
        pieces, offset = self._pieces, self._offset
        first = pieces[0]
        end = offset + size
        if end < len(first):
            self._offset = end
            return first[offset:end]
        self._offset = 0
        del pieces[0]
        if end == len(first):
            return first[offset:] if offset else first
        taken = [first[offset:]]
        missing = end - len(first)
        while missing > 0:
            piece = pieces[0]
            if len(piece) > missing:
                taken.append(piece[:missing])
                self._offset = missing
                break
            taken.append(pieces.popleft())
            missing -= len(piece)
        return b"".join(taken)


def least_frame(widest: int) -> int:
    """The least room for which a frame is sent while more waits; *widest* is the largest that the window has been.

    Half of a frame is enough, since the window that all begin with ends in one that lacks an octet; and half of the
    window, as RFC 1122 says, since some give room back only when half of it is used.
    """
    return min(MAX_FRAME_SIZE, widest) // 2


def frame_size(waiting: int, room: int) -> int:
    """How much of the octets that wait one frame takes, if *room* for some of them is to be used.

    What remains is no crumb: it would be sent as a small frame if nothing follows it for a while.
    """
    size = min(waiting, MAX_FRAME_SIZE, room)
    if size < waiting < size + MIN_PIECE:
        return waiting - MIN_PIECE if waiting > 2 * MIN_PIECE else max(1, min(size, waiting // 2))
    return size
