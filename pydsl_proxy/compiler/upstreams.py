"""Config upstreams become living ones."""

from __future__ import annotations

from ipaddress import ip_address
from random import Random

from pydsl_proxy.config.addresses import Address, UnixAddress
from pydsl_proxy.config.upstreams import Peer as PeerConfig
from pydsl_proxy.config.upstreams import Upstream as UpstreamConfig
from pydsl_proxy.connectors.h1 import H1Connector
from pydsl_proxy.interfaces import Dial
from pydsl_proxy.runtime.dialling import dial_tcp, dial_unix
from pydsl_proxy.runtime.dialling_names import dial_host
from pydsl_proxy.runtime.peers import Peer
from pydsl_proxy.runtime.reactors import DataReactor
from pydsl_proxy.runtime.upstreams import Upstream


class Upstreams:
    """The living upstreams of one configuration, each made when the first location asks for it.

    An upstream that is equal to one of *previous* is that one: it keeps its connections, counters and health.
    """

    def __init__(self, reactor: DataReactor, random: Random, previous: Upstreams | None = None) -> None:
        self._reactor = reactor
        self._random = random
        self._previous = previous.living if previous is not None else {}
        self.living: dict[UpstreamConfig, Upstream] = {}

    def of(self, config: UpstreamConfig) -> Upstream:
        """The living upstream of *config*."""
        upstream = self.living.get(config)
        if upstream is None:
            upstream = self.living[config] = self._previous.get(config) or self._make(config)
        return upstream

    def _make(self, config: UpstreamConfig) -> Upstream:
        connector = H1Connector()
        peers = []
        for each in config.peers:
            peer = self._peer(config, each)
            peer.reached_by(connector.compile(peer, self._dial(each.address, each.endpoint)))
            peers.append((peer, each.backup))
        return Upstream(config.name, config.strategy, peers, self._random)

    def _peer(self, config: UpstreamConfig, peer: PeerConfig) -> Peer:
        return Peer(
            peer.address,
            clock=self._reactor,
            weight=peer.weight,
            max_fails=peer.max_fails,
            fail_timeout=peer.fail_timeout,
            max_conns=peer.max_conns,
            down=peer.down,
            keepalive=config.keepalive,
            keepalive_requests=config.keepalive_requests,
            keepalive_time=config.keepalive_time,
            keepalive_timeout=config.keepalive_timeout,
        )

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
