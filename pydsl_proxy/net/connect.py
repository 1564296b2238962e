"""How the runtime reaches one address: TCP, or a UNIX socket."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.error import ConnectError, ConnectionRefusedError, DNSLookupError, TimeoutError, UserError
from twisted.internet.interfaces import IAddress, IConnector
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import ConnectRequest, Dial
from pydsl_proxy.net.data_path import DataPath

if TYPE_CHECKING:
    from pydsl_proxy.net.reactors import DataReactor

# What this process or machine has too few of: descriptors, memory, or ports of its own.  nginx answers 500 where there
# is no socket, and counts the last against the peer.
_OURS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL))

Failed = Callable[[ProxyError], None]


class Attempted(ClientFactory):
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
        # Twisted's TimeoutError is a UserError too.
        if type(reason.value) is not UserError:
            self._failed(why_not_connected(self._name, reason.value))


def dial_tcp(reactor: DataReactor, name: str, address: str, port: int) -> Dial:
    """Reach an IP address."""
    if isinstance(reactor, DataPath):
        return partial(_dial_direct, reactor, name, address, port)

    def dial(caller: ConnectRequest, build: Callable[[], Protocol]) -> Callable[[], None]:
        factory = Attempted(build, name, caller.failed)
        return reactor.connectTCP(address, port, factory, caller.timeouts.connect).disconnect

    return dial


def _dial_direct(
    reactor: DataPath, name: str, address: str, port: int, caller: ConnectRequest, build: Callable[[], Protocol]
) -> Callable[[], None]:
    return reactor.dial(
        address,
        port,
        caller.timeouts.connect,
        build,
        lambda reason: caller.failed(why_not_connected(name, reason)),
    )


def dial_unix(reactor: DataReactor, name: str, path: str) -> Dial:
    """Reach a UNIX socket."""
    if isinstance(reactor, DataPath):
        return partial(_dial_unix_direct, reactor, name, path)

    def dial(caller: ConnectRequest, build: Callable[[], Protocol]) -> Callable[[], None]:
        factory = Attempted(build, name, caller.failed)
        return reactor.connectUNIX(path, factory, caller.timeouts.connect).disconnect

    return dial


def _dial_unix_direct(
    reactor: DataPath, name: str, path: str, caller: ConnectRequest, build: Callable[[], Protocol]
) -> Callable[[], None]:
    return reactor.dial_unix(
        path, caller.timeouts.connect, build, lambda reason: caller.failed(why_not_connected(name, reason))
    )


def why_not_connected(name: str, reason: BaseException | None) -> ProxyError:
    """Why no connection could be made: nothing was sent, so another peer may be tried, which may have an idle one."""
    if isinstance(reason, TimeoutError):
        return ProxyError(Source.PEER, 504, "connect_timeout", f"peer {name} was not reached in time", retryable=True)
    if isinstance(reason, ConnectionRefusedError):
        return ProxyError(Source.PEER, 502, "connect_refused", f"peer {name} refused the connection", retryable=True)
    if isinstance(reason, DNSLookupError):
        # A name server's failure is not the peer's.
        return ProxyError(Source.US, 502, "dns", f"peer {name} was not found: {reason}", retryable=True)
    code = reason.osError if isinstance(reason, ConnectError) else None
    detail = os.strerror(code) if isinstance(code, int) else code or reason or "for no reason that is known"
    if code in _OURS:
        text = f"no connection to peer {name} could be made: {detail}"
        return ProxyError(Source.US, 500, "no_resources", text, retryable=True)
    return ProxyError(Source.PEER, 502, "connect_failed", f"peer {name} was not reached: {detail}", retryable=True)


def not_looked_up(name: str) -> ProxyError:
    """The name server has not answered in time, which is not the peer's failure."""
    text = f"peer {name} was not reached in time: its name was not looked up"
    return ProxyError(Source.US, 504, "connect_timeout", text, retryable=True)
