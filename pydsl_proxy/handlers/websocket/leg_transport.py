"""What a leg of a bridged WebSocket has around it: who has both legs, and what Autobahn takes for a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydsl_proxy.handlers.websocket.autobahn_legs import Leg


class Ends(Protocol):
    """Who has both legs."""

    def send(self, leg: Leg, data: bytes) -> None:
        """Bytes for the other side of *leg*."""

    def sent_close(self, leg: Leg) -> None:
        """We close *leg*: what its other side still sends is dropped, but for its close (RFC 6455 1.4)."""

    def dropped(self, leg: Leg) -> None:
        """*leg* is over, its last bytes are sent."""

    def admits(self, leg: Leg, opcode: int, length: int) -> bool:
        """Whether a frame may come, of which the head is here; False if the WebSocket is closed for it."""

    def moving(self, leg: Leg) -> None:
        """Some of a message has come, which may be held yet."""

    def message(self, leg: Leg, data: bytes, binary: bool) -> None:
        """A message that came as a whole."""

    def piece(self, leg: Leg, data: bytes, binary: bool, first: bool) -> None:
        """Some of a message, of which more comes."""

    def is_slow(self, leg: Leg) -> bool:
        """Whether what is sent on *leg* waits already."""

    def message_end(self, leg: Leg) -> None:
        """The message of which pieces came is complete."""

    def closing(self, leg: Leg, code: int | None, reason: str | None) -> None:
        """The other side of *leg* closes, or has broken the protocol."""


class Silent:
    """A logger for Autobahn, whose every violation by a client is a line otherwise."""

    def _nothing(self, *args: object, **kwargs: object) -> None:
        """Note nothing."""

    trace = debug = info = warn = error = failure = critical = _nothing


class LegTransport:
    """What Autobahn takes for a connection; what it sends is the leg's, see :meth:`Leg.sendData`."""

    def __init__(self, ends: Ends, leg: Leg) -> None:
        self._ends = ends
        self._leg = leg

    def loseConnection(self) -> None:
        """Close when all is sent."""
        leg = self._leg
        leg.is_dropped = True
        if not leg.is_told:
            self._ends.dropped(leg)

    # Autobahn cuts a connection off whose closing handshake is done; here the last frame has its time.
    abortConnection = loseConnection

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Back-pressure is the bridge's."""

    def unregisterProducer(self) -> None:
        """Back-pressure is the bridge's."""
