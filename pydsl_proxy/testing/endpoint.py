"""The far end of a connection to the proxy, as a test holds it: a client's, or a peer's."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf
from typing import ClassVar

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from pydsl_proxy.testing.diff import difference, mentions, without_fields
from pydsl_proxy.testing.reactor import MemoryLoop
from pydsl_proxy.testing.streams import Stream
from pydsl_proxy.testing.transport import MemoryTransport


class End:
    """One end of a connection, whose other end the proxy has.

    Every verb returns when the proxy has done all that follows from it and can be done while the clock stands.
    """

    #: Fields that the proxy adds to messages in this direction by itself.  :meth:`expects` looks at them only if it is
    #: told one of them.
    added: ClassVar[Sequence[Sequence[bytes]]] = ()

    def __init__(self, loop: MemoryLoop, name: str, stream: Stream) -> None:
        self._loop = loop
        self._name = name
        self._stream = stream
        self._transport: MemoryTransport | None = None
        self._received = bytearray()
        # How much of it was expected, or taken.
        self._done = 0
        self._sent: deque[bytes] = deque()
        self._half_closed = False
        self._room = inf
        #: The proxy has ended its half of the connection, or all of it: nothing more will come.
        self.is_closed = False
        #: The connection is gone, for both directions.
        self.is_gone = False
        #: The proxy broke the connection off, or left unread what was sent to it: a real connection would be reset, and
        #: what was on its way to this end might be lost.
        self.was_reset = False

    def __repr__(self) -> str:
        told = [f"{len(self.received)} bytes received and not yet expected", self._state()]
        return f"<{self._name}: {'; '.join(filter(None, told))}>"

    # -- what a test says --------------------------------------------------------------------------------------------

    def sends(self, data: bytes) -> None:
        """Send *data* to the proxy; it arrives in one piece if the proxy reads."""
        if self.is_gone or self._half_closed:
            why = "the proxy has closed the connection" if self.is_gone else "it has closed its half of the connection"
            raise AssertionError(f"{self._name} cannot send: {why}")
        if data:
            self._sent.append(data)
            self._told(data)
        self._loop.settle()

    def expects(self, data: bytes) -> None:
        """Exactly *data* was received since the last time: nothing less, nothing more.

        Fields that the proxy adds by itself (:attr:`added`) are not looked at, unless *data* has one of their group;
        then all of that group are.  ``expects(b"")`` says that nothing came.
        """
        received = self.received
        if received != data:
            unmentioned = [name for group in self.added if not mentions(data, group) for name in group]
            if unmentioned:
                heads = [(start - self._done, end - self._done) for start, end in self._stream.heads]
                received = without_fields(received, [head for head in heads if head[0] >= 0], unmentioned)
            if received != data:
                raise AssertionError(difference(self._name, data, received, self._state()))
        self._done = len(self._received)

    @property
    def received(self) -> bytes:
        """What was received since :meth:`expects` or :meth:`takes`, byte for byte."""
        return bytes(memoryview(self._received)[self._done :])

    def takes(self) -> bytes:
        """What was received since the last time; from now on only what comes later is expected."""
        received = self.received
        self._done = len(self._received)
        return received

    def half_closes(self) -> None:
        """Send no more, and read on."""
        self._half_closed = True
        self._loop.settle()

    def closes(self) -> None:
        """Close in good order: the proxy reads what was sent before, then the end."""
        self.half_closes()

    def resets(self) -> None:
        """Break off: the proxy learns of it at once, and reads nothing more."""
        self._sent.clear()
        self._half_closed = True
        if self._transport is not None and not self.is_gone:
            self._transport.connectionLost(Failure(ConnectionLost()))
        self._loop.settle()

    def stops_reading(self) -> None:
        """Take nothing from the proxy until :meth:`reads`; the proxy has to keep what it wants to send."""
        self._room = 0

    def reads(self, most: float = inf) -> None:
        """Take what the proxy has to send, of which *most* bytes and then nothing more."""
        self._room = most
        self._loop.settle()

    @property
    def has_closed(self) -> bool:
        """Whether this end has closed its half of the connection, or all of it."""
        return self._half_closed

    @property
    def unsent(self) -> int:
        """Bytes that the proxy keeps because this end does not read."""
        return 0 if self._transport is None or self.is_gone else self._transport.unsent

    @property
    def unread(self) -> int:
        """Bytes that this end has sent and the proxy has not read; the kernel of a real one would keep some of them."""
        return sum(map(len, self._sent))

    # -- where the socket would be, see FarEnd -----------------------------------------------------------------------

    @property
    def readable(self) -> bool:
        """Whether the proxy has something to read here."""
        return bool(self._sent) or self._half_closed

    @property
    def has_room(self) -> bool:
        """Whether data of the proxy would be taken now."""
        return self._room > 0

    def give(self, most: int) -> bytes:
        """What the proxy reads."""
        if not self._sent:
            return b""
        data = self._sent.popleft()
        while self._sent and len(data) < most:
            data += self._sent.popleft()
        if len(data) > most:
            self._sent.appendleft(data[most:])
        return data[:most]

    def take(self, data: memoryview) -> int:
        """What the proxy writes."""
        size = int(min(len(data), self._room))
        self._room -= size
        if size:
            some = bytes(data[:size])
            self._received += some
            self._stream.feed(some)
        return size

    def closed(self) -> None:
        """The proxy sends no more."""
        if not self.is_closed:
            self.is_closed = True
            self._stream.ended()

    def lost(self, *, reset: bool) -> None:
        """The connection is gone."""
        self.was_reset = reset
        self.is_gone = True
        self._sent.clear()
        self.closed()

    def _told(self, data: bytes) -> None:
        """*data* is being sent."""

    def _state(self) -> str:
        """What else there is to know when something was not as expected."""
        state = []
        if self.unsent:
            state.append(f"the proxy has {self.unsent} bytes for it, which it does not read")
        if self.was_reset:
            state.append("the connection was reset")
        elif self.is_closed:
            state.append("the proxy has closed the connection")
        return "; ".join(state)
