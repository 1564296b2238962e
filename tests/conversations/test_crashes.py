"""Conversations: users' functions that raise, and bodies and answers at the edges of what may be awaited."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Request, hash_by, peer, upstream
from pydsl_proxy.config.client_limits import clients
from pydsl_proxy.config.servers import Server, http
from pydsl_proxy.testing import run
from tests.support.messages import GET, OK, get
from tests.support.places import place


def raising(request: Request) -> str:
    """A user's mistake."""
    return request.query("id")[0]


class RaisingTests(SynchronousTestCase):
    """A user's function that raises costs its own request a 500, and nobody else anything."""

    def assert_failed(self, config: Server, begin: Callable[[Server], int]) -> None:
        """The client is told 500, the log why; no peer is blamed."""
        status = begin(config)
        self.assertEqual(status, 500)
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)

    def asked(self, config: Server) -> int:
        """The status of a request, with a peer that would answer."""
        client, peers = running = run(config)
        peers["a:1"].answers(200, b"ok")
        status = client.request("GET").status
        self.assertEqual(running.exchanges[0].cause, "internal_error")
        # A second request finds the peer up.
        self.assertEqual(running.client().request("GET", "/?id=1").status, 200)
        return status

    def test_request_header(self) -> None:
        """While the head for the peer is written."""
        self.assert_failed(place().set_request_header("X-Id", raising).proxy_to("a:1"), self.asked)

    def test_response_header(self) -> None:
        """While the head for the client is written."""
        self.assert_failed(place().set_response_header("X-Id", raising).proxy_to("a:1"), self.asked)

    def test_counted_once(self) -> None:
        """The attempt is over once: ``max_conns`` holds afterwards as it did before."""
        one = upstream("app", peer("a:1", max_conns=1))
        client, peers = running = run(place().set_response_header("X-Id", raising).proxy_to(one))
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234")
        self.assertEqual(client.responses[0].status, 500)
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)
        for _ in range(2):
            running.client().sends(get("/?id=1"))
        self.assertEqual(len(peers["a:1"].connections), 2)
        self.assertEqual(running.exchanges[-1].cause, "no_live_peers")

    def test_own_response(self) -> None:
        """While a response of our own is written."""
        client, _ = run(place().set_response_header("X-Id", raising).respond(200, "ok"))
        self.assertEqual(client.request("GET").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)

    def test_strategy(self) -> None:
        """While another peer is chosen."""
        seen: list[Request] = []

        def once(request: Request) -> str:
            seen.append(request)
            return "a" if len(seen) == 1 else raising(request)

        client, peers = run(upstream("app", hash_by(once), "a:1", "b:1"))
        peers["a:1"].refuses()
        peers["b:1"].refuses()
        self.assertEqual(client.request("GET").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(IndexError)), 1)


class HeldTests(SynchronousTestCase):
    """An answer that is kept while another peer is tried."""

    def test_with_trailers(self) -> None:
        """It may be complete, and end with trailers, before the other has answered."""
        client, peers = run(place().retry(on=[503]).proxy_to(upstream("app", "a:1", "b:1")))
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\nX-T: 1\r\n\r\n")
        peers["b:1"].sends(OK)
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    def test_with_trailers_after_all(self) -> None:
        """It is sent, with its trailers, if the other is worse."""
        client, peers = run(place().retry(on=["error", 503]).proxy_to(upstream("app", "a:1", "b:1")))
        client.sends(GET)
        peers["b:1"].refuses()
        peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\nX-T: 1\r\n\r\n")
        self.assertTrue(client.takes().endswith(b"2\r\nno\r\n0\r\nX-T: 1\r\n\r\n"))


class TrailerTests(SynchronousTestCase):
    """What a location keeps from the other side does not come as a trailer either."""

    def test_request(self) -> None:
        """Fields that are set or removed, and those named in Connection."""
        config = place().set_request_header("X-User", "anon").remove_request_header("X-Admin").proxy_to("a:1")
        client, peers = run(config)
        client.sends(
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\nX-User: root\r\nX-Admin: 1\r\nX-Hop: 1\r\nX-Other: 1\r\n\r\n"
        )
        self.assertTrue(peers["a:1"].takes().endswith(b"\r\n\r\n0\r\nX-Other: 1\r\n\r\n"))

    def test_response(self) -> None:
        """Fields that are hidden, and those named in Connection."""
        client, peers = run(place().hide_response_header("X-Secret").proxy_to("a:1"))
        client.sends(GET)
        peers["a:1"].sends(
            b"HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\nX-Secret: 1\r\nX-Hop: 1\r\nX-Other: 1\r\n\r\n"
        )
        self.assertTrue(client.takes().endswith(b"\r\n\r\n0\r\nX-Other: 1\r\n\r\n"))


class WaitingTests(SynchronousTestCase):
    """What is awaited, and of whom."""

    def test_unread_answers(self) -> None:
        """A client that sends ahead and reads nothing gets no further answers made; when it reads, it gets all."""
        client, _ = run(place().respond(200, b"x" * 50_000))
        client.stops_reading()
        client.sends(get("/") * 100)
        self.assertLess(client.unsent, 300_000)
        client.reads()
        self.assertEqual(len(client.responses), 100)

    def test_body_before_it_is_read(self) -> None:
        """The client's time does not run while nobody reads its body."""
        config = http(place().timeouts(connect=10).proxy_to("a:1"), clients=clients(body_timeout=3))
        client, peers = running = run(config)
        peers["a:1"].times_out()
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
        running.clock.advance(5)
        self.assertEqual(client.received, b"")
        running.clock.advance(5)
        self.assertEqual(running.exchanges[0].status, 504)

    def test_slow_peer(self) -> None:
        """A peer that takes an upload slowly, but takes it, is not given up."""
        client, peers = running = run(place().timeouts(send=3).proxy_to("a:1"))
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n")
        peers["a:1"].stops_reading()
        client.sends(b"x" * 400_000)
        for _ in range(10):
            running.clock.advance(2)
            peers["a:1"].reads(20_000)
        self.assertEqual(running.exchanges, [])
        running.clock.advance(7)
        self.assertEqual(running.exchanges[0].cause, "send_timeout")
