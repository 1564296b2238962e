"""Streams: a client's connection is passed to a peer as it is, whatever is spoken on it."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import cast

from twisted.internet.interfaces import IAddress, IHandshakeListener, ITCPTransport
from twisted.internet.protocol import Factory
from zope.interface import implementer

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.frontends.stream.relay_sides import PeerSide, RelaySide
from pydsl_proxy.interfaces import Passage, Producer, StreamListening, StreamSite
from pydsl_proxy.wire.connection.client_hello import ClientHelloReader
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.connection.peeked_tls import SniInfo
from pydsl_proxy.wire.http.grammar import Malformed

# nginx: ssl_handshake_timeout 60s, preread_timeout 30s.
HANDSHAKE_WITHIN = 60.0
HELLO_WITHIN = 30.0
# Bytes of a client before there is a peer: a read, as of HTTP sent ahead.
MAX_HELD = 64 * 1024
# Seconds for both sides to take what is queued for them, once the stream is being closed.
CLOSE_WITHIN = 60.0


@implementer(IHandshakeListener)
class StreamFrontend(RelaySide):
    """One connection of a client.

    Its stream is found first: at once, when the TLS handshake is done, or when the ClientHello is here.  What comes
    while a peer is being reached is held and, beyond :data:`MAX_HELD`, not read.
    """

    def __init__(self, listening: StreamListening) -> None:
        self._listening = listening
        self._passage: Passage | None = None
        # What it will be unless the site is replaced meanwhile; the client counts already.
        self._expected: tuple[StreamSite, Passage] | None = None
        self._reader: ClientHelloReader | None = None
        self._held = b""
        self._paused = False
        self._closing = False
        # What was unsent to both sides when their progress was last looked at.
        self._taken: tuple[int, int] | None = None

    def connectionMade(self) -> None:
        """A client has connected."""
        transport, listening = self.transport, self._listening
        peer, host = transport.getPeer(), transport.getHost()
        self._identity = identity = Identity(
            getattr(peer, "host", "unix:"),
            getattr(peer, "port", 0),
            listening.scheme,
            getattr(host, "port", 0),
            server_address=getattr(host, "host", ""),
        )
        self.seconds = listening.seconds
        self.watch = listening.watch(self._expired)
        if not listening.opened(self, identity.address):
            self.abort()
            return
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        identity.tls = getattr(transport, "security", None)
        site = listening.site
        if not (site.secured or site.peeks):
            self._begin(site)
        elif self._may_come(site):
            self._await_name(site)

    def _may_come(self, site: StreamSite) -> bool:
        """Whether the client is let in as far as its address is what counts: as nginx asks before TLS begins."""
        passage = site.expect(self, self._identity, self.seconds())
        if passage is None:
            return True
        if passage.admit():
            self._expected = site, passage
            return True
        self._passage = passage
        return False

    def _await_name(self, site: StreamSite) -> None:
        if site.secured:
            self.watch.until(self.seconds() + HANDSHAKE_WITHIN)
        else:
            self._reader = ClientHelloReader()
            self.watch.until(self.seconds() + HELLO_WITHIN)

    def handshakeCompleted(self) -> None:
        """TLS is settled, and ends here."""
        if self._passage is None and not self._closing:
            self._begin(self._listening.site)

    def early(self, data: bytes) -> None:
        """The hello; or what is for a peer that is being reached."""
        if self._closing:
            return
        self._held += data
        if self._reader is None:
            if len(self._held) >= MAX_HELD and not self._paused:
                self._paused = True
                self.transport.pauseProducing()
            return
        try:
            name = self._reader.feed(data)
        except Malformed as error:
            self._refuse_early(ProxyError(Source.CLIENT, error.status, "bad_hello", error.detail))
            return
        if name is not None:
            self._reader = None
            self._identity.tls = SniInfo(name.decode())
            self._begin(self._listening.site)

    def _begin(self, site: StreamSite) -> None:
        """The stream can be told: reach a peer."""
        self.watch.deadline = inf
        now, expected = self.seconds(), self._expected
        if expected is not None and expected[0] is site:
            self._expected = None
            passage = expected[1]
        else:
            self._expect_no_more()
            passage = site.passage(self, self._identity, now)
        self._passage = passage
        self.idle = passage.idle
        passage.begin(now)

    def _expect_no_more(self) -> None:
        if self._expected is not None:
            self._expected[1].release()
            self._expected = None

    # -- what a passage asks, see PassageFrontend --------------------------------------------------------------------

    def half(self, connected: Callable[[], None]) -> PeerSide:
        """The protocol of the connection to a peer."""
        return PeerSide(self, connected)

    def refuse(self) -> None:
        """There will be no peer."""
        if self.gone:
            self.both_gone()
            return
        self._closing = True
        self.watch.until(self.seconds() + CLOSE_WITHIN)
        self.transport.loseConnection()

    # -- both sides --------------------------------------------------------------------------------------------------

    def join(self, peer: PeerSide) -> None:
        """The connection to a peer is made."""
        if self.gone:
            self._join_alone(peer)
            return
        here, there = self.transport, peer.transport
        if ITCPTransport.providedBy(there):
            there.setTcpNoDelay(True)
        peer.watch, peer.seconds, peer.idle = self.watch, self.seconds, self.idle
        peer.other, self.other = self, peer
        peer.write, self.write = here.write, there.write
        held, self._held = self._held, b""
        if held:
            self.counted += len(held)
            there.write(held)
        here.registerProducer(cast(Producer, there), True)
        there.registerProducer(cast(Producer, here), True)
        self.watch.until(self.seconds() + self.idle)
        if self.ended:
            peer.end()
        elif self._paused:
            here.resumeProducing()

    def _join_alone(self, peer: PeerSide) -> None:
        """The client has left meanwhile: the peer hears its last words."""
        peer.watch, peer.seconds, peer.idle = self.watch, self.seconds, self.idle
        peer.other, self.other = self, peer
        held, self._held = self._held, b""
        self.counted += len(held)
        peer.transport.write(held)
        self.ended = self._closing = True
        self.watch.until(self.seconds() + CLOSE_WITHIN)
        peer.transport.loseConnection()
        peer.closed = True

    def _expired(self) -> None:
        """Nothing has come from either side; but a side that only takes what is queued for it is not idle."""
        other = self.other
        if other is None and not self._closing:
            self._refuse_early(ProxyError(Source.CLIENT, 408, "client_timeout", "TLS did not begin in time"))
            return
        taken = (self._unsent(self), 0 if other is None else self._unsent(other))
        if any(taken) and taken != self._taken:
            self._taken = taken
            self.watch.until(self.seconds() + (CLOSE_WITHIN if self._closing else self.idle))
        elif self._closing or any(taken):
            self._note("idle_timeout", f"what waited was not taken for {self.idle:g} s")
            self.abort()
        elif other is not None:
            self._note("idle_timeout", f"nothing came from either side for {self.idle:g} s")
            self._closing = True
            self.watch.until(self.seconds() + CLOSE_WITHIN)
            self.close()
            other.close()

    def _unsent(self, half: RelaySide) -> int:
        return 0 if half.gone else self._listening.unsent(half.transport)

    def _note(self, cause: str, message: str, source: Source = Source.CLIENT) -> None:
        passage = self._passage
        if passage is not None and passage.error is None:
            passage.error = ProxyError(source, passage.status, cause, message)

    def broke(self) -> None:
        """See :class:`RelaySide`."""
        self._note("client_closed", "the client broke the connection off")

    def peer_broke(self) -> None:
        """The peer has broken the connection off."""
        self._note("reset", "the peer broke the connection off", Source.PEER)

    # -- ends --------------------------------------------------------------------------------------------------------

    def _refuse_early(self, error: ProxyError) -> None:
        self._listening.site.refused(self._identity, error, self.seconds())
        self._held = b""
        self.refuse()

    def ended_early(self) -> None:
        """Who says nothing and ends has no stream; who waits for a peer may wait on."""
        if self._passage is None:
            self.refuse()

    def lost_alone(self) -> None:
        """The client is gone before there was a peer, which gets all the same what the client has sent.

        A reset changes nothing: a client that closes before it has read all, such as TLS's tickets, resets too.
        """
        if self._held and self._passage is not None and not self._closing:
            return
        self._give_up()

    def _give_up(self) -> None:
        if self._passage is not None:
            self._passage.cancel()
        self.both_gone()

    def both_gone(self) -> None:
        """The stream is over."""
        self.watch.stop()
        self._expect_no_more()
        self._listening.closed(self)
        passage, other = self._passage, self.other
        # What holds each other would wait for the collector.
        self._passage = self.other = self.write = None
        if other is not None:
            other.other = other.write = None
        if passage is not None:
            passage.received = self.counted
            passage.sent = 0 if other is None else other.counted
            passage.over()

    def drain(self) -> None:
        """Close if there is no peer to be reached yet; a stream does not tell where it may end."""
        if self._passage is None and not self._closing:
            self.refuse()

    def shut_down(self, error: ProxyError) -> None:
        """The proxy stops: close at once, and let the log say why."""
        passage = self._passage
        if passage is not None and passage.error is None:
            passage.status = passage.status or error.status
            passage.error = error
        self.abort()

    def abort(self) -> None:
        """Close at once, whatever is queued."""
        self._closing = True
        other = self.other
        self.cut()
        if other is not None:
            other.cut()
        elif self.gone:
            self._give_up()


class StreamFactory(Factory):
    """Makes the protocol of each connection to one listener."""

    noisy = False

    def __init__(self, listening: StreamListening) -> None:
        self._listening = listening

    def buildProtocol(self, addr: IAddress | None) -> StreamFrontend:
        """The protocol of a connection."""
        return StreamFrontend(self._listening)
