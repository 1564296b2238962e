"""The proxy before servers of HTTP/2 of other people's making, asked by clients of HTTP/1.1."""

from __future__ import annotations

from tests.integration import contract, peers

H2 = ", via=http2()"


class NginxTests(contract.PeerTests):
    """nginx, without TLS."""

    start = staticmethod(contract.before(peers.nginx_h2, H2))


class NodeTests(contract.PeerTests):
    """Node, without TLS."""

    start = staticmethod(contract.before(peers.node_h2, H2))


class GoTests(contract.PeerTests):
    """Go, over TLS."""

    start = staticmethod(contract.before(peers.go_tls, H2 + ", tls=upstream_tls(verify=False)"))
