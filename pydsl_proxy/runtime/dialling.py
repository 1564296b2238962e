"""How the runtime reaches one address: TCP by address or by name, or a UNIX socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectError, ConnectionRefusedError, DNSLookupError, TimeoutError, UserError
from twisted.internet.interfaces import IAddress, IConnector
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Dial

if TYPE_CHECKING:
    from pydsl_proxy.runtime.reactors import DataReactor

Failed = Callable[[ProxyError], None]


class _Attempted(ClientFactory):
    """The factory of one connection."""

    noisy = False

    def __init__(self, build: Callable[[], Protocol], name: str, failed: Failed) -> None:
        self._build = build
        self._name = name
        self._failed = failed

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """The protocol of the connection."""
        return self._build()

    def clientConnectionFailed(self, connector: IConnector | None, reason: Failure) -> None:
        """No connection was made; a cancelled one is nobody's concern."""
        if not isinstance(reason.value, UserError):
            self._failed(_error(self._name, reason))


def dial_tcp(reactor: DataReactor, name: str, address: str, port: int) -> Dial:
    """Reach an IP address."""

    def dial(build: Callable[[], Protocol], timeout: float, failed: Failed) -> Callable[[], None]:
        connector = reactor.connectTCP(address, port, _Attempted(build, name, failed), timeout)
        return connector.disconnect

    return dial


def dial_unix(reactor: DataReactor, name: str, path: str) -> Dial:
    """Reach a UNIX socket."""

    def dial(build: Callable[[], Protocol], timeout: float, failed: Failed) -> Callable[[], None]:
        connector = reactor.connectUNIX(path, _Attempted(build, name, failed), timeout)
        return connector.disconnect

    return dial


def dial_host(reactor: DataReactor, name: str, host: str, port: int) -> Dial:
    """Reach a host by name: it is looked up for every connection, and its addresses are tried (RFC 8305)."""

    def dial(build: Callable[[], Protocol], timeout: float, failed: Failed) -> Callable[[], None]:
        endpoint = HostnameEndpoint(reactor, host, port, timeout)
        factory = _Attempted(build, name, failed)
        cancelled: list[bool] = []

        def fail(reason: Failure) -> None:
            if not cancelled:
                failed(_error(name, reason))

        connecting = endpoint.connect(factory)
        connecting.addErrback(fail)

        def cancel() -> None:
            cancelled.append(True)
            connecting.cancel()

        return cancel

    return dial


def _error(name: str, failure: Failure) -> ProxyError:
    """Why no connection could be made: nothing was sent, so another peer may be tried."""
    reason = failure.value
    if isinstance(reason, TimeoutError):
        return ProxyError(Source.PEER, 504, "connect_timeout", f"peer {name} was not reached in time", retryable=True)
    if isinstance(reason, ConnectionRefusedError):
        return ProxyError(Source.PEER, 502, "connect_refused", f"peer {name} refused the connection", retryable=True)
    if isinstance(reason, DNSLookupError):
        return ProxyError(Source.PEER, 502, "dns", f"peer {name} was not found: {reason}", retryable=True)
    detail = reason.osError if isinstance(reason, ConnectError) and reason.osError else reason
    return ProxyError(Source.PEER, 502, "connect_failed", f"peer {name} was not reached: {detail}", retryable=True)
