"""Conversations with peers that are spoken to over TLS, as the kit has them: without."""

from __future__ import annotations

from OpenSSL.SSL import Error
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import peer, server, upstream, upstream_tls
from pydsl_proxy.testing import run

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class TlsTests(SynchronousTestCase):
    """In memory there is no TLS: what is left is HTTP."""

    def test_addresses(self) -> None:
        """A peer is called by its host and port, and found by its URL too."""
        client, peers = run(server(80).location("/").proxy_to("https://app.test"))
        client.sends(GET)
        peers["app.test:443"].expects(GET)
        self.assertIs(peers["https://app.test"], peers["app.test:443"])
        peers["app.test:443"].answers(200, b"hello")
        self.assertEqual(client.request("GET", "/").body, b"hello")

    def test_host(self) -> None:
        """A request without Host, of HTTP/1.0, has the peer's."""
        client, peers = run(server(80).location("/").proxy_to("https://app.test"))
        client.sends(b"GET / HTTP/1.0\r\n\r\n")
        peers["app.test:443"].expects(b"GET / HTTP/1.1\r\nHost: app.test:443\r\n\r\n")

    def test_locations(self) -> None:
        """Where a peer sends its client to itself is told by the scheme by which it is spoken to."""
        to = upstream("app", "a.test:443", tls=upstream_tls())
        client, peers = run(server(80).location("/").proxy_to(to))
        for location, told in (
            ("https://a.test:443/x", "http://proxy.test/x"),
            ("HTTPS://app/x", "http://proxy.test/x"),
            ("http://a.test:443/x", "http://a.test:443/x"),
            ("https://b.test/x", "https://b.test/x"),
        ):
            peers["a.test:443"].answers(302, b"", {"Location": location})
            answer = client.request("GET", "/", {"Host": "proxy.test"})
            self.assertEqual(answer.headers["location"], told)

    def test_retries(self) -> None:
        """A peer that cannot be reached is another's chance, as without TLS."""
        client, peers = run(upstream("app", "https://a.test", peer("https://b.test", backup=True)))
        peers["a.test:443"].refuses()
        peers["b.test:443"].answers(200, b"from b")
        self.assertEqual(client.request("POST", "/", body=b"x").body, b"from b")

    def test_lost(self) -> None:
        """What TLS has to say of the end of a connection is told: a certificate that is wanted is asked for so late."""
        client, peers = running = run(upstream("app", "a:1"))
        client.sends(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx")
        transport = peers["a:1"].connection._transport
        assert transport is not None
        transport.connectionLost(Failure(Error([("SSL routines", "", "tlsv13 alert certificate required")])))
        (ended,) = running.exchanges
        self.assertEqual(ended.cause, "closed")
        self.assertIn("closed before it answered: [('SSL routines', '', 'tlsv13 alert", ended.message)
