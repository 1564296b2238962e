"""Conversations: connections that are used again, on both sides, and their limits."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import clients, http, server, upstream
from pydsl_proxy.config.client_limits import Clients
from pydsl_proxy.config.servers import Http
from pydsl_proxy.testing import Running, run
from tests.support.messages import GET, OK, get, post

APP = upstream("app", "a:1")


def limited(limits: Clients) -> Http:
    """A proxy with limits on its clients."""
    return http(server(80).location("/").proxy_to(APP), clients=limits)


class PeerSideTests(SynchronousTestCase):
    """A pool of idle connections for each peer."""

    def ask(self, running: Running) -> None:
        """One request and its response."""
        client = running.client()
        client.sends(GET)
        running.peers["a:1"].expects(GET)
        running.peers["a:1"].sends(OK)
        client.expects(OK)

    def connections(self, running: Running) -> list[bool]:
        """Every connection to the peer so far: whether it is open."""
        return [not each.is_closed for each in running.peers["a:1"].connections]

    def test_used_again(self) -> None:
        """The next request goes by the same connection, whichever client sends it."""
        running = run(APP)
        self.ask(running)
        self.ask(running)
        self.assertEqual(self.connections(running), [True])

    def test_close(self) -> None:
        """A peer that announces the close of its connection is not asked on it again."""
        client, peers = running = run(APP)
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
        client.expects(OK)
        self.ask(running)
        self.assertEqual(self.connections(running), [False, True])

    def test_requests(self) -> None:
        """A connection is closed after so many requests."""
        running = run(upstream("app", "a:1", keepalive_requests=2))
        for _ in range(3):
            self.ask(running)
        self.assertEqual(self.connections(running), [False, True])

    def test_idle(self) -> None:
        """An idle connection is closed after its timeout, and not before."""
        running = run(upstream("app", "a:1", keepalive_timeout=10))
        self.ask(running)
        running.clock.advance(9.9)
        self.ask(running)
        running.clock.advance(9.9)
        self.assertEqual(self.connections(running), [True])
        running.clock.advance(0.1)
        self.assertEqual(self.connections(running), [False])

    def test_age(self) -> None:
        """A connection is closed after the first response that finds it too old."""
        running = run(upstream("app", "a:1", keepalive_timeout=100, keepalive_time=50))
        self.ask(running)
        running.clock.advance(49)
        self.ask(running)
        self.assertEqual(self.connections(running), [True])
        running.clock.advance(1)
        self.ask(running)
        self.assertEqual(self.connections(running), [False])

    def test_size(self) -> None:
        """No more than so many are kept idle."""
        running = run(upstream("app", "a:1", keepalive=1))
        both = [running.client(), running.client()]
        for client in both:
            client.sends(GET)
        for connection in running.peers["a:1"].connections:
            connection.sends(OK)
        for client in both:
            client.expects(OK)
        self.assertEqual(self.connections(running), [True, False])

    def test_none(self) -> None:
        """``keepalive=0`` keeps none."""
        running = run(upstream("app", "a:1", keepalive=0))
        self.ask(running)
        self.assertEqual(self.connections(running), [False])

    def test_reload(self) -> None:
        """Of an upstream that a reload took away idle connections are closed, those in use when they are done."""
        running = run(upstream("app", "a:1"))
        busy = [running.client(), running.client()]
        for client in busy:
            client.sends(GET)
        self.ask(running)
        running.reload(server(80).location("/").respond(200, "new"))
        self.assertEqual(self.connections(running), [True, True, False])
        for connection in running.peers["a:1"].connections[:2]:
            connection.sends(OK)
        for client in busy:
            client.expects(OK)
        self.assertEqual(self.connections(running), [False, False, False])

    def test_closed_by_peer(self) -> None:
        """An idle connection that the peer closes is forgotten; it is no failure."""
        running = run(APP)
        self.ask(running)
        running.peers["a:1"].closes()
        self.ask(running)
        self.assertEqual(self.connections(running), [False, True])
        self.assertEqual(running.exchanges[1].peers, (("a:1", 200),))

    def test_the_last_used_first(self) -> None:
        """Of several the one used last is taken: the others may grow idle and go."""
        running = run(upstream("app", "a:1", keepalive_timeout=10))
        both = [running.client(), running.client()]
        for client in both:
            client.sends(GET)
        for connection in running.peers["a:1"].connections:
            connection.expects(GET)
            connection.sends(OK)
        running.clock.advance(5)
        self.ask(running)
        running.clock.advance(5)
        self.assertEqual(self.connections(running), [False, True])


class ClientSideTests(SynchronousTestCase):
    """One request after the other from a client."""

    def test_close(self) -> None:
        """A client may ask for the close, and is told of it."""
        client, peers = run(APP)
        client.sends(get("/", "connection: close"))
        peers["a:1"].expects(GET)
        peers["a:1"].sends(OK)
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nok")
        self.assertTrue(client.is_gone)

    def test_requests(self) -> None:
        """After so many requests the connection is closed, which the last response announces."""
        client, peers = run(limited(clients(keepalive_requests=2)))
        peers["a:1"].answers(200, b"ok")
        self.assertNotIn("connection", client.request("GET").headers)
        self.assertEqual(client.request("GET").headers["connection"], "close")
        self.assertTrue(client.is_gone)

    def test_idle(self) -> None:
        """An idle connection is closed after its timeout, without a word."""
        client, peers = running = run(limited(clients(keepalive_timeout=10)))
        peers["a:1"].answers(200, b"ok")
        client.request("GET")
        running.clock.advance(9)
        client.request("GET")
        running.clock.advance(9)
        self.assertFalse(client.is_closed)
        running.clock.advance(1)
        self.assertTrue(client.is_gone)
        client.expects(b"")

    def test_age(self) -> None:
        """A connection that is too old is closed with the next response."""
        client, peers = running = run(limited(clients(keepalive_time=10)))
        peers["a:1"].answers(200, b"ok")
        client.request("GET")
        running.clock.advance(11)
        self.assertEqual(client.request("GET").headers["connection"], "close")

    def test_silent(self) -> None:
        """A client that connects and says nothing is let go after the time for a head."""
        client, _ = running = run(limited(clients(head_timeout=10)))
        running.clock.advance(10)
        self.assertTrue(client.is_gone)
        client.expects(b"")
        self.assertEqual(running.exchanges, [])

    def test_trickling(self) -> None:
        """The time for a head is for all of it: one octet now and then does not prolong it."""
        client, _ = running = run(limited(clients(head_timeout=10)))
        client.sends(b"GET / HTT")
        for _ in range(9):
            running.clock.advance(1)
            client.sends(b"P")
        self.assertFalse(client.is_closed)
        running.clock.advance(1)
        self.assertEqual(client.responses[0].status, 408)
        self.assertTrue(client.is_closed)

    def test_trickling_on_a_kept_connection(self) -> None:
        """On an idle connection it begins with the head's first octet."""
        client, peers = running = run(limited(clients(head_timeout=10, keepalive_timeout=100)))
        peers["a:1"].answers(200, b"ok")
        client.request("GET")
        running.clock.advance(50)
        client.sends(b"GET")
        running.clock.advance(9)
        client.sends(b" ")
        self.assertFalse(client.is_closed)
        running.clock.advance(1)
        self.assertEqual(client.responses[1].status, 408)

    def test_empty_line(self) -> None:
        """An empty line before a request is passed over (RFC 9112 2.2)."""
        client, peers = run(APP)
        peers["a:1"].answers(200, b"ok")
        client.request("GET")
        client.sends(b"\r\n" + GET)
        self.assertEqual(len(client.responses), 2)


