"""Streams of layer 4: a client's connection is passed to a peer as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces.frontends import Bound, ClientLimits
from pydsl_proxy.wire.connection.forwarded import Identity

if TYPE_CHECKING:
    from twisted.internet.protocol import Protocol as TwistedProtocol


class Passage(Protocol):
    """One connection of a client on its way to a peer, and all that is noted of it.

    ``status`` is 200 once it has reached one, ``error`` why it ended badly; ``sent`` and ``received`` count bytes to
    and from the client.
    """

    status: int
    sent: int
    received: int
    error: ProxyError | None

    @property
    def idle(self) -> float:
        """Seconds without a byte after which it ends."""

    def admit(self) -> bool:
        """Let the client in, as far as its address is what counts; otherwise its frontend is told to refuse it."""

    def release(self) -> None:
        """The client has left, or is refused, before it began: it counts no more."""

    def begin(self, now: float) -> None:
        """Let it in and connect to a peer; its frontend is told what comes of it."""

    def cancel(self) -> None:
        """The client has left before a peer was reached."""

    def over(self) -> None:
        """Both sides are gone."""


class PassageFrontend(Protocol):
    """A client's connection as a passage sees it."""

    def half(self, connected: Callable[[], None]) -> TwistedProtocol:
        """The protocol for the connection to a peer; *connected* is called when that is made."""

    def refuse(self) -> None:
        """There will be no peer: close."""


class StreamSite(Protocol):
    """What is compiled for a listener of streams, as a frontend sees it; replaced whole on reload."""

    @property
    def clients(self) -> ClientLimits:
        """Limits on clients."""

    @property
    def peeks(self) -> bool:
        """Whether the client's ClientHello has to be read, because the stream follows from the name in it."""

    @property
    def secured(self) -> bool:
        """Whether TLS ends here, so that the handshake has to be awaited."""

    def expect(self, frontend: PassageFrontend, identity: Identity, now: float) -> Passage | None:
        """The passage of a client that has told no name yet; None if it depends on that whether it may come."""

    def passage(self, frontend: PassageFrontend, identity: Identity, now: float) -> Passage:
        """A passage for a client; ``identity.tls`` has the name that it asked for, if that is known."""

    def refused(self, identity: Identity, error: ProxyError, now: float) -> None:
        """Note a client whose stream could not be found."""


class StreamListening(Bound, Protocol):
    """What the frontend of a stream needs of its listener."""

    @property
    def site(self) -> StreamSite:
        """What is compiled for the listener at this moment."""
