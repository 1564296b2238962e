"""What happens at a location that proxies: attempts at the peers of an upstream until one answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Timeouts, Trailers
from pydsl_proxy.runtime.exchange import Exchange
from pydsl_proxy.runtime.upstream.accel import AccelHeaders, target_of
from pydsl_proxy.runtime.upstream.attempt import Attempt
from pydsl_proxy.runtime.upstream.peer import Peer
from pydsl_proxy.runtime.upstream.pins import Pins
from pydsl_proxy.runtime.upstream.retry import RetryPolicy
from pydsl_proxy.runtime.upstream.upload import Upload, may_be_kept
from pydsl_proxy.runtime.upstream.upstream import Upstream
from pydsl_proxy.wire.http.head import ResponseHead

# nginx: an answer of 403 or 404 may be asked for elsewhere, but does not count against the peer.
NOT_THE_PEERS_FAULT = frozenset((403, 404))


class HeldResponse:
    """A real answer that is kept while another peer is tried: better than an error if nothing better comes."""

    __slots__ = ("attempt", "data", "end", "response", "trailers")

    def __init__(self, attempt: Attempt, response: ResponseHead, data: bytes, end: bool) -> None:
        self.trailers: Trailers = ()
        self.attempt = attempt
        self.response = response
        self.data = data
        self.end = end

    def begin(self) -> None:
        """Nothing better came: it is the client's."""
        attempt = self.attempt
        if self.end:
            attempt.exchange.start(self.response, self.data, not self.trailers)
            if self.trailers:
                attempt.exchange.finish(self.trailers)
            return
        connection = attempt.connection
        attempt.begin(self.response, self.data)
        if connection is not None:
            connection.resumeProducing()

    def drop(self) -> None:
        """Something better came."""
        self.attempt.stop()


class Trail:
    """What an exchange that needed more than one attempt has been through."""

    __slots__ = ("freely", "held", "tried", "tries")

    def __init__(self) -> None:
        self.tried: tuple[Peer, ...] = ()
        self.tries = 1
        # The peer of which a kept connection that died was made good, which it is once.
        self.freely: Peer | None = None
        self.held: HeldResponse | None = None


