"""Conversations in which a header field changes with every request."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import clients, header, http, server
from pydsl_proxy.testing import run


class ChangingTests(SynchronousTestCase):
    """Request ids and the like."""

    def test_forwarded(self) -> None:
        """Peers get each request's own field, whatever was seen before; values see it too."""
        web = server(80).location("/").set_response_header("X-Seen", header("x-request-id")).proxy_to("a:1")
        client, peers = run(web)
        peers["a:1"].answers(200)
        for number in range(6):
            answer = client.request("GET", "/", {"X-Request-Id": str(number), "Accept": "b"})
            self.assertIn(b"\r\nX-Request-Id: %d\r\n" % number, peers["a:1"].received)
            self.assertEqual(peers["a:1"].received.count(b"X-Request-Id"), number + 1)
            self.assertEqual(dict(answer.headers)["x-seen"], str(number))

    def test_removed(self) -> None:
        """A field that the location removes, or that Connection names, does not come back."""
        client, peers = run(server(80).location("/").remove_request_header("x-request-id").proxy_to("a:1"))
        peers["a:1"].answers(200)
        for number in range(4):
            client.request("GET", "/", {"X-Request-Id": str(number)})
        self.assertNotIn(b"X-Request-Id", peers["a:1"].received)
        client, peers = run(server(80).location("/").proxy_to("a:1"))
        peers["a:1"].answers(200)
        for number in range(4):
            client.request("GET", "/", {"X-Request-Id": str(number), "Connection": "x-request-id"})
        self.assertNotIn(b"X-Request-Id", peers["a:1"].received)

    def test_too_many(self) -> None:
        """The limit of fields counts all of them."""
        client, peers = run(http(server(80).location("/").proxy_to("a:1"), clients=clients(fields=4)))
        peers["a:1"].answers(200)
        for number in range(4):
            self.assertEqual(client.request("GET", "/", {"A": str(number), "B": "1"}).status, 200)
        self.assertEqual(client.request("GET", "/", {"A": "5", "B": "1", "C": "1", "D": "1"}).status, 431)

    def test_repeated(self) -> None:
        """Fields of one name keep their order."""
        client, peers = run(server(80).location("/").proxy_to("a:1"))
        peers["a:1"].answers(200)
        for number in range(4):
            client.request("GET", "/", [("A", str(number)), ("A", "x")])
        self.assertIn(b"\r\nA: 3\r\nA: x\r\n", peers["a:1"].received)
