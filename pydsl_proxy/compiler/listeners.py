"""What an endpoint listens with: HTTP or streams, and around it what the configuration in force asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from zope.interface import implementer

from pydsl_proxy.frontends.http1.connection import H1Factory
from pydsl_proxy.frontends.negotiation import ChoosingFactory
from pydsl_proxy.frontends.stream.connection import StreamFactory
from pydsl_proxy.interfaces import Listening, StreamListening
from pydsl_proxy.runtime.listener import Listener
from pydsl_proxy.runtime.stream.site import StreamSite

Wrapper: TypeAlias = Callable[[IProtocolFactory], IProtocolFactory]
"""Puts a protocol around those of another factory: TLS around HTTP, the PROXY protocol around TLS."""


def protocol_factory(
    listener: Listener, wrappers: Sequence[Wrapper] = (), *, by_preface: bool | None = None
) -> IProtocolFactory:
    """The factory for the clients of a listener; *wrappers* stand from the innermost to the outermost.

    Clients may speak HTTP/2 unless *by_preface* is None; it says whether they may just begin.
    """
    factory: IProtocolFactory
    if isinstance(listener.site, StreamSite):
        factory = StreamFactory(cast(StreamListening, listener))
    elif by_preface is None:
        factory = H1Factory(cast(Listening, listener))
    else:
        factory = ChoosingFactory(cast(Listening, listener), by_preface)
    for wrap in wrappers:
        factory = wrap(factory)
    return factory


@implementer(IProtocolFactory)
class InForce:
    """The factory of a bound endpoint for as long as it is bound; a reload puts another one in force behind it."""

    buildProtocol: Callable[[IAddress], IProtocol | None]

    def __init__(self, factory: IProtocolFactory) -> None:
        self.put(factory)

    def put(self, factory: IProtocolFactory) -> None:
        """Make the protocols of clients that connect from now on with *factory*."""
        # Its method itself, so that a client that connects costs no call more.
        self.buildProtocol = factory.buildProtocol

    def doStart(self) -> None:
        """The endpoint is bound."""

    def doStop(self) -> None:
        """The endpoint is closed."""
