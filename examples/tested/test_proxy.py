"""What the configuration beside this file promises; nothing is opened, and no time passes but the test's."""

from pathlib import Path
from unittest import TestCase

from pydsl_proxy.testing import Running, load, run


def running() -> Running:
    """The configuration at work in memory, with both peers up."""
    at_work = run(load(Path(__file__).with_name("proxy.py")))
    at_work.peers["10.0.0.1:9000"].answers(200, b"one")
    at_work.peers["10.0.0.2:9000"].answers(200, b"two")
    return at_work


class ApiTests(TestCase):
    """What is below ``/api/``."""

    def test_moves(self) -> None:
        """The API is at ``/v1/`` of its peers, and knows by a field that it was asked by way of the proxy."""
        client, peers = running()
        self.assertEqual(client.request("GET", "/api/users?page=2").body, b"one")
        asked = peers["10.0.0.1:9000"].requests[-1]
        self.assertEqual((asked.target, asked.headers["X-Api"]), ("/v1/users?page=2", "yes"))

    def test_peer_that_is_gone(self) -> None:
        """A peer that refuses connections costs the client nothing."""
        client, peers = running()
        peers["10.0.0.1:9000"].refuses()
        self.assertEqual([client.request("GET", "/api/").text for _ in range(3)], ["two"] * 3)

    def test_slow_peer(self) -> None:
        """A peer that says nothing for ten seconds is given up, and the other one is asked."""
        at_work = running()
        client, peers = at_work
        peers["10.0.0.1:9000"].waits()
        client.sends(b"GET /api/ HTTP/1.1\r\nHost: example.com\r\n\r\n")
        at_work.clock.advance(10)
        self.assertEqual(client.responses[-1].text, "two")
        self.assertEqual(at_work.exchanges[-1].peers, (("10.0.0.1:9000", 504), ("10.0.0.2:9000", 200)))


class RestTests(TestCase):
    """Everything else."""

    def test_health(self) -> None:
        """The health check asks no peer."""
        client, peers = running()
        self.assertEqual(client.request("GET", "/healthz").text, "ok\n")
        self.assertEqual([len(peer.requests) for peer in peers.values()], [0, 0])

    def test_redirect(self) -> None:
        """Pages moved to another host, with path and query."""
        client, _ = running()
        answer = client.request("GET", "/a/b?c=d")
        self.assertEqual((answer.status, answer.headers["Location"]), (302, "https://example.com/a/b?c=d"))
