"""A configuration that runs in memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random

import attrs
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from pydsl_proxy.config.listening import endpoint
from pydsl_proxy.config.servers import Http, Server, as_http, server
from pydsl_proxy.config.streams.stream import Stream
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.handlers.proxy import Proxy
from pydsl_proxy.service import ProxyService
from pydsl_proxy.testing.clients import Client
from pydsl_proxy.testing.handshakes import Handshake
from pydsl_proxy.testing.log import Ended, Recorder
from pydsl_proxy.testing.peers import Peers
from pydsl_proxy.testing.reactor import MemoryLoop
from pydsl_proxy.testing.transport import Address

#: Of a client that names no server.
NO_NAME = Handshake()


class Running(tuple[Client, Peers]):
    """A configuration at work, made by :func:`run`; it unpacks into a client, already connected, and the peers.

    Nothing of it outlives the test, so it need not be stopped.
    """

    #: The clock, and the reactor of the proxy: ``clock.advance(seconds)`` lets time pass.
    clock: MemoryLoop
    #: The service that :func:`pydsl_proxy.service.build` makes too.
    service: ProxyService
    #: Every exchange that is over, the first one first.
    exchanges: list[Ended]
    #: The lines of the access log, in the format of the configuration.
    log: list[str]
    #: Whether :meth:`stop` has come to its end: every client is gone.
    is_stopped: bool
    _connect: Callable[[str, str | None, Handshake], Client]

    @property
    def peers(self) -> Peers:
        """The scripted peers."""
        return self[1]

    def client(
        self, address: str = "127.0.0.1", *, listen: int | str | None = None, handshake: Handshake = NO_NAME
    ) -> Client:
        """A further client, with the IP address *address*, at the endpoint *listen* or the first one there is.

        *handshake* is what its TLS came to, if the endpoint has some.
        """
        return self._connect(address, None if listen is None else endpoint(listen), handshake)

    def reload(self, config: Http | Server | Stream | Upstream) -> None:
        """Put another configuration in force, as ``SIGHUP`` does; raises :class:`~pydsl_proxy.errors.ConfigErrors`."""
        whole = _recorded(config, self.exchanges, self.log)
        reloading = self.service.reload(whole)
        self.peers.configure(self.service.peer_addresses)
        self.peers.speak_raw(_raw_peers(whole))
        _finished(self.clock, reloading)

    def stop(self) -> None:
        """Stop the proxy; what is under way may end within ``shutdown_grace`` seconds, see :attr:`is_stopped`."""
        self.service.stopService().addBoth(self._stopped)
        self.clock.settle()

    def _stopped(self, result: object) -> None:
        if isinstance(result, Failure):
            result.raiseException()
        self.is_stopped = True


def run(
    config: Http | Server | Stream | Upstream,
    *,
    listen: int | str | None = None,
    address: str = "127.0.0.1",
    seed: int = 1,
    handshake: Handshake = NO_NAME,
) -> Running:
    """Run *config* in memory: the real proxy, between scripted clients and peers, on a clock that stands.

    An upstream stands for ``server(80).location("/").proxy_to(upstream)``.  The first client has the IP address
    *address* and connects to the endpoint *listen*, a port or an endpoint string of the configuration, or its first
    one.  Host names of peers are known without a look-up.  *seed* is for strategies that draw lots.  The access log
    goes to :attr:`Running.log` instead of a file.  There is neither TLS nor the PROXY protocol on a connection, and no
    file of certificates is read; requests at a server with ``tls=`` are taken as if they had come over TLS, of which
    *handshake* tells what was agreed.  At a stream, and at the peers of streams alone, bytes are
    taken as they are.  Raises :class:`~pydsl_proxy.errors.ConfigErrors`.
    """
    peers = Peers()
    loop = MemoryLoop(peers)
    peers.belong_to(loop)
    exchanges: list[Ended] = []
    lines: list[str] = []
    whole = _recorded(config, exchanges, lines)
    service = ProxyService(whole, loop, random=Random(seed), handshakes=False)
    peers.configure(service.peer_addresses)
    peers.speak_raw(_raw_peers(whole))
    connect = _connecting(service, loop, peers)
    _finished(loop, service.startService())
    running = Running((connect(address, None if listen is None else endpoint(listen), handshake), peers))
    running.clock, running.service = loop, service
    running.exchanges, running.log = exchanges, lines
    running.is_stopped = False
    running._connect = connect
    return running


def _connecting(
    service: ProxyService, loop: MemoryLoop, peers: Peers
) -> Callable[[str, str | None, Handshake], Client]:
    """What connects clients; each has a port of its own."""
    numbers = count(1)

    def connect(address: str, listen: str | None, handshake: Handshake) -> Client:
        number = next(numbers)
        bound = service.addresses
        if listen is None:
            listen = next(iter(bound))
        if listen not in bound:
            raise ValueError(f"nothing listens at {listen!r}, only at {', '.join(map(repr, bound))}")
        port = next(port for port in loop.ports.values() if port.getHost() == bound[listen])
        client = Client(loop, "the client" if number == 1 else f"client {number}", peers.unanswered)
        config = service.config
        places: tuple[Server | Stream, ...] = (*config.servers, *config.streams)
        secure = any(each.tls for each in places if listen in each.listen)
        raw = any(listen in each.listen for each in config.streams)
        ends = _ends(port.getHost(), address, 50000 + number)
        client.connect(port, *ends, handshake if secure else None, raw=raw)
        return client

    return connect


def _ends(place: Address, address: str, port: int) -> tuple[Address, Address]:
    """The addresses of both ends, the proxy's first."""
    if isinstance(place, UNIXAddress):
        return place, UNIXAddress("")
    kind = IPv6Address if ":" in address else IPv4Address
    here = "::1" if ":" in address else "127.0.0.1"
    return kind("TCP", here, place.port), kind("TCP", address, port)


def _recorded(config: Http | Server | Stream | Upstream, exchanges: list[Ended], lines: list[str]) -> Http:
    """*config* as a whole, with an access log that keeps what it is told."""
    if isinstance(config, Upstream):
        config = server(80).location("/").proxy_to(config)
    config = as_http(config)
    return attrs.evolve(config, access_log=Recorder(config.access_log, exchanges, lines))


def _raw_peers(config: Http) -> set[str]:
    """The addresses of peers to which streams lead, and no locations."""
    handlers = (location.handler for server in config.servers for location in server.locations)
    asked = [handler.upstream for handler in handlers if isinstance(handler, Proxy)]
    others = {peer.address for upstream in asked if isinstance(upstream, Upstream) for peer in upstream.peers}
    return {peer.address for stream in config.streams for peer in stream.upstream.peers} - others


def _finished(loop: MemoryLoop, doing: Deferred[None]) -> None:
    """Let *doing* come to its end, or raise what it failed with."""
    results: list[object] = []
    doing.addBoth(results.append)
    loop.settle()
    for result in results:
        if isinstance(result, Failure):
            result.raiseException()
