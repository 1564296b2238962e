"""Passages: the connections of clients that streams pass on, and their attempts to reach a peer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, cast

from twisted.logger import Logger

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Exchange, PassageFrontend, Timeouts
from pydsl_proxy.runtime.upstream.retry import is_brief
from pydsl_proxy.values.request import Request
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http.protocols import STREAM
from pydsl_proxy.wire.http.statuses import CLIENT_CLOSED

if TYPE_CHECKING:
    from pydsl_proxy.runtime.upstream.peer import Peer
    from pydsl_proxy.runtime.upstream.upstream import Upstream

log = Logger()

Gate = Callable[["Passage"], ProxyError | None]
"""Why a client may not pass; None if it may."""


class Passing:
    """What is compiled of one stream.

    ``idle`` is in seconds, ``tries`` includes the first, ``timeout`` is from the first.  ``early`` are the gates that
    ask for no more than the client's address, ``by_address`` is the one of them that counts nothing; ``gates`` are the
    others.
    """

    def __init__(
        self,
        upstream: Upstream,
        timeouts: Timeouts,
        seconds: Callable[[], float],
        *,
        idle: float,
        tries: float,
        timeout: float,
        by_address: Gate | None = None,
        early: tuple[Gate, ...] = (),
        gates: tuple[Gate, ...] = (),
    ) -> None:
        self.upstream = upstream
        self.timeouts = timeouts
        self.seconds = seconds
        self.idle = idle
        self.tries = tries
        self.timeout = timeout
        self.by_address = by_address
        self.early = early if by_address is None else (by_address, *early)
        self.gates = gates


class StreamAttempt:
    """One try of a passage at one peer; see :class:`~pydsl_proxy.interfaces.ConnectRequest`."""

    took = 0.0
    status = 0
    open = True
    connecting: Callable[[], None] | None = None

    def __init__(self, passage: Passage, peer: Peer, previous: StreamAttempt | None, now: float) -> None:
        self.exchange = passage
        self.timeouts = passage.passing.timeouts
        self.peer = peer
        self.previous = previous
        self.started = now

    def connected(self) -> None:
        """The connection is made."""
        self.status = self.exchange.status = 200
        if self.peer.fails:
            self.exchange.passing.upstream.succeeded(self.peer)

    def failed(self, error: ProxyError) -> None:
        """There is no connection."""
        if self.open:
            self.status = error.status
            self.over()
            if error.source is not Source.US:
                upstream, now = self.exchange.passing.upstream, self.peer.seconds()
                upstream.failed(self.peer, now, error.message, brief=is_brief(error), sent=False)
            self.exchange.after_failure(self, error)

    def over(self) -> None:
        """The peer has one connection less."""
        if self.open:
            self.open = False
            self.took = self.peer.seconds() - self.started
            self.connecting = None
            self.peer.end()


class Passage:
    """One connection of a client, as values, strategies and the access log see an exchange."""

    method = b"TCP"
    target = b""
    minor = STREAM
    status = 0
    sent = 0
    received = 0
    error: ProxyError | None = None
    attempt: StreamAttempt | None = None
    _request: Request | None = None
    _admitted = False

    def __init__(
        self,
        passing: Passing,
        frontend: PassageFrontend | None,
        fields: RequestFields,
        identity: Identity,
        now: float,
        log: Callable[[Passage], None],
    ) -> None:
        self.passing = passing
        self.idle = passing.idle
        self.fields = fields
        self.identity = identity
        self.started = now
        self._frontend = frontend
        self._log = log
        self._tried: tuple[Peer, ...] = ()
        self._told: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"<Passage of {self.identity.address} {self.status or 'not connected'}>"

    @property
    def client_address(self) -> str:
        """The client's IP address."""
        return self.identity.address

    @property
    def request(self) -> Request:
        """What values read."""
        request = self._request
        if request is None:
            who = self.identity
            request = self._request = Request(
                self, who.address, who.port, who.scheme, "", b"", who.server_port, who.tls
            )
        return request

    def when_over(self, told: Callable[[], None]) -> None:
        """Call *told* when both sides are gone."""
        self._told.append(told)

    def admit(self) -> bool:
        """Let the client in, as far as its address is what counts; otherwise its frontend hears of it."""
        try:
            self._admitted = self._passes(self.passing.early)
        except Exception:
            self._crash()
        return self._admitted

    def _passes(self, gates: Iterable[Gate]) -> bool:
        for gate in gates:
            error = gate(self)
            if error is not None:
                self._refuse(error)
                return False
        return True

    def begin(self, now: float) -> None:
        """Let the client in and connect to a peer; what was read of its TLS before now was not all."""
        self.started = now
        self._request = None
        if not (self._admitted or self.admit()):
            return
        try:
            if self._passes(self.passing.gates):
                self._try(None, now)
        except Exception:
            self._crash()

    def _try(self, previous: StreamAttempt | None, now: float) -> bool:
        """Try a peer, if there is one that was not tried."""
        upstream = self.passing.upstream
        # A strategy that asks for more than this has is refused where the stream is made, or raises.
        peer = upstream.select(cast(Exchange, self), self._tried, now, self)
        if peer is None:
            if previous is None:
                text = f"upstream {upstream.name} has no usable peer"
                self._refuse(ProxyError(Source.PEER, 502, "no_live_peers", text, upstream=upstream.name))
            return False
        attempt = self.attempt = StreamAttempt(self, peer, previous, now)
        assert self._frontend is not None, "it was refused before it began"
        attempt.connecting = peer.dial(attempt, partial(self._frontend.half, attempt.connected))
        return True

    def may_fail(self, exchange: Exchange, *, sent: bool) -> bool:
        """Whether another peer is tried if the next one cannot be reached."""
        return len(self._tried) + 1 < self.passing.tries

    def after_failure(self, attempt: StreamAttempt, error: ProxyError) -> None:
        """A peer was not reached: try another one, or give up."""
        passing = self.passing
        self._tried += (attempt.peer,)
        now = passing.seconds()
        try:
            again = len(self._tried) < passing.tries and now - self.started < passing.timeout
            if not (again and self._try(attempt, now)):
                self._refuse(error)
        except Exception:
            self._crash()

    def _refuse(self, error: ProxyError) -> None:
        self.status, self.error = error.status, error
        if self._frontend is not None:
            self._frontend.refuse()

    def _crash(self) -> None:
        """A user's function raised."""
        log.failure("{passage} could not be carried on", passage=self)
        self._refuse(ProxyError(Source.US, 500, "internal_error", "an exception was raised"))

    def cancel(self) -> None:
        """The client has left before a peer was reached."""
        attempt = self.attempt
        if not self.status:
            self.status = CLIENT_CLOSED
            self.error = ProxyError(Source.CLIENT, CLIENT_CLOSED, "client_closed", "the client closed the connection")
        if attempt is not None and attempt.open and attempt.connecting is not None:
            attempt.connecting()

    def release(self) -> None:
        """Its client counts no more."""
        told, self._told = self._told, []
        for each in told:
            each()

    def over(self) -> None:
        """Both sides are gone."""
        if self.attempt is not None:
            self.attempt.over()
        self.release()
        self._log(self)
        # As exchanges do: what holds each other would wait for the collector.
        self.attempt = None
