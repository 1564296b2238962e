"""Twisted's ``ReverseProxyResource`` as it comes: ``reverse_proxy_resource.py PORT PEER-PORT``."""

from __future__ import annotations

import sys

from twisted.web.proxy import ReverseProxyResource
from twisted.web.server import Site


def main(port: str, peer: str) -> None:
    """Serve until the process is ended."""
    from twisted.internet import reactor

    site = Site(ReverseProxyResource("127.0.0.1", int(peer), b""))
    reactor.listenTCP(int(port), site, 4096, "127.0.0.1")  # type: ignore[arg-type]  # it is a factory
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
