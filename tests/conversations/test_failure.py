"""Conversations: peers that fail, and what is tried instead."""

from __future__ import annotations

import errno
import os

from twisted.internet.error import ConnectError
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import peer, stream, upstream
from pydsl_proxy.testing import run
from tests.support.messages import BAD_GATEWAY, GATEWAY_TIMEOUT, GET, OK, get, post
from tests.support.places import TWO, place, retrying, tried


class DeadPeerTests(SynchronousTestCase):
    """What nginx 1.22.1 was seen to do where peers refuse connections, and where it is done differently."""

    def test_first(self) -> None:
        """The next peer is asked; the client notices nothing."""
        client, peers = running = run(TWO)
        peers["a:1"].refuses()
        peers["b:1"].answers(200, b"ok")
        self.assertEqual(client.request("GET").status, 200)
        self.assertEqual(tried(running), [("a:1", 502), ("b:1", 200)])

    def test_passed_over(self) -> None:
        """For fail_timeout seconds the dead peer is not asked."""
        client, peers = running = run(TWO)
        peers["a:1"].refuses()
        peers["b:1"].answers(200, b"ok")
        client.request("GET")
        for _ in range(3):
            client.request("GET")
            self.assertEqual(tried(running), [("b:1", 200)])

    def test_tried_again(self) -> None:
        """After fail_timeout its weight climbs back from nothing by one a selection, as in nginx."""
        client, peers = running = run(upstream("app", peer("a:1", fail_timeout=2), peer("b:1", fail_timeout=2)))
        peers["a:1"].refuses()
        peers["b:1"].answers(200, b"ok")
        client.request("GET")
        running.clock.advance(3.2)
        seen = []
        for _ in range(3):
            client.request("GET")
            seen.append(tried(running))
        self.assertEqual(seen, [[("b:1", 200)], [("b:1", 200)], [("a:1", 502), ("b:1", 200)]])

    def test_all_dead(self) -> None:
        """Every peer is tried once; the client is told 502."""
        client, peers = running = run(TWO)
        peers["a:1"].refuses()
        peers["b:1"].refuses()
        client.sends(GET)
        client.expects(BAD_GATEWAY)
        self.assertEqual(tried(running), [("a:1", 502), ("b:1", 502)])

    def test_all_dead_again(self) -> None:
        """All are asked again, the last one to fail first: nginx says "no live upstreams" here."""
        client, peers = running = run(TWO)
        peers["a:1"].refuses()
        peers["b:1"].refuses()
        client.sends(GET)
        client.takes()
        client.sends(GET)
        client.expects(BAD_GATEWAY)
        self.assertEqual(tried(running), [("b:1", 502), ("a:1", 502)])
        peers["b:1"].answers(200, b"ok")
        peers["b:1"].accepts()
        self.assertEqual(client.request("GET").status, 200)

    def test_backup(self) -> None:
        """A backup is asked when no other peer can be."""
        client, peers = running = run(upstream("app", "a:1", peer("b:1", backup=True)))
        peers["a:1"].refuses()
        peers["b:1"].answers(200, b"ok")
        client.request("GET")
        self.assertEqual(tried(running), [("a:1", 502), ("b:1", 200)])
        client.request("GET")
        self.assertEqual(tried(running), [("b:1", 200)])

    def test_both_answer_503(self) -> None:
        """With 503 listed the other peer is asked too, and the last answer passed."""
        client, peers = running = run(retrying((503,)))
        peers["a:1"].answers(503, b"a")
        peers["b:1"].answers(503, b"b")
        response = client.request("GET")
        self.assertEqual((response.status, response.body), (503, b"b"))
        self.assertEqual(tried(running), [("a:1", 503), ("b:1", 503)])

    def test_both_answer_503_again(self) -> None:
        """At once again one peer is left, and its 503 is passed, which nginx replaces by its own 502."""
        client, peers = running = run(retrying((503,)))
        peers["a:1"].answers(503, b"a")
        peers["b:1"].answers(503, b"b")
        client.request("GET")
        response = client.request("GET")
        self.assertEqual((response.status, response.body), (503, b"b"))
        self.assertEqual(tried(running), [("b:1", 503)])

    def test_404_listed(self) -> None:
        """With the other peer down a listed 404 is passed, which nginx replaces by its own 502."""
        client, peers = running = run(retrying((404,), upstream("app", "a:1", peer("b:1", down=True))))
        peers["a:1"].answers(404, b"none")
        self.assertEqual(client.request("GET").body, b"none")
        self.assertEqual(tried(running), [("a:1", 404)])

    def test_post_answered_503(self) -> None:
        """A POST that was answered is not repeated."""
        client, peers = running = run(retrying((503,)))
        peers["a:1"].answers(503, b"a")
        self.assertEqual(client.request("POST", body=b"x").body, b"a")
        self.assertEqual(tried(running), [("a:1", 503)])

    def test_post_not_sent(self) -> None:
        """A POST whose connection was refused was not sent, and goes to the next peer, with its body."""
        client, peers = running = run(TWO)
        peers["a:1"].refuses()
        client.sends(post(b"body"))
        peers["b:1"].expects(post(b"body"))
        peers["b:1"].sends(OK)
        client.expects(OK)
        self.assertEqual(tried(running), [("a:1", 502), ("b:1", 200)])


