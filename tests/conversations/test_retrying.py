"""Conversations: what is asked again without cost, and answers that are kept while a better one is looked for."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http2, peer, server, upstream
from pydsl_proxy.config.servers import Server
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.testing import Running, run
from tests.support.h2_peer import H2Peer
from tests.support.messages import BAD_GATEWAY, GET, OK, answer, get, post
from tests.support.places import TWO, UNAVAILABLE, place, retrying, tried
from tests.support.websockets import ASK, GRANT


class KeptConnectionTests(SynchronousTestCase):
    """A kept connection that the peer closes while a request is on its way to it."""

    def used(self, config: Server | Upstream) -> Running:
        """A proxy with an idle connection to ``a:1``."""
        client, peers = running = run(config)
        peers["a:1"].answers(200, b"ok")
        client.request("GET")
        peers["a:1"].waits()
        return running

    def test_costs_nothing(self) -> None:
        """The same peer is asked again on a new connection, even where ``retry(1)`` forbids another try."""
        client, peers = running = self.used(place().retry(1).proxy_to("a:1"))
        client.sends(GET)
        peers["a:1"].closes()
        self.assertEqual(len(peers["a:1"].connections), 2)
        peers["a:1"].expects(GET)
        peers["a:1"].sends(OK)
        client.takes()
        self.assertEqual(running.exchanges[1].status, 200)

    def test_once(self) -> None:
        """Only once: the new connection is a try."""
        client, peers = self.used(upstream("app", "a:1"))
        client.sends(GET)
        peers["a:1"].closes()
        peers["a:1"].closes()
        self.assertEqual(client.responses[1].status, 502)
        self.assertEqual(len(peers["a:1"].connections), 2)

    def test_each_peer(self) -> None:
        """Once for each peer: all may have been restarted since."""
        client, peers = running = run(TWO)
        for name in ("a:1", "b:1"):
            peers[name].answers(200, b"ok")
            client.request("GET")
            peers[name].waits()
        client.sends(GET)
        peers["a:1"].refuses()
        peers["a:1"].connections[0].closes()
        peers["b:1"].connections[0].closes()
        peers["b:1"].sends(OK)
        self.assertEqual(client.responses[-1].status, 200)
        self.assertEqual([name for name, _ in running.exchanges[-1].peers], ["a:1", "a:1", "b:1", "b:1"])

    def test_post(self) -> None:
        """Not a POST: nobody knows whether the peer has read it."""
        client, peers = self.used(upstream("app", "a:1"))
        client.sends(post(b"body"))
        peers["a:1"].closes()
        self.assertEqual(client.responses[1].status, 502)

    def test_no_failure(self) -> None:
        """It does not count against the peer."""
        client, peers = run(TWO)
        peers["a:1"].answers(200, b"a")
        peers["b:1"].answers(200, b"b")
        client.request("GET")
        client.request("GET")
        peers["a:1"].waits()
        client.sends(GET)
        peers["a:1"].closes()
        peers["a:1"].answers(200, b"a")
        client.takes()
        self.assertEqual([client.request("GET").body for _ in range(4)], [b"b", b"a", b"b", b"a"])


class AnsweredTests(SynchronousTestCase):
    """``retry(on=(503,))``: an answer is kept while another peer is asked."""

    def test_a_better_one(self) -> None:
        """The other peer's is passed, and nothing of the first."""
        client, peers = run(retrying((503,)))
        client.sends(GET)
        peers["a:1"].sends(UNAVAILABLE)
        client.expects(b"")
        peers["b:1"].sends(OK)
        client.expects(OK)

    def test_connection_kept(self) -> None:
        """The connection of an answer that was complete, and not passed on, serves the next request."""
        client, peers = run(retrying((404,), upstream("app", "a:1", peer("b:1", backup=True))))
        for _ in range(2):
            client.sends(GET)
            peers["a:1"].expects(GET)
            peers["a:1"].sends(answer(b"none", "404 Not Found"))
            peers["b:1"].expects(GET)
            peers["b:1"].sends(OK)
            client.expects(OK)
        self.assertEqual([len(peers[name].connections) for name in ("a:1", "b:1")], [1, 1])

    def test_none_better(self) -> None:
        """If the other peer breaks, the first's is passed as it was."""
        client, peers = running = run(retrying(("error", 503)))
        client.sends(GET)
        peers["a:1"].sends(UNAVAILABLE)
        peers["b:1"].closes()
        client.expects(UNAVAILABLE)
        self.assertEqual(tried(running), [("a:1", 503), ("b:1", 502)])

    def test_404_before_503(self) -> None:
        """A 404 is an answer to the request, a 503 is none, whichever came first."""
        client, peers = run(retrying((404, 503)))
        client.sends(GET)
        peers["a:1"].sends(answer(b"none", "404 Not Found"))
        peers["b:1"].sends(UNAVAILABLE)
        client.expects(answer(b"none", "404 Not Found"))

    def test_of_a_kind(self) -> None:
        """Of two that are both no answer to the request, or both one, the later is passed."""
        for first, last in (
            ("500 Oops", "502 Bad"),
            ("502 Bad", "500 Oops"),
            ("404 Not", "403 No"),
            ("429 Slow", "404 Not"),
        ):
            client, peers = run(retrying((403, 404, 429, 500, 502)))
            client.sends(GET)
            peers["a:1"].sends(answer(b"first", first))
            peers["b:1"].sends(answer(b"last", last))
            client.expects(answer(b"last", last))

    def test_rate_of_the_one_that_is_passed(self) -> None:
        """X-Accel-Limit-Rate is heeded in the answer that is passed, a kept one too, and in no other."""
        busy = answer(bytes(200), "503 Busy", "X-Accel-Limit-Rate: 100")
        for config in (retrying((503,), upstream("app", "a:1")), retrying(("error", 503))):
            client, peers = running = run(config)
            client.sends(GET)
            peers["a:1"].sends(busy)
            if "b:1" in peers:
                peers["b:1"].closes()
            self.assertEqual(client.responses, [])
            running.clock.advance(2)
            self.assertEqual(client.responses[0].status, 503)
        client, peers = run(retrying((503,)))
        client.sends(GET)
        peers["a:1"].sends(busy)
        peers["b:1"].sends(answer(bytes(200)))
        self.assertEqual(client.responses[0].status, 200)

    def test_rate_of_what_is_not_repeated(self) -> None:
        """So is that of an answer to a request that cannot be repeated."""
        client, peers = running = run(retrying((503,)))
        client.sends(post(b"body"))
        peers["a:1"].sends(answer(bytes(200), "503 Busy", "X-Accel-Limit-Rate: 100"))
        self.assertEqual(client.responses, [])
        running.clock.advance(2)
        self.assertEqual(client.responses[0].status, 503)

    def test_rate_while_streaming(self) -> None:
        """So is that of a kept answer whose body still comes."""
        client, peers = running = run(retrying(("error", 503)))
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\ncontent-length: 200\r\nX-Accel-Limit-Rate: 100\r\n\r\n" + bytes(100))
        peers["b:1"].closes()
        peers["a:1"].connections[0].sends(bytes(100))
        running.clock.advance(1)
        self.assertEqual(client.responses, [])
        running.clock.advance(1)
        self.assertEqual(client.responses[0].status, 503)

    def test_404_before_500(self) -> None:
        """A 404 is better than any status from 500 on."""
        client, peers = run(retrying((404, 500)))
        client.sends(GET)
        peers["a:1"].sends(answer(b"none", "404 Not Found"))
        peers["b:1"].sends(answer(b"oops", "500 Oops"))
        client.expects(answer(b"none", "404 Not Found"))

    def test_dropped(self) -> None:
        """What is worse, or came earlier, is dropped while it still comes, and so is its connection."""
        streaming = b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\n01234"
        client, peers = run(retrying((404, 503), upstream("app", "a:1", "b:1", "c:1")))
        client.sends(GET)
        peers["a:1"].sends(streaming)
        peers["b:1"].sends(answer(b"none", "404 Not Found"))
        self.assertTrue(peers["a:1"].connections[0].was_reset)
        peers["c:1"].sends(streaming)
        self.assertTrue(peers["c:1"].connections[0].was_reset)
        client.expects(answer(b"none", "404 Not Found"))

    def test_dropped_for_a_redirect(self) -> None:
        """So is one that was kept until another peer answered by an X-Accel-Redirect."""
        web = server(80).location("/there").respond(200, "there").location("/").retry(on=[503]).proxy_to(TWO)
        client, peers = run(web)
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\n01234")
        peers["b:1"].sends(answer(b"", "200 OK", "X-Accel-Redirect: /there"))
        self.assertEqual(client.responses[0].body, b"there")
        self.assertTrue(peers["a:1"].connections[0].was_reset)

    def test_counts_at_its_head(self) -> None:
        """A listed status counts against the peer when its head is here, not when its body is."""
        client, peers = running = run(retrying((503,)))
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\n01234")
        for _ in range(2):
            running.client().sends(GET)
        self.assertEqual([len(peers[name].connections) for name in ("a:1", "b:1")], [1, 3])

    def test_counts_once(self) -> None:
        """An answer whose head counted does not count again when its body is complete."""
        two = upstream("app", peer("a:1", max_fails=2), peer("b:1", max_fails=9))
        client, peers = running = run(server(80).location("/").retry(2, on=["error", 503]).proxy_to(two))
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\n01234")
        peers["b:1"].closes()
        peers["a:1"].sends(b"56789")
        self.assertEqual((client.responses[0].status, client.responses[0].body), (503, b"0123456789"))
        for name in ("a:1", "b:1"):
            peers[name].answers(200, b"ok")
        asked = [name for _ in range(4) if client.request("GET").status == 200 for name, _ in tried(running)]
        self.assertEqual(sorted(asked), ["a:1", "a:1", "b:1", "b:1"])

    def test_dropped_for_a_websocket(self) -> None:
        """So is an answer that was kept until another peer has switched to a WebSocket."""
        web = server(80).location("/").retry(on=[503]).proxy_to(TWO, websocket="tunnel")
        client, peers = run(web)
        client.sends(ASK)
        peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\n01234")
        peers["b:1"].sends(GRANT)
        self.assertTrue(client.takes().startswith(b"HTTP/1.1 101 "))
        self.assertTrue(peers["a:1"].connections[0].was_reset)

    def test_before_the_body(self) -> None:
        """An answer that comes before the request's body was sent is given: the body is not here to be sent again."""
        client, peers = run(retrying((503,), non_idempotent=True))
        client.sends(post(b"body")[:-2])
        peers["a:1"].sends(UNAVAILABLE)
        self.assertEqual(client.responses[0].status, 503)
        self.assertEqual(len(peers["b:1"].connections), 0)

    def test_streaming(self) -> None:
        """Of an answer whose body still comes the rest waits at the peer, and goes on if it is the best."""
        client, peers = run(retrying(("error", 503)))
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\n01234")
        peers["a:1"].connections[0].sends(b"567")
        self.assertEqual(peers["a:1"].connections[0].unread, 3)
        peers["b:1"].closes()
        client.expects(b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\n01234567")
        peers["a:1"].connections[0].sends(b"89")
        client.expects(b"89")
        self.assertFalse(peers["a:1"].connections[0].is_closed)

    def test_streaming_dropped(self) -> None:
        """If a better one comes, its connection is closed: the rest is of no use."""
        client, peers = run(retrying((503,)))
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\n01234")
        peers["b:1"].sends(OK)
        client.expects(OK)
        self.assertTrue(peers["a:1"].connections[0].was_reset)

    def test_streaming_chunks(self) -> None:
        """A chunked answer that is kept is still chunked for the client."""
        client, peers = run(retrying(("error", 503)))
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n")
        peers["b:1"].closes()
        peers["a:1"].connections[0].sends(b"1\r\nc\r\n0\r\n\r\n")
        client.expects(b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")

    def test_streaming_at_once(self) -> None:
        """What comes with its head, to the trailers, is all kept, if nothing better comes."""
        client, peers = run(retrying(("error", 503)))
        client.sends(get("/", "TE: trailers", "Connection: TE"))
        head = b"HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n"
        peers["a:1"].sends(head + b"2\r\nab\r\n1\r\nc\r\n0\r\nx-sum: 1\r\n\r\n")
        client.expects(b"")
        peers["b:1"].closes()
        received = client.takes()
        self.assertTrue(received.startswith(b"HTTP/1.1 503 Busy\r\n"), received)
        self.assertTrue(received.endswith(b"\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n"), received)

    def test_streaming_of_http2(self) -> None:
        """What a peer of HTTP/2 sends meanwhile, as its window allows, is kept too."""
        client, peers = run(retrying(("error", 503), upstream("app", "a:1", "b:1", via=http2())))
        client.sends(GET)
        first = H2Peer(peers["a:1"].connection)
        number = first.last.number
        first.begins(number, [(b":status", b"503"), (b"content-length", b"4")])
        first.sends(number, b"ab")
        first.sends(number, b"cd", end=True)
        self.assertEqual(client.responses, [])
        peers["b:1"].closes()
        self.assertEqual((client.responses[0].status, client.responses[0].body), (503, b"abcd"))

    def test_streaming_broken(self) -> None:
        """A kept answer whose rest is lost is none: 502."""
        client, peers = run(retrying(("error", 503)))
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\n01234")
        peers["a:1"].connections[0].resets()
        peers["b:1"].closes()
        client.expects(BAD_GATEWAY)

    def test_client_leaves(self) -> None:
        """A client that leaves meanwhile takes both attempts with it."""
        client, peers = run(retrying((503,)))
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\ncontent-length: 10\r\n\r\n01234")
        client.closes()
        self.assertTrue(peers["a:1"].was_reset)
        self.assertTrue(peers["b:1"].was_reset)

    def test_counts(self) -> None:
        """A listed 5xx counts against the peer, 403 and 404 do not."""
        for status, first in ((503, b"b"), (404, b"a")):
            client, peers = run(retrying((status,) if status == 404 else (503,)))  # type: ignore[arg-type]
            peers["a:1"].answers(status, b"a")
            peers["b:1"].answers(200, b"b")
            client.request("GET")
            client.request("GET")
            peers["a:1"].answers(200, b"a")
            self.assertIn(first, {client.request("GET").body for _ in range(2)})
