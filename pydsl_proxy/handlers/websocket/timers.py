"""The time of a bridged WebSocket: pings, silence, closing and the rate of messages."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.errors.rates import REQUEST
from pydsl_proxy.handlers.websocket.autobahn_legs import Leg
from pydsl_proxy.handlers.websocket.settings import Kit

# RFC 6455 7.4.1 and its registry.
GOING_AWAY, POLICY, RESTART = 1001, 1008, 1012
# RFC 6455 11.8.
CONTINUATION, CLOSE, PONG = 0, 8, 10
# Bytes from which on a fragment is what a message of its size is made of, and does not count for the rate.
MIN_FRAGMENT = 1024
# Seconds for both sides to close once one has begun; Autobahn waits 1 s, the websockets library 10.
CLOSE_WITHIN = 5.0
# Over so many seconds the closes of a proxy that stops are spread, so that not all clients come back at once.
DRAIN_OVER = 5.0


class Bridged(Protocol):
    """The bridge that is watched."""

    def close(self, code: int, reason: str | None = None, why: ProxyError | None = None) -> None:
        """Close both legs; *why* is for the log."""

    def end(self, why: ProxyError | None = None) -> None:
        """End what has not ended by itself."""


class BridgeWatch:
    """One timer, for pings and for silence: every ``ping`` seconds both sides must have been heard since the last ping.

    The time for pings stands still while one side holds the other up, as its pongs are not read, or its ping is not
    sent yet.  That for silence does not: it bounds how long that may last.
    """

    def __init__(self, kit: Kit, bridge: Bridged) -> None:
        self._kit = kit
        self._bridge = bridge
        self._legs: tuple[Leg, ...] = ()
        self._heard: set[Leg] = set()
        self._call: IDelayedCall | None = None
        # When both are judged and pinged, and since when the time until then stands still.
        self._due = inf
        self._held_since: float | None = None
        # The timer was set while that stood still, so not for _due.
        self._is_late = False
        self._is_closing = False
        self._said = 0.0
        # As in nginx's limit_req, thousandths of a message that a client is ahead of its rate.
        self._excess = 0
        self._counted = 0.0
        self._client: Leg | None = None
        # The client owes a pong.
        self._pinged = False

    def start(self, client: Leg, *others: Leg) -> None:
        """All legs are open."""
        self._client = client
        self._legs = (client, *others)
        self._heard = set(self._legs)
        now = self._said = self._counted = self._kit.clock.seconds()
        if self._kit.ping is not None:
            self._due = now + self._kit.ping
        self._arm(now)

    def hear(self, leg: Leg) -> None:
        """Something came on *leg*."""
        self._heard.add(leg)

    def leave(self, leg: Leg) -> None:
        """Nothing more can come on *leg*."""
        self._legs = tuple(each for each in self._legs if each is not leg)

    def hold(self, held: bool) -> None:
        """Say whether one side is *held* up by the other: it is not read, or does not take what is sent to it."""
        since = self._held_since
        if held:
            if since is None:
                self._held_since = self._kit.clock.seconds()
        elif since is not None:
            self._held_since = None
            now = self._kit.clock.seconds()
            self._due += now - since
            if self._is_late:
                self._arm(now)

    def move(self) -> None:
        """Some of a message came or is sent: it is not idle."""
        self._said = self._kit.clock.seconds()

    def admits(self, opcode: int, length: int) -> bool:
        """Count a frame of the client; False if it has sent too many, and all is closed.

        A message counts, and so does what costs as much: a small fragment, a ping, and a pong that answers none of our
        pings.
        """
        rate = self._kit.rate
        if rate is None or self._is_closing or opcode == CLOSE or (opcode == CONTINUATION and length >= MIN_FRAGMENT):
            return True
        if opcode == PONG and self._pinged:
            self._pinged = False
            return True
        now = self._kit.clock.seconds()
        leaked = rate.leaked(int((now - self._counted) * 1000))
        self._excess = max(self._excess - leaked, 0) + REQUEST
        self._counted = now
        if self._excess > self._kit.burst * REQUEST:
            text = "the client sent too many messages"
            self._bridge.close(POLICY, "too many messages", ProxyError(Source.CLIENT, 429, "message_rate", text))
            return False
        return True

    def closing(self) -> None:
        """One side closes: both have their time for it."""
        if not self._is_closing:
            self._is_closing = True
            self._later(CLOSE_WITHIN, self._bridge.end)

    def drain(self) -> None:
        """The proxy is stopped: close at some moment, for a restart (RFC 6455 7.4.2: 1012)."""
        if not self._is_closing:
            self._later(self._kit.random.uniform(0, DRAIN_OVER), self._restart)

    def stop(self) -> None:
        """All is over."""
        self._is_closing = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._is_late = False

    def _restart(self) -> None:
        self._call = None
        self._bridge.close(RESTART)

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        if self._call is not None:
            self._call.cancel()
        self._is_late = False

        def run() -> None:
            self._call = None
            what()

        self._call = self._kit.clock.callLater(seconds, run)

    def _arm(self, now: float) -> None:
        until, held = self._said + self._kit.idle, self._held_since is not None
        if not held:
            until = min(until, self._due)
        self._later(max(0.0, until - now), self._look)
        self._is_late = held

    def _look(self) -> None:
        kit, now = self._kit, self._kit.clock.seconds()
        if now - self._said >= kit.idle:
            text = f"no message was sent either way for {kit.idle:g} s"
            self._bridge.close(GOING_AWAY, None, ProxyError(Source.US, 504, "tunnel_idle", text))
            return
        if kit.ping is not None and self._held_since is None and now >= self._due:
            for leg in self._legs:
                if leg not in self._heard:
                    name = "client" if leg is self._client else "peer"
                    text = f"the {name} has not answered a ping for {kit.ping:g} s"
                    self._bridge.end(ProxyError(Source.US, 504, "ping_timeout", text))
                    return
            self._heard.clear()
            self._due = now + kit.ping
            for leg in self._legs:
                leg.sendPing()
                self._pinged = self._pinged or leg is self._client
        self._arm(now)