class PipeliningTests(SynchronousTestCase):
    """RFC 9112 9.3.2: requests sent without waiting for responses."""

    def test_in_order(self) -> None:
        """One is asked after the other, and answered in the order received."""
        client, peers = run(APP)
        client.sends(get("/1") + get("/2") + get("/3"))
        for number in (b"1", b"2", b"3"):
            peers["a:1"].expects(get("/" + number.decode()))
            peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n" + number)
            client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n" + number)

    def test_own_answers(self) -> None:
        """Many that the proxy answers itself, in one read."""
        client, _ = run(server(80).location("/").respond(200, "ok"))
        client.sends(GET * 500)
        self.assertEqual([each.body for each in client.responses], [b"ok"] * 500)

    def test_bodies_between(self) -> None:
        """A body ends where its length says; the next request follows at once."""
        client, peers = run(APP)
        client.sends(post(b"one") + get("/2") + post(b"three"))
        peers["a:1"].expects(post(b"one"))
        peers["a:1"].sends(OK)
        peers["a:1"].expects(get("/2"))
        peers["a:1"].sends(OK)
        peers["a:1"].expects(post(b"three"))

    def test_close_among_them(self) -> None:
        """What follows a request with ``Connection: close`` is not looked at (RFC 9112 9.6)."""
        client, peers = run(APP)
        client.sends(get("/1", "connection: close") + get("/2"))
        peers["a:1"].expects(get("/1"))
        peers["a:1"].sends(OK)
        self.assertTrue(client.is_closed)
        self.assertFalse(client.was_reset)
        self.assertEqual(len(peers["a:1"].requests), 1)

    def test_bounded(self) -> None:
        """A client that sends far ahead of its answers is not read any more, and loses nothing."""
        count = 5000
        client, peers = run(limited(clients(keepalive_requests=count + 1)))
        for _ in range(count):
            client.sends(GET)
        self.assertGreater(client.unread, 0)
        peers["a:1"].answers(200, b"ok")
        self.assertEqual(len(client.responses), count)
        self.assertEqual(client.unread, 0)

    def test_malformed_among_them(self) -> None:
        """What cannot be read is refused in its turn, and ends the connection."""
        client, peers = run(APP)
        client.sends(GET + b"nonsense\r\n\r\n" + GET)
        client.expects(b"")
        peers["a:1"].sends(OK)
        self.assertEqual([each.status for each in client.responses], [200, 400])
        self.assertTrue(client.is_closed)
        self.assertEqual(len(peers["a:1"].requests), 1)
