"""The request's body on its way to a WSGI application: ``wsgi.input``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from io import RawIOBase

from pydsl_proxy.handlers.applications.fields import MAX_IN_FLIGHT, ClientLeft
from pydsl_proxy.interfaces import Threads


class Incoming(RawIOBase):
    """A bounded buffer that the reactor fills and a thread reads, which waits for the client while it is empty.

    *wanted* is called by the reactor when the application reads for the first time, and *emptied* when there is room
    again after it was full; ``is_asked`` says that the body is on its way.  In front of it stands
    ``io.BufferedReader``, with lines and all the rest.
    """

    def __init__(self, threads: Threads, wanted: Callable[[], None], emptied: Callable[[], None]) -> None:
        super().__init__()
        self._threads = threads
        self._wanted: Callable[[], None] | None = wanted
        self._emptied = emptied
        self._changed = threads.changed()
        self._pieces: deque[memoryview] = deque()
        self._size = 0
        self._full = False
        self._ended = False
        self._left = False
        self.is_asked = False

    # -- the reactor ---------------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> bool:
        """Take some of the body; whether that is enough until *emptied*."""
        with self._changed:
            self._pieces.append(memoryview(data))
            self._size += len(data)
            self._full = self._size >= MAX_IN_FLIGHT
            self._changed.notify_all()
            return self._full

    def end(self) -> None:
        """The body is complete."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def leave(self) -> None:
        """The client is gone: reading raises."""
        with self._changed:
            self._left = True
            self._pieces.clear()
            self._changed.notify_all()

    # -- the thread ----------------------------------------------------------------------------------------------------

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # it is no other
        """Some of the body, waiting for it if need be; 0 at its end.  Raises :class:`ClientLeft`."""
        room = memoryview(buffer).cast("B")
        with self._changed:
            if self._wanted is not None:
                self._threads.call(self._wanted)
                self._wanted = None
            while not (self._pieces or self._ended or self._left):
                self._changed.wait()
            if self._left:
                raise ClientLeft
            return self._take(room) if self._pieces else 0

    def _take(self, room: memoryview) -> int:
        piece = self._pieces[0]
        size = min(len(room), len(piece))
        room[:size] = piece[:size]
        if size < len(piece):
            self._pieces[0] = piece[size:]
        else:
            self._pieces.popleft()
        self._size -= size
        if self._full and self._size <= MAX_IN_FLIGHT // 2:
            self._full = False
            self._threads.call(self._emptied)
        return size