class ConnectingTests(SynchronousTestCase):
    """Ways not to reach a peer."""

    def test_times_out(self) -> None:
        """A peer that is not reached in time is a failure like another, and nothing was sent."""
        client, peers = running = run(place().timeouts(connect=2).proxy_to(TWO))
        peers["a:1"].times_out()
        client.sends(post(b"body"))
        running.clock.advance(1.9)
        self.assertTrue(peers["a:1"].is_asked)
        running.clock.advance(0.1)
        self.assertFalse(peers["a:1"].is_asked)
        peers["b:1"].expects(post(b"body"))
        peers["b:1"].sends(OK)
        client.expects(OK)
        self.assertEqual(tried(running), [("a:1", 504), ("b:1", 200)])

    def test_times_out_everywhere(self) -> None:
        """If no peer is reached in time the client is told 504."""
        client, peers = running = run(place().timeouts(connect=2).proxy_to("a:1"))
        peers["a:1"].times_out()
        client.sends(GET)
        running.clock.advance(2)
        client.expects(GATEWAY_TIMEOUT)
        self.assertEqual(running.exchanges[0].cause, "connect_timeout")

    def test_by_address(self) -> None:
        """An address that needs no look-up behaves alike."""
        client, peers = running = run(place().timeouts(connect=2).proxy_to("192.0.2.1:80"))
        peers["192.0.2.1:80"].times_out()
        client.sends(GET)
        running.clock.advance(2)
        client.expects(GATEWAY_TIMEOUT)
        client.sends(GET)
        peers["192.0.2.1:80"].refuses()
        client.expects(BAD_GATEWAY)
        self.assertEqual([each.cause for each in running.exchanges], ["connect_timeout", "connect_refused"])

    def test_not_found(self) -> None:
        """Where a host cannot be looked up the next peer is asked; the name server's failure is not the peer's."""
        client, peers = running = run(TWO)
        peers["a:1"].is_not_found()
        peers["b:1"].answers(200, b"ok")
        self.assertEqual(client.request("GET").status, 200)
        self.assertEqual(tried(running), [("a:1", 502), ("b:1", 200)])
        peers["a:1"].is_known = True
        peers["a:1"].answers(200, b"ok")
        running.clock.advance(1)
        self.assertEqual([client.request("GET").status for _ in range(2)], [200, 200])
        self.assertIn([("a:1", 200)], [list(each.peers) for each in running.exchanges[-2:]])

    def test_not_found_any_more(self) -> None:
        """A host that was found before is reached at its last addresses."""
        client, peers = running = run(upstream("app", "a:1", keepalive=0))
        peers["a:1"].answers(200, b"ok")
        self.assertEqual(client.request("GET").status, 200)
        peers["a:1"].is_not_found()
        for _ in range(3):
            self.assertEqual(client.request("GET").status, 200)
            running.clock.advance(1)

    def test_other_errors(self) -> None:
        """Any other error of the network, as an unreachable one, is a 502 with its own cause."""
        client, peers = running = run(upstream("app", "a:1"))
        peers["a:1"].refuses(ConnectError(101, "Network is unreachable"))
        client.sends(GET)
        client.expects(BAD_GATEWAY)
        self.assertEqual(running.exchanges[0].cause, "connect_failed")


