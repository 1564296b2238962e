"""The living peers: their counters, their health as traffic shows it, and their idle connections."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import TYPE_CHECKING, cast

from pydsl_proxy.interfaces import Attempt, ConnectRequest, Deadline, Dial, IdleConnection, Later, Owner
from pydsl_proxy.net import deadlines
from pydsl_proxy.net.data_path import peek, unsent
from pydsl_proxy.net.reactors import Clock
from pydsl_proxy.net.turns import turns_of
from pydsl_proxy.runtime.upstream.pins import Pins, pins_of
from pydsl_proxy.wire.connection.forwarded import ClosedWith

if TYPE_CHECKING:
    from twisted.internet.protocol import Protocol


class Peer:
    """One address of an upstream.

    ``usable`` is what strategies ask.  ``fails``, ``checked`` and ``accessed`` are nginx's: failures counted, when the
    peer last failed or was last given a request after its pause, and when it last failed.  ``pause`` is for how many
    seconds it is passed over, and within how many a failure is counted with the one before.  ``takes_requests`` says
    that it may have got the request whose attempt failed last.
    """

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        weight: int = 1,
        max_fails: int = 1,
        fail_timeout: float = 10.0,
        max_conns: int | None = None,
        down: bool = False,
        keepalive: int = 32,
        keepalive_requests: int = 1000,
        keepalive_time: float = 3600.0,
        keepalive_timeout: float = 60.0,
    ) -> None:
        self.name = name
        self._clock = clock
        self.seconds: Callable[[], float] = clock.seconds
        self.later: Later = turns_of(clock).later
        self.unsent: Callable[[object], int] = unsent
        self.peek: Callable[[object], bytes | None] = peek
        self.weight = weight
        self.max_fails = max_fails
        self.fail_timeout = fail_timeout
        self.max_conns = max_conns
        self.down = down
        self.keepalive = keepalive
        self.keepalive_requests = keepalive_requests
        self.keepalive_time = keepalive_time
        self.keepalive_timeout = keepalive_timeout
        self.usable = not down
        self.failed = False
        self.in_flight = 0
        self.current_weight = 0
        self.effective_weight = weight
        self.fails = 0
        self.pause = fail_timeout
        self.takes_requests = False
        self.checked = -inf
        self.accessed = -inf
        self._idle: list[IdleConnection] = []
        self._connect: Callable[[Attempt], Callable[[], None]] | None = None
        self._dial: Dial | None = None

    def __repr__(self) -> str:
        return f"<Peer {self.name} {'down' if self.down else 'failed' if self.failed else 'up'} {self.in_flight}>"

    def reached_by(self, connect: Callable[[Attempt], Callable[[], None]], dial: Dial) -> None:
        """How a connection to the peer is made: for an attempt, and bare; given once."""
        self._connect = connect
        self._dial = dial

    def watch(self, expired: Callable[[], None]) -> Deadline:
        """A deadline over the peer's clock."""
        return deadlines.Deadline(self._clock, expired)

    # -- attempts ----------------------------------------------------------------------------------------------------

    def begin(self, attempt: Attempt, pins: ClosedWith | None, *, fresh: bool = False) -> Callable[[], None] | None:
        """Send *attempt* on an idle connection, or on a new one; what is returned cancels the connecting.

        *pins* are those of the attempt's client.
        """
        self.in_flight += 1
        if self.max_conns is not None:
            self.update()
        if pins is not None and not fresh and (pinned := self._pinned(cast(Pins, pins), attempt)) is not None:
            attempt.reused = True
            pinned.send(attempt)
            return None
        if self._idle and not fresh and (attempt.exchange.method == b"GET" or attempt.repeatable or self._has_open()):
            attempt.reused = True
            self._idle.pop().send(attempt)
            return None
        assert self._connect is not None, "nobody said how the peer is reached"
        return self._connect(attempt)

    def _pinned(self, pins: Pins, attempt: Attempt) -> IdleConnection | None:
        while (pinned := pins.take(self)) is not None:
            if attempt.repeatable or peek(pinned) is None:
                return pinned
            pinned.close()
        return None

    def _has_open(self) -> bool:
        """Whether the idle connection that is next is open; those that are not are closed.

        It is asked for a request that cannot be sent again if the peer has closed the connection meanwhile.
        """
        while self._idle:
            if peek(self._idle[-1]) is None:
                return True
            self._idle.pop().close()
        return False

    def dial(self, caller: ConnectRequest, build: Callable[[], Protocol]) -> Callable[[], None]:
        """Reach the peer for the passage of a stream, with what *build* makes; what is returned cancels.

        As an attempt it is under way until :meth:`end`.
        """
        self.in_flight += 1
        if self.max_conns is not None:
            self.update()
        assert self._dial is not None, "nobody said how the peer is reached"
        return self._dial(caller, build)

    def end(self) -> None:
        """An attempt is over, however."""
        self.in_flight -= 1
        if self.max_conns is not None:
            self.update()

    def update(self) -> None:
        """Whether the peer is usable, anew."""
        full = self.max_conns is not None and self.in_flight >= self.max_conns
        self.usable = not (self.down or self.failed or full)

    # -- idle connections --------------------------------------------------------------------------------------------

    def owner(self, attempt: Attempt) -> Owner:
        """Whose the connection is on which *attempt* binds a user: its client's, for as long as both last."""
        pins = pins_of(attempt.exchange.identity)
        return Owner(partial(pins.release, self), partial(pins.forget, self))

    def release(self, connection: IdleConnection) -> bool:
        """Keep an idle connection; False if there are enough."""
        if len(self._idle) >= self.keepalive:
            return False
        self._idle.append(connection)
        return True

    def forget(self, connection: IdleConnection) -> None:
        """An idle connection is gone."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close_idle(self) -> None:
        """Close all idle connections and keep no others."""
        self.keepalive = 0
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
