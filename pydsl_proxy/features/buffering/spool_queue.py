"""Bytes that wait for a slow client, in the order they came: some in memory, the rest in a temporary file."""

from __future__ import annotations

from pydsl_proxy.spooling import Spool, SpoolFile


class SpoolQueue:
    """First in, first out: up to *memory* bytes in memory, and in a file what makes *size* in all.

    ``limit`` is what it is meant to hold: *size*, or *memory* once no file can be had.  It takes more if it is given
    more, in memory; so who fills it stops when :attr:`full`.  ``broken`` is why there is no file, if there should be.
    """

    __slots__ = (
        "_capacity",
        "_file",
        "_first",
        "_in_file",
        "_last",
        "_memory",
        "_read_at",
        "_spool",
        "broken",
        "limit",
    )

    def __init__(self, memory: int, size: int, spool: Spool) -> None:
        self._spool = spool
        memory = self._memory = min(memory, size)
        # The file is a ring of this many bytes: it does not grow with what has gone through it.
        self._capacity = size - memory if spool else 0
        self.limit = size if spool else memory
        self._file: SpoolFile | None = None
        self._read_at = 0
        self._in_file = 0
        # The oldest bytes, before those in the file; and the newest, for which the file has no room.
        self._first = bytearray()
        self._last = bytearray()
        self.broken: OSError | None = None

    def __len__(self) -> int:
        return len(self._first) + self._in_file + len(self._last)

    @property
    def full(self) -> bool:
        """Whether it holds all that it is meant to."""
        return len(self) >= self.limit

    def put(self, data: bytes) -> None:
        """Add *data* at the end."""
        rest = memoryview(self._last + data if self._last else data)
        if not self._in_file:
            room = max(0, self._memory - len(self._first))
            self._first += rest[:room]
            rest = rest[room:]
        self._last = bytearray(self._put_in_file(rest) if rest else b"")

    def _put_in_file(self, data: memoryview) -> memoryview:
        """Write to the ring; what it has no room for is given back."""
        room = 0 if self.broken is not None else self._capacity - self._in_file
        while data and room:
            start = (self._read_at + self._in_file) % self._capacity
            piece = data[: min(room, self._capacity - start)]
            try:
                if self._file is None:
                    self._file = SpoolFile(self._spool)
                self._file.write(piece, start)
            except OSError as error:
                # A disk that is full, a directory that is not there: what is written can still be read.
                self.broken = error
                self.limit = self._memory
                break
            self._in_file += len(piece)
            room -= len(piece)
            data = data[len(piece) :]
        return data

    def take(self, most: int) -> bytes:
        """The oldest bytes: at least one if there are any, at most *most*; raises OSError."""
        if not self._first and not self._in_file and self._last:
            # The file has room again: no more of them stays in memory than is meant to.
            held, self._last = bytes(self._last), bytearray()
            self.put(held)
        if self._first:
            data = bytes(self._first[:most])
            del self._first[:most]
            return data
        if self._file is None or not self._in_file:
            return b""
        return self._take_from_file(self._file, most)

    def _take_from_file(self, file: SpoolFile, most: int) -> bytes:
        data = file.read(min(most, self._in_file, self._capacity - self._read_at), self._read_at)
        self._read_at = (self._read_at + len(data)) % self._capacity
        self._in_file -= len(data)
        return data

    def close(self) -> None:
        """Let go of everything."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._in_file = 0
        self._first = bytearray()
        self._last = bytearray()
