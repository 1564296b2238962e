"""Reaching a host by name: its addresses are tried one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.internet.error import DNSLookupError, NotConnectingError, TimeoutError
from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall
from twisted.internet.protocol import Protocol

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces import ConnectRequest, Dial
from pydsl_proxy.net.connect import Attempted, Failed, not_looked_up, why_not_connected
from pydsl_proxy.net.host_names import HostName

if TYPE_CHECKING:
    from pydsl_proxy.net.reactors import DataReactor

# RFC 8305 5 recommends 250 ms; Twisted's HostnameEndpoint waits 300.
NEXT_ADDRESS_AFTER = 0.3


def dial_host(reactor: DataReactor, name: str, host: str, port: int) -> Dial:
    """Reach a host by name.

    Twisted's ``HostnameEndpoint`` tells only after 0.3 s that the only address has refused, and leaves a protocol of
    its own between the transport and ours for as long as the connection lives.
    """

    known = HostName(reactor, name, host, port)

    def dial(caller: ConnectRequest, build: Callable[[], Protocol]) -> Callable[[], None]:
        timeout = caller.timeouts.connect
        dialled = _Named(reactor, name, build, timeout, caller.failed, known)
        known.ask(dialled, dialled.found, timeout)
        return dialled.cancel

    return dial


class _Named:
    """One connection, which must be made within *timeout* seconds, the look-up included."""

    def __init__(
        self,
        reactor: DataReactor,
        name: str,
        build: Callable[[], Protocol],
        timeout: float,
        failed: Failed,
        known: HostName,
    ) -> None:
        self._reactor = reactor
        self._name = name
        self._build = build
        self._timeout = timeout
        self._failed = failed
        self._known = known
        self._is_found = False
        self._addresses: list[IAddress] = []
        self._connectors: list[IConnector] = []
        self._pending = 0
        self._error: ProxyError | None = None
        self._over = False
        self._next: IDelayedCall | None = None
        self._timer = reactor.callLater(timeout, self._expire)

    def found(self, addresses: Sequence[IAddress]) -> None:
        """The look-up is over, and these are the addresses."""
        if self._over:
            return
        self._is_found = True
        self._addresses = list(addresses)
        self._error = why_not_connected(self._name, DNSLookupError("the name has no address that is known"))
        self._try_next()

    # -- the connections ---------------------------------------------------------------------------------------------

    def _try_next(self) -> None:
        """Try another address, because the last one has failed or takes its time."""
        if self._next is not None and self._next.active():
            self._next.cancel()
        if self._addresses:
            address = self._addresses.pop(0)
            if self._addresses:
                self._next = self._reactor.callLater(NEXT_ADDRESS_AFTER, self._try_next)
            self._pending += 1
            host, port = address.host, address.port  # type: ignore[attr-defined]  # a TCP address has both
            factory = Attempted(self._connected, self._name, self._not_connected)
            self._connectors.append(self._reactor.connectTCP(host, port, factory, self._timeout))
        elif not self._pending:
            assert self._error is not None
            self._end()
            self._failed(self._error)

    def _connected(self) -> Protocol:
        self._end()
        return self._build()

    def _not_connected(self, error: ProxyError) -> None:
        self._pending -= 1
        self._error = error
        self._try_next()

    def _expire(self) -> None:
        is_found = self._is_found
        self.cancel()
        self._failed(why_not_connected(self._name, TimeoutError()) if is_found else not_looked_up(self._name))

    def cancel(self) -> None:
        """Nobody waits for the connection any more."""
        if not self._over:
            self._end()

    def _end(self) -> None:
        """One connection is made, or none is wanted: stop all that is under way."""
        self._over = True
        self._known.forget(self)
        for call in (self._timer, self._next):
            if call is not None and call.active():
                call.cancel()
        self._addresses.clear()
        connectors, self._connectors = self._connectors, []
        for connector in connectors:
            with suppress(NotConnectingError):
                connector.stopConnecting()