class Relay:
    """The handle of one location that proxies to one upstream; called with an exchange."""

    __slots__ = (
        "_relocate",
        "_removed",
        "_seconds",
        "_steering",
        "failing_statuses",
        "passes_interim",
        "retry",
        "switches",
        "timeouts",
        "upstream",
        "write_head",
    )

    def __init__(
        self,
        upstream: Upstream,
        timeouts: Timeouts,
        retry: RetryPolicy,
        write_head: Callable[..., bytes],
        relocate: Callable[..., ResponseHead],
        seconds: Callable[[], float],
        removed: frozenset[bytes] = frozenset(),
        steering: AccelHeaders | None = None,
        switches: float | None = None,
        *,
        passes_interim: bool = True,
    ) -> None:
        self.upstream = upstream
        self.switches = switches
        self.passes_interim = passes_interim
        self._removed = removed
        self.timeouts = timeouts
        self.retry = retry
        self.write_head = write_head
        self._relocate = relocate
        self._seconds = seconds
        self._steering = steering
        self.failing_statuses = retry.statuses - NOT_THE_PEERS_FAULT

    def __call__(self, exchange: Exchange) -> None:
        """Send *exchange* to a peer."""
        now = exchange.started
        pins = exchange.identity.pins
        if pins is None:
            peer = self.upstream.select(exchange, (), now, self)
        else:
            peer = cast(Pins, pins).peer_among(self.upstream.peers) or self.upstream.select(exchange, (), now, self)
        if peer is None:
            self._no_peer(exchange)
            return
        upload = None
        if exchange.has_body:
            upload = Upload(exchange, self._removed | exchange.fields.named | exchange.dropped_trailers)
        attempt = Attempt(self, exchange, peer, None, upload, now)
        exchange.running = exchange.attempt = attempt
        attempt.connecting = peer.begin(attempt, pins)

    def apply_fields(self, attempt: Attempt, response: ResponseHead, data: bytes, end: bool) -> ResponseHead | None:
        """A marked response as the client must see it; None if it is not passed on, now or ever."""
        exchange = attempt.exchange
        response = self._relocate(exchange, response)
        steering = self._steering if b"\r\nx-accel-" in response.lower else None
        if steering is not None:
            response = steering.admitted(response)
        if response.status in self.retry.statuses and self.tries_elsewhere(attempt, response, data, end):
            return None
        if steering is None:
            return response
        target = target_of(response)
        if target is None:
            steering.apply_rate(exchange.outermost, response)
            return response
        if end:
            attempt.over()
        self.settle(attempt)
        steering.redirect(attempt, response, target, 0 if end else _left(response, data))
        return None

    def repeats(self, exchange: Exchange) -> bool:
        """Whether *exchange* may be sent again after a peer may have acted on it, as far as is known before that."""
        if not self.retry.repeats(exchange.method):
            return False
        return not exchange.has_body or may_be_kept(exchange)

    def may_fail(self, exchange: Exchange, *, sent: bool) -> bool:
        """Whether another peer is tried if the next one fails; *sent* says that it may have the request then."""
        trail = exchange.trail
        tries = 1 if trail is None else trail.tries + 1
        return tries < self.retry.tries and (not sent or self.repeats(exchange))

    # -- after an attempt --------------------------------------------------------------------------------------------

    def after_failure(self, attempt: Attempt, error: ProxyError) -> None:
        """An attempt broke: try again where that is safe, or answer as well as it can be done."""
        exchange = attempt.exchange
        # What is held or dropped has no say; Held looks at its attempt's error.
        if exchange.running is not attempt:
            return
        if exchange.answered:
            exchange.running = None
            exchange.fail(error)
            return
        if attempt.upload is not None:
            attempt.upload.detach()
        trail = exchange.trail or Trail()
        exchange.trail = trail
        sent = attempt.connection is not None
        # What the peer has not looked at may be sent again, whatever it is (RFC 9113 8.7).
        again = not sent or (
            (attempt.upload is None or attempt.upload.repeatable)
            and (error.retryable or self.retry.repeats(exchange.method))
        )
        if (
            again
            and attempt.reused
            and (error.cause == "closed" or (sent and error.retryable))
            and trail.freely is not attempt.peer
        ):
            trail.freely = attempt.peer
            self._try(exchange, attempt, attempt.peer, fresh=True)
            return
        if not (again and self.retry.counts(error) and self._try_other(exchange, attempt, trail)):
            self._give_up(exchange, trail, error)

    def tries_elsewhere(self, attempt: Attempt, response: ResponseHead, data: bytes, end: bool) -> bool:
        """A peer answered with a status that is to be retried: keep it and try another peer, if there is one."""
        exchange = attempt.exchange
        trail = exchange.trail or Trail()
        exchange.trail = trail
        if trail.held is not None and _is_better(trail.held.response.status, response.status):
            # What is held is better than this: the same as if this peer had not answered.
            held = None
        else:
            held = HeldResponse(attempt, response, data, end)
        upload = attempt.upload
        if not (self.retry.repeats(exchange.method) and (upload is None or upload.repeatable)):
            return False
        if upload is not None and exchange.has_body:
            # The peer has answered before it had the body.
            if not (end and upload.rewinds):
                return False
            upload.detach()
        if end:
            attempt.over()
        elif response.status in self.failing_statuses:
            attempt.blame()
        if held is not None:
            trail.held, previous = held, trail.held
            if previous is not None:
                previous.drop()
            if not end and attempt.connection is not None:
                attempt.connection.pauseProducing()
        else:
            attempt.stop()
        if not self._try_other(exchange, attempt, trail):
            self._give_up(exchange, trail, ProxyError(Source.PEER, 502, "no_live_peers", "no other peer to try"))
        return True

    def _try_other(self, exchange: Exchange, attempt: Attempt, trail: Trail) -> bool:
        now = self._seconds()
        trail.tried += (attempt.peer,)
        if trail.tries >= self.retry.tries or now - _first(attempt).started >= self.retry.timeout:
            return False
        # A peer that failed is asked again if nothing but an error is left to give, and not for a better answer.
        peer = self.upstream.select(exchange, trail.tried, now, self, failed=trail.held is None)
        if peer is None:
            return False
        trail.tries += 1
        self._try(exchange, attempt, peer)
        return True

    def _try(self, exchange: Exchange, previous: Attempt, peer: Peer, *, fresh: bool = False) -> None:
        attempt = Attempt(self, exchange, peer, previous, previous.upload, self._seconds())
        exchange.running = exchange.attempt = attempt
        # The body is to come anew, from the upload that keeps it.
        exchange.has_body = attempt.upload is not None
        attempt.connecting = peer.begin(attempt, exchange.identity.pins, fresh=fresh)

    def settle(self, attempt: Attempt) -> None:
        """*attempt* is the one whose answer counts, or none does any more: drop what was held."""
        trail = attempt.exchange.trail
        if trail is not None and trail.held is not None:
            held, trail.held = trail.held, None
            if held.attempt is not attempt:
                held.drop()

    def _give_up(self, exchange: Exchange, trail: Trail, error: ProxyError) -> None:
        held, trail.held = trail.held, None
        exchange.running = None
        steering = self._steering
        if held is None:
            exchange.fail(error)
        elif steering is not None and (target := target_of(held.response)) is not None:
            steering.redirect(held.attempt, held.response, target, 0 if held.end else None)
        elif held.attempt.error is not None:
            # Its connection broke while another peer was tried.
            exchange.fail(held.attempt.error)
        else:
            if steering is not None:
                steering.apply_rate(exchange.outermost, held.response)
            held.begin()

    def _no_peer(self, exchange: Exchange) -> None:
        name = self.upstream.name
        message = f"upstream {name} has no usable peer"
        exchange.fail(ProxyError(Source.PEER, 502, "no_live_peers", message, upstream=name))


def _first(attempt: Attempt) -> Attempt:
    """The attempt with which its relay began; before it there may have been steps, or another location."""
    while attempt.previous is not None and attempt.previous.relay is attempt.relay:
        attempt = attempt.previous
    return attempt


def _left(response: ResponseHead, data: bytes) -> int | None:
    """Bytes to come of a body of declared length."""
    return None if response.length is None else response.length - len(data)


def _is_better(one: int, other: int) -> bool:
    """A 403, 404 or 429 is an answer to the request, a 5xx is none; of the same kind the later one counts."""
    return one < 500 <= other
