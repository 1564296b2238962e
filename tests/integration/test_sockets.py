"""UNIX sockets on both sides of the proxy."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import RawClient
from tests.integration.support import folder, proxy, python_peer


class UNIXTests(SynchronousTestCase):
    """A listener and a peer in the file system."""

    def test_both(self) -> None:
        """Exchanges go from one socket to the other, and the connection to the peer is kept."""
        files = folder()
        peer = python_peer("unix", str(files / "peer.sock"))
        self.addCleanup(peer.stop)
        listener = str(files / "proxy.sock")
        config = f"""
from pydsl_proxy import http, server, upstream

web = server("unix:{listener}").location("/").proxy_to(upstream("app", "unix:{peer.address}"))
proxy = http(web, access_log=None, shutdown_grace=1)
"""
        program = proxy(config, listener)
        self.addCleanup(program.stop)
        with RawClient(listener) as client:
            used = set()
            for _ in range(10):
                client.send(b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
                used.add(client.response().fields["x-peer-connection"])
            client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nthere")
            self.assertEqual(client.response().body, b"there")
        self.assertEqual(len(used), 1)