class BrokenTests(SynchronousTestCase):
    """A connection that breaks."""

    def test_before_the_answer(self) -> None:
        """A GET is asked of the next peer: it asked for no change that could happen twice."""
        client, peers = run(TWO)
        client.sends(GET)
        peers["a:1"].closes()
        peers["b:1"].expects(GET)
        peers["b:1"].sends(OK)
        client.expects(OK)

    def test_post(self) -> None:
        """A POST that was sent is not: it may have been acted on."""
        client, peers = running = run(retrying())
        client.sends(post(b"body"))
        peers["a:1"].closes()
        client.expects(BAD_GATEWAY)
        self.assertEqual(tried(running), [("a:1", 502)])
        self.assertEqual(running.exchanges[0].cause, "closed")

    def test_post_told(self) -> None:
        """Unless ``non_idempotent`` says that it may be."""
        client, peers = run(retrying(non_idempotent=True))
        client.sends(post(b"body"))
        peers["a:1"].closes()
        peers["b:1"].expects(post(b"body"))

    def test_put(self) -> None:
        """A PUT is repeated where ``retry()`` says so, as by nginx, and not where nothing does."""
        client, peers = run(retrying())
        client.sends(post(b"body", method="PUT"))
        peers["a:1"].resets()
        peers["b:1"].expects(post(b"body", method="PUT"))
        client, peers = run(TWO)
        client.sends(post(b"body", method="PUT"))
        peers["a:1"].resets()
        client.expects(BAD_GATEWAY)

    def test_put_at_the_limit(self) -> None:
        """A body of 64 KiB is kept to be sent again, one of a byte more is not."""
        for size, status in ((0x10000, 200), (0x10001, 502)):
            client, peers = run(retrying(non_idempotent=True))
            client.sends(get("/", f"content-length: {size}", method="PUT") + bytes(size))
            peers["a:1"].closes()
            if status == 200:
                self.assertEqual(peers["b:1"].requests[0].body, bytes(size))
                peers["b:1"].sends(OK)
            self.assertEqual(client.responses[0].status, status)

    def test_within_the_answer(self) -> None:
        """Once a response has begun, a break is passed on as one: the client must not take it for complete."""
        client, peers = running = run(TWO)
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")
        peers["a:1"].closes()
        client.expects(b"")
        self.assertTrue(client.is_closed)
        self.assertEqual((running.exchanges[0].status, running.exchanges[0].cause), (200, "closed"))

    def test_one_peer(self) -> None:
        """With nobody else to ask the client is told 502."""
        client, peers = run(upstream("app", "a:1"))
        client.sends(GET)
        peers["a:1"].closes()
        client.expects(BAD_GATEWAY)


class LimitTests(SynchronousTestCase):
    """How often and for how long another peer is tried."""

    def test_tries(self) -> None:
        """``retry(2)``: the first and one more."""
        client, peers = running = run(place().retry(2).proxy_to(upstream("app", "a:1", "b:1", "c:1")))
        for name in ("a:1", "b:1", "c:1"):
            peers[name].refuses()
        client.sends(GET)
        self.assertEqual(tried(running), [("a:1", 502), ("b:1", 502)])

    def test_one(self) -> None:
        """``retry(1)``: no other, even for a connection that was not made."""
        client, peers = running = run(place().retry(1).proxy_to(TWO))
        peers["a:1"].refuses()
        client.sends(GET)
        client.expects(BAD_GATEWAY)
        self.assertEqual(tried(running), [("a:1", 502)])

    def test_timeout(self) -> None:
        """After ``retry(timeout=…)`` seconds no other is tried."""
        client, _ = running = run(place().retry(timeout=3).timeouts(read=4).proxy_to(TWO))
        client.sends(GET)
        running.clock.advance(4)
        client.expects(GATEWAY_TIMEOUT)
        self.assertEqual(tried(running), [("a:1", 504)])

    def test_timeout_of_all(self) -> None:
        """Those seconds begin with the first try, and not anew with each."""
        three = upstream("app", "a:1", "b:1", "c:1")
        client, peers = running = run(place().retry(timeout=5).timeouts(read=4).proxy_to(three))
        client.sends(GET)
        running.clock.advance(4)
        peers["b:1"].expects(GET)
        running.clock.advance(4)
        client.expects(GATEWAY_TIMEOUT)
        self.assertEqual(tried(running), [("a:1", 504), ("b:1", 504)])

    def test_timeout_is_over(self) -> None:
        """When they are over to the moment, no further try is begun."""
        client, _ = running = run(place().retry(timeout=4).timeouts(read=4).proxy_to(TWO))
        client.sends(GET)
        running.clock.advance(4)
        client.expects(GATEWAY_TIMEOUT)

    def test_what_counts(self) -> None:
        """A timeout is tried elsewhere only where ``on`` lists it."""
        client, peers = running = run(place().retry(on=["error"]).timeouts(read=4).proxy_to(TWO))
        client.sends(GET)
        running.clock.advance(4)
        client.expects(GATEWAY_TIMEOUT)
        client, peers = running = run(place().retry(on=["timeout"]).timeouts(read=4).proxy_to(TWO))
        client.sends(GET)
        running.clock.advance(4)
        peers["b:1"].expects(GET)

    def test_invalid_header(self) -> None:
        """So is a head that cannot be read."""
        for conditions, status in ((["error"], 502), (["invalid_header"], 200)):
            client, peers = run(retrying(conditions))  # type: ignore[arg-type]  # a list of literals
            peers["b:1"].answers(200, b"ok")
            client.sends(get("/"))
            peers["a:1"].sends(b"nonsense\r\n\r\n")
            self.assertEqual(client.responses[0].status, status)


