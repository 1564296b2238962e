"""Sending what does not fit into one piece: from the kernel where that goes, else piece by piece."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TypeAlias

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.wire.http.head import ResponseHead

# Bytes read at once where they must be read, one such piece in a turn of the reactor; nginx: output_buffers 2 32k.
PIECE = 128 * 1024

#: Bytes as they are, or the offset and length of some in the file.
Part: TypeAlias = bytes | tuple[int, int]

# sendfile does not know the file's kind of file system.
_NOT_SENDABLE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


class OpenFile:
    """An open file that is closed once: when it is not needed, or at the latest when nobody knows it any more."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def close(self) -> None:
        """Close it, if it is open."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def __del__(self) -> None:
        self.close()


class FileSender:
    """Who answers an exchange with parts of a file, as fast as the client takes them; a push producer."""

    __slots__ = ("_at_work", "_clock", "_exchange", "_file", "_paused", "_reads", "_rest", "_turn")

    def __init__(self, exchange: Exchange, file: OpenFile, parts: Sequence[Part], clock: IReactorTime) -> None:
        self._exchange = exchange
        self._file = file
        self._rest = list(reversed(parts))
        self._clock = clock
        self._paused = False
        self._at_work = False
        # The bytes have to be read: what takes them cannot do so itself.
        self._reads = False
        self._turn: IDelayedCall | None = None

    def begin(self, head: ResponseHead) -> None:
        """Send the head, and as much of the rest as is taken now."""
        exchange = self._exchange
        exchange.running = self
        exchange.start(head, b"", False)
        # A filter may have answered something else.
        if exchange.running is self:
            exchange.stream_from(self)
        self._work(exchange)

    def cancel(self, error: ProxyError) -> None:
        """The client has left."""
        self._stop()

    def pauseProducing(self) -> None:
        """The client is slower than the disk."""
        self._paused = True

    def resumeProducing(self) -> None:
        """It has taken what there was."""
        self._paused = False
        if not self._at_work and self._turn is None:
            self._exchange.go_on(self._work)

    def stopProducing(self) -> None:
        """The client is gone; the exchange is told by itself."""

    def _work(self, exchange: Exchange) -> None:
        self._at_work = True
        try:
            while self._rest and not self._paused and self._turn is None and exchange.running is self:
                self._send(self._rest.pop())
        finally:
            self._at_work = False
        if exchange.running is not self:
            self._stop()
        elif not self._rest:
            self._stop()
            exchange.finish()

    def _send(self, part: Part) -> None:
        if isinstance(part, bytes):
            self._exchange.write(part)
            return
        offset, count = part
        try:
            sent = None if self._reads else self._pass_on(offset, count)
            if sent is None:
                sent = self._read(offset, count)
        except (EOFError, OSError) as error:
            self._stop()
            text = f"a file could not be read to its end: {error}"
            self._exchange.fail(ProxyError(Source.US, 500, "file_changed", text))
            return
        if sent < count:
            self._rest.append((offset + sent, count - sent))

    def _pass_on(self, offset: int, count: int) -> int | None:
        try:
            sent = self._exchange.send_file(self._file.fd, offset, count)
        except OSError as error:
            if error.errno not in _NOT_SENDABLE:
                raise
            sent = None
        self._reads = sent is None
        return sent

    def _read(self, offset: int, count: int) -> int:
        data = os.pread(self._file.fd, min(count, PIECE), offset)
        if not data:
            raise EOFError("the file ends early")
        if len(data) < count:
            # Before the write, which may resume us.
            self._turn = self._clock.callLater(0, self._next_turn)
        self._exchange.write(data)
        return len(data)

    def _next_turn(self) -> None:
        self._turn = None
        self._exchange.go_on(self._work)

    def _stop(self) -> None:
        self._rest.clear()
        self._file.close()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None


def read_parts(fd: int, parts: Sequence[Part]) -> bytes | None:
    """All of *parts* as one; None if the file has become shorter."""
    whole = b"".join([part if isinstance(part, bytes) else os.pread(fd, part[1], part[0]) for part in parts])
    return whole if len(whole) == length_of(parts) else None


def length_of(parts: Sequence[Part]) -> int:
    """How many bytes they are."""
    return sum(len(part) if isinstance(part, bytes) else part[1] for part in parts)
