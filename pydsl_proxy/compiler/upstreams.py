"""Config upstreams become living ones."""

from __future__ import annotations

from ipaddress import ip_address
from random import Random
from typing import TYPE_CHECKING

from pydsl_proxy.config.addresses import Address, UnixAddress
from pydsl_proxy.config.upstreams import Peer as PeerConfig
from pydsl_proxy.config.upstreams import Upstream as UpstreamConfig
from pydsl_proxy.connectors.http1.connector import H1Connector
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.interfaces import Dial
from pydsl_proxy.net.connect import dial_tcp, dial_unix
from pydsl_proxy.net.connect_by_name import dial_host
from pydsl_proxy.net.proxy_protocol_out import announcing
from pydsl_proxy.net.reactors import DataReactor, is_in_clear
from pydsl_proxy.runtime.upstream.peer import Peer
from pydsl_proxy.runtime.upstream.upstream import Upstream
from pydsl_proxy.wire.fields import cdn_loop
from pydsl_proxy.wire.http.uri import BadHost, host_and_port

if TYPE_CHECKING:
    from OpenSSL.SSL import Context

    from pydsl_proxy.compiler.peer_tls import Files


class Known:
    """A living upstream, and what all locations that proxy to it make of its configuration."""

    __slots__ = ("added", "config", "host", "names", "scheme", "upstream")

    def __init__(self, config: UpstreamConfig, upstream: Upstream) -> None:
        self.config = config
        self.upstream = upstream
        self.scheme = b"http" if config.tls is None else b"https"
        # An application that is told of a request is the end of its way.
        speaks_http = config.via is None or getattr(config.via, "alpn", None) is not None
        self.added = cdn_loop.SECTION if speaks_http else b""
        self.host = _host(config.name.encode())
        self.names = tuple(name.encode() for name in (config.name, *(peer.address for peer in config.peers)))


class Upstreams:
    """The living upstreams of one configuration, each made when the first location asks for it.

    An upstream that is equal to one of *previous* is that one: it keeps its connections, counters and health.  One
    whose files for TLS have other contents now begins anew: what was accepted by the old ones may not be any more.
    """

    def __init__(self, reactor: DataReactor, random: Random, previous: Upstreams | None = None) -> None:
        self._reactor = reactor
        self.random = random
        self._previous = previous.living if previous is not None else {}
        self._read_before = previous.read if previous is not None else {}
        self._failed: dict[UpstreamConfig, ConfigError] = {}
        self.living: dict[UpstreamConfig, Upstream] = {}
        # By the number of its object: equality looks at every peer, and every location asks.
        self._known: dict[int, Known] = {}
        # The digests of the files for TLS.
        self.read: dict[UpstreamConfig, bytes] = {}

    def known(self, config: UpstreamConfig) -> Known:
        """As :meth:`of`, with what follows from *config*."""
        known = self._known.get(id(config))
        if known is None:
            known = self._known[id(config)] = Known(config, self.of(config))
        return known

    def of(self, config: UpstreamConfig) -> Upstream:
        """The living upstream of *config*; raises :class:`ConfigError`, for each of them always the same."""
        upstream = self.living.get(config)
        if upstream is None:
            if config in self._failed:
                raise self._failed[config]
            try:
                upstream = self.living[config] = self._kept_or_made(config)
            except ConfigError as error:
                self._failed[config] = error
                raise
        return upstream

    def _kept_or_made(self, config: UpstreamConfig) -> Upstream:
        files = self._files(config)
        if files is not None:
            self.read[config] = files.digest
        kept = self._previous.get(config) if self.read.get(config) == self._read_before.get(config) else None
        return kept or self._make(config, None if files is None else files.context(_alpn(config)))

    def _files(self, config: UpstreamConfig) -> Files | None:
        if config.tls is None or is_in_clear(self._reactor):
            return None
        # OpenSSL is slow to import, and many configurations have no use for it.
        from pydsl_proxy.compiler.peer_tls import Files

        return Files(config.tls)

    def _make(self, config: UpstreamConfig, context: Context | None) -> Upstream:
        connector = config.via or H1Connector()
        peers = []
        for each in config.peers:
            peer = self._peer(config, each)
            dial = self._whole_dial(config, each, context)
            peer.reached_by(connector.compile(peer, dial), dial)
            peers.append((peer, each.backup))
        return Upstream(config.name, config.strategy, peers, self.random)

    def _peer(self, config: UpstreamConfig, peer: PeerConfig) -> Peer:
        return Peer(
            peer.address,
            clock=self._reactor,
            weight=peer.weight,
            max_fails=peer.max_fails,
            fail_timeout=peer.fail_timeout,
            max_conns=peer.max_conns,
            down=peer.down,
            # What a peer was told of a client holds for the connection.
            keepalive=0 if config.send_proxy_protocol else config.keepalive,
            keepalive_requests=config.keepalive_requests,
            keepalive_time=config.keepalive_time,
            keepalive_timeout=config.keepalive_timeout,
        )

    def _whole_dial(self, config: UpstreamConfig, peer: PeerConfig, context: Context | None) -> Dial:
        """How the peer is reached, with all that comes before the first request."""
        address = peer.endpoint
        dial = self._dial(peer.address, address)
        if config.send_proxy_protocol and not is_in_clear(self._reactor):
            dial = announcing(dial, config.send_proxy_protocol)
        if context is None or config.tls is None:
            return dial
        from pydsl_proxy.net.tls.client import PeerTls, over_tls

        host = config.tls.name or (None if isinstance(address, UnixAddress) else address.host)
        tls = PeerTls(peer.address, context, host, config.tls.verify, self._reactor, _must_choose(config))
        return over_tls(dial, tls, self._reactor)

    def _dial(self, name: str, address: Address) -> Dial:
        if isinstance(address, UnixAddress):
            return dial_unix(self._reactor, name, address.path)
        try:
            ip_address(address.host)
        except ValueError:
            return dial_host(self._reactor, name, address.host, address.port)
        return dial_tcp(self._reactor, name, address.host, address.port)

    def close_what_is_not_in(self, other: Upstreams) -> None:
        """Close the upstreams that a new configuration has no use for."""
        kept = set(map(id, other.living.values()))
        for upstream in self.living.values():
            if id(upstream) not in kept:
                upstream.close()

    def close(self) -> None:
        """Close every idle connection."""
        for upstream in self.living.values():
            upstream.close()


def _host(name: bytes) -> bytes:
    """The Host for a request that has none: the upstream's name, as nginx's $proxy_host, if it can be one."""
    try:
        host_and_port(name)
    except BadHost:
        return b"localhost"
    return name


def _must_choose(config: UpstreamConfig) -> bytes | None:
    """The protocol on which a peer must agree by ALPN; one of HTTP/1.1 may know nothing of ALPN."""
    protocol: bytes | None = getattr(config.via, "alpn", None)
    return protocol


def _alpn(config: UpstreamConfig) -> bytes:
    return _must_choose(config) or b"http/1.1"