class TimeTests(SynchronousTestCase):
    """Peers that take too long."""

    def test_read(self) -> None:
        """A peer that does not answer in time costs the client a 504, and loses its connection."""
        client, peers = running = run(place().timeouts(read=10).proxy_to("a:1"))
        client.sends(GET)
        running.clock.advance(9.9)
        client.expects(b"")
        running.clock.advance(0.1)
        client.expects(GATEWAY_TIMEOUT)
        self.assertEqual(running.exchanges[0].cause, "read_timeout")
        self.assertTrue(peers["a:1"].was_reset)

    def test_read_between(self) -> None:
        """The time is between two reads; in the middle of a response it breaks the response off."""
        client, peers = running = run(place().timeouts(read=10).proxy_to("a:1"))
        client.sends(GET)
        running.clock.advance(9)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
        for _ in range(3):
            running.clock.advance(9)
            peers["a:1"].sends(b"x")
        running.clock.advance(10)
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nxxx")
        self.assertTrue(client.is_closed)
        self.assertEqual(running.exchanges[0].cause, "read_timeout")

    def test_send(self) -> None:
        """A peer that takes none of a request's body in time costs the client a 504."""
        client, peers = running = run(place().timeouts(send=10, read=1000).proxy_to("a:1"))
        client.sends(get("/", "content-length: 1000000"))
        peers["a:1"].stops_reading()
        client.sends(b"x" * 500000)
        running.clock.advance(9.9)
        client.expects(b"")
        running.clock.advance(0.1)
        self.assertEqual(client.responses[0].status, 504)
        self.assertEqual(running.exchanges[0].cause, "send_timeout")

    def test_slow_client(self) -> None:
        """The peer's time does not run while the client takes its own to send or to read."""
        client, peers = running = run(place().timeouts(read=10, send=10).proxy_to("a:1"))
        client.sends(get("/", "content-length: 3"))
        for _ in range(3):
            running.clock.advance(30)
            client.sends(b"x")
        running.clock.advance(9)
        client.stops_reading()
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 500000)
        running.clock.advance(30)
        self.assertFalse(peers["a:1"].is_closed)


class OwnFailureTests(SynchronousTestCase):
    """A connection that cannot be made for want of something here."""

    def test_not_blamed(self) -> None:
        """The client is answered 500, and the peers are asked again at once."""
        for code in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL):
            client, peers = running = run(TWO)
            for name in ("a:1", "b:1"):
                peers[name].refuses(ConnectError(code, "told in another way"))
            self.assertEqual(client.request("GET").status, 500)
            self.assertEqual(running.exchanges[-1].cause, "no_resources")
            self.assertIn(os.strerror(code), str(running.exchanges[-1].message))
            for name in ("a:1", "b:1"):
                peers[name].accepts()
                peers[name].answers()
            asked = set()
            for _ in range(2):
                client.request("GET")
                asked.update(tried(running))
            self.assertEqual(asked, {("a:1", 200), ("b:1", 200)})

    def test_elsewhere(self) -> None:
        """Another peer is asked: it may have an idle connection."""
        client, peers = run(TWO)
        peers["a:1"].refuses(ConnectError(errno.EMFILE))
        peers["b:1"].answers()
        self.assertEqual(client.request("GET").status, 200)

    def test_streams(self) -> None:
        """Nor is the peer of a stream blamed."""
        running = run(stream(80).proxy_to(TWO))
        for name in ("a:1", "b:1"):
            running.peers[name].refuses(ConnectError(errno.EMFILE))
        self.assertTrue(running.client().is_gone)
        self.assertEqual(running.exchanges[-1].cause, "no_resources")

    def test_reasons(self) -> None:
        """What the system says of a peer is told as text."""
        for error, told in (
            (ConnectError(errno.ENOENT), "peer a:1 was not reached: No such file or directory"),
            (ConnectError(), "peer a:1 was not reached: "),
        ):
            client, peers = running = run(upstream("app", "a:1"))
            peers["a:1"].refuses(error)
            self.assertEqual(client.request("GET").status, 502)
            self.assertIn(told, str(running.exchanges[-1].message))
