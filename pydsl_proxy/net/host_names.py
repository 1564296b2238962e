"""What is known of a host name: it is looked up for every connection, and its last addresses serve on if that fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from twisted.logger import Logger
from zope.interface import implementer

if TYPE_CHECKING:
    from pydsl_proxy.net.reactors import DataReactor

log = Logger()

#: Seconds after which a look-up is late: the addresses known before are used, and no other look-up is begun meanwhile.
LATE_AFTER: Final = 1.0
#: Seconds for which a name that was not found is not looked up again.
NOT_FOUND_FOR: Final = 1.0
#: Seconds between two lines in the log.
QUIET: Final = 60.0

Found = Callable[[Sequence[IAddress]], None]


@implementer(IResolutionReceiver)
class HostName:
    """One name; callers that ask while a look-up is under way get its result."""

    def __init__(self, reactor: DataReactor, name: str, host: str, port: int) -> None:
        self._reactor = reactor
        self._name = name
        self._host = host
        self._port = port
        # The addresses that the last successful look-up gave, and those of the one under way.
        self._known: Sequence[IAddress] = ()
        self._found: list[IAddress] = []
        self._waiting: dict[object, Found] = {}
        self._asked_at: float | None = None
        self._failed_at = -inf
        self._late: IDelayedCall | None = None
        self._quiet_until = -inf

    def ask(self, asking: object, found: Found, timeout: float) -> None:
        """Call *found* with the addresses, none if there are none or a look-up has not ended for *timeout* seconds."""
        now = self._reactor.seconds()
        since = self._asked_at
        hangs = since is not None and now - since >= (LATE_AFTER if self._known else timeout)
        if not hangs and now - self._failed_at >= NOT_FOUND_FOR:
            self._waiting[asking] = found
            if since is None:
                self._look_up(now)
        elif self._known:
            found(self._known)
        else:
            # Not from within this call: who dials has not noted yet what cancels.
            self._reactor.callLater(0, found, ())

    def forget(self, asking: object) -> None:
        """The caller does not want an answer any more."""
        self._waiting.pop(asking, None)

    def _look_up(self, now: float) -> None:
        self._asked_at = now
        self._found = []
        IReactorPluggableNameResolver(self._reactor).nameResolver.resolveHostName(self, self._host, self._port)
        if self._asked_at is not None and self._known:
            self._late = self._reactor.callLater(LATE_AFTER, self._is_late)

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """It is under way; Twisted's own cannot be cancelled."""

    def addressResolved(self, address: IAddress) -> None:
        """One of the addresses, the preferred one first (RFC 6724)."""
        self._found.append(address)

    def resolutionComplete(self) -> None:
        """There are no more."""
        if self._late is not None and self._late.active():
            self._late.cancel()
        self._asked_at = self._late = None
        if self._found:
            self._known = tuple(self._found)
            self._failed_at = -inf
        else:
            self._failed_at = self._reactor.seconds()
            if self._known:
                self._note("is not found any more")
        self._give()

    def _is_late(self) -> None:
        self._note(f"was not looked up within {LATE_AFTER:g} s")
        self._give()

    def _give(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for found in waiting.values():
            found(self._known)

    def _note(self, what: str) -> None:
        now = self._reactor.seconds()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET
            log.warn(
                "peer {peer}: the name {host} {what}; the addresses known before are used",
                peer=self._name,
                host=self._host,
                what=what,
            )
