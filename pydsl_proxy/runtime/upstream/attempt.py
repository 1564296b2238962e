"""One try of an exchange at one peer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.logger import Logger

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import PeerConnection, Timeouts, Trailers
from pydsl_proxy.runtime.upstream.attempt_timeouts import AttemptTimes
from pydsl_proxy.runtime.upstream.retry import is_brief
from pydsl_proxy.runtime.upstream.tunnel_body import TunnelBody
from pydsl_proxy.wire.http.head import ResponseHead

if TYPE_CHECKING:
    from pydsl_proxy.runtime.exchange import Exchange
    from pydsl_proxy.runtime.upstream.peer import Peer
    from pydsl_proxy.runtime.upstream.relay import HeldResponse, Relay
    from pydsl_proxy.runtime.upstream.upload import Upload

log = Logger()

# Causes of failures that are not counted where the connection was used before.
_SAYS_NOTHING = frozenset(("closed", "refused_stream"))


class Attempt:
    """Owned by its exchange; a connector works on it until it is answered and ended, or failed, or cancelled.

    ``previous`` is the attempt before this one; ``status`` is what the peer answered, or what its failure means, 0
    while neither is known; ``took`` is how long it was under way, in seconds.
    """

    # No slots: most of an attempt's state is as it begins, and what is not set costs nothing.
    took = 0.0
    status = 0
    error: ProxyError | None = None
    # Counted among the peer's attempts under way.
    open = True
    # Its answer already counted against the peer.
    blamed = False
    reused = False
    connecting: Callable[[], None] | None = None
    connection: PeerConnection | None = None

    def __init__(
        self,
        relay: Relay,
        exchange: Exchange,
        peer: Peer,
        previous: Attempt | None,
        upload: Upload | None,
        now: float,
    ) -> None:
        self.relay = relay
        self.timeouts: Timeouts = relay.timeouts
        self.write_head = relay.write_head
        self.exchange = exchange
        self.peer = peer
        self.previous = previous
        self.upload = upload
        self.started = now

    @property
    def switches(self) -> float | None:
        """The request asks for a WebSocket, which may be silent for so many seconds; None if it does not."""
        return self.relay.switches

    @property
    def repeatable(self) -> bool:
        """Whether the request may be sent again after a peer may have acted on it."""
        return self.relay.repeats(self.exchange)

    def send_body_on(self, connection: PeerConnection) -> None:
        """The request's head is sent: let its body follow, what is here of it at once."""
        if self.upload is not None:
            self.upload.send_on(connection)
        else:
            connection.send_end(())

    def interim(self, response: ResponseHead) -> None:
        """The peer has sent an interim response: it is passed on at once, though this attempt may fail yet."""
        exchange = self.exchange
        if self.relay.passes_interim and exchange.running is self:
            exchange.send_interim(response)

    def answered(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """The peer's head is here, with the first bytes of the body; *end* says that they are all of it."""
        relay = self.relay
        self.status = response.status
        try:
            if response.marked:
                applied = relay.apply_fields(self, response, data, end)
                if applied is None:
                    return
                response = applied
            elif response.status in relay.retry.statuses and relay.tries_elsewhere(self, response, data, end):
                return
            if end:
                self.over()
                if self.exchange.trail is not None:
                    relay.settle(self)
                self.exchange.start(response, data, True)
            else:
                self.begin(response, data)
        except Exception:
            self.crash()

    def begin(self, response: ResponseHead, data: bytes) -> None:
        """Answer the client with this response, whose body goes on."""
        exchange, connection = self.exchange, self.connection
        self.relay.settle(self)
        exchange.running = self
        exchange.start(response, data, False)
        if connection is not None and exchange.running is self:
            exchange.stream_from(connection)

    def switched(self, response: ResponseHead, data: bytes) -> None:
        """The peer has switched: from here on both bodies are raw, with *data* the first bytes of the response's."""
        exchange, connection = self.exchange, self.connection
        assert connection is not None
        self.status = response.status
        self.relay.settle(self)
        exchange.running = self
        if self.peer.fails:
            self.relay.upstream.succeeded(self.peer)
        try:
            exchange.switch(response, data)
            if exchange.running is self:
                exchange.stream_from(connection)
                exchange.read_body(TunnelBody(connection))
            else:
                self.stop()
        except Exception:
            self.crash()

    def allow_silence(self, seconds: float) -> None:
        """Let the peer be silent for so long from now on."""
        times = self.timeouts
        self.timeouts = AttemptTimes(times.connect, times.send, seconds, times.idle)

    def body(self, data: bytes) -> None:
        """More of the body."""
        if self.exchange.running is self:
            try:
                self.exchange.write(data)
            except Exception:
                self.crash()
        elif (held := self._held()) is not None:
            held.data += data

    def ended(self, trailers: Trailers) -> None:
        """The body is complete."""
        self.over()
        if self.exchange.running is self:
            try:
                self.exchange.finish(trailers)
            except Exception:
                self.crash()
        elif (held := self._held()) is not None:
            held.end, held.trailers = True, trailers

    def _held(self) -> HeldResponse | None:
        """This attempt's answer, if it is kept while another peer is tried."""
        trail = self.exchange.trail
        return trail.held if trail is not None and trail.held is not None and trail.held.attempt is self else None

    def failed(self, error: ProxyError) -> None:
        """The attempt cannot be carried to its end."""
        self.error = error
        # Before the head of an answer.
        brief = not self.status and is_brief(error)
        if not self.status:
            self.status = error.status
        self.over(error, brief)
        try:
            self.relay.after_failure(self, error)
        except Exception:
            self.crash()

    def cancel(self, error: ProxyError) -> None:
        """The client is gone, or its request is of no use: nobody waits for the answer."""
        self.error = error
        self.stop()
        self.relay.settle(self)

    def crash(self) -> None:
        """A user's function raised: our fault, not the peer's, and the client is told 500."""
        log.failure("{exchange} could not be carried on", exchange=self.exchange)
        self.stop()
        self.exchange.crash()

    def stop(self) -> None:
        """Work on this attempt no more; once it is over, its connection may be another's already."""
        if not self.open:
            return
        if self.connection is not None:
            self.connection.abandon()
        elif self.connecting is not None:
            self.connecting()
        # It holds this attempt, and so the client's connection with all that waits there to be sent.
        self.connecting = None
        self.open = False
        self.took = self.peer.seconds() - self.started
        self.peer.end()

    def over(self, error: ProxyError | None = None, brief: bool = False) -> None:
        """The peer has done with this attempt, which counts for its health; *brief* is as for the upstream."""
        if not self.open:
            return
        self.open = False
        peer = self.peer
        now = peer.seconds()
        self.took = now - self.started
        # Peer.end(), written out: this runs for every request.
        peer.in_flight -= 1
        if peer.max_conns is not None:
            peer.update()
        if error is not None:
            # A kept connection that was closed says nothing of the peer: it may close idle ones when it likes.  Nor
            # does a stream that it refused, to take it later (RFC 9113 8.7).
            if not (self.reused and error.cause in _SAYS_NOTHING) and error.source is not Source.US:
                self.relay.upstream.failed(peer, now, error.message, brief=brief, sent=not error.retryable)
        elif self.relay.failing_statuses and self.status in self.relay.failing_statuses:
            self.blame()
        elif peer.fails:
            self.relay.upstream.succeeded(peer)

    def blame(self) -> None:
        """Count the answer against the peer, once."""
        if not self.blamed:
            self.blamed = True
            self.relay.upstream.failed(self.peer, self.peer.seconds(), f"it answered {self.status}")
