"""Conversations: which peers are asked, as their health and their load say."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import fastcgi, hash_by, header, http2, least_conn, peer, scgi, server, stream, upstream, uwsgi
from pydsl_proxy.config.servers import Server
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.testing import Running, run
from tests.support.messages import GET, OK, get, post
from tests.support.places import retrying
from tests.support.websockets import ASK, GRANT


def two(max_fails: int = 1, fail_timeout: float = 10) -> Upstream:
    """Two peers with these limits."""
    names = ("a:1", "b:1")
    return upstream("app", *(peer(name, max_fails=max_fails, fail_timeout=fail_timeout) for name in names))


def asked(running: Running, count: int) -> str:
    """Which peers are tried by so many requests, one after the other: ``a b ba`` where the third was tried twice."""
    for _ in range(count):
        running.client().sends(GET)
    return " ".join("".join(name[0] for name, _ in each.peers) for each in running.exchanges[-count:])


def answering(config: Upstream | Server, *names: str) -> Running:
    """A proxy whose peers all answer."""
    running = run(config)
    for name in names:
        running.peers[name].answers(200, b"ok")
    return running


class PassiveTests(SynchronousTestCase):
    """nginx's ``max_fails`` and ``fail_timeout``."""

    def test_once(self) -> None:
        """One failure takes a peer out for ten seconds by default."""
        running = answering(two(), "a:1", "b:1")
        running.peers["a:1"].waits()
        running.client().sends(GET)
        running.clock.advance(60)
        running.peers["a:1"].answers(200, b"ok")
        self.assertEqual(asked(running, 4), "b b b b")
        running.clock.advance(10)
        self.assertEqual(asked(running, 3), "b b b")
        running.clock.advance(0.1)
        self.assertIn("a", asked(running, 3))

    def test_back(self) -> None:
        """After that it is tried by live requests, and one that succeeds brings it back."""
        running = answering(two(), "a:1", "b:1")
        running.peers["a:1"].dies()
        asked(running, 1)
        running.peers["a:1"].accepts()
        running.clock.advance(10.1)
        self.assertEqual(asked(running, 6), "b b a b a b")

    def test_one_probe(self) -> None:
        """One request tries it; until that is answered, others pass it over."""
        running = answering(upstream("app", least_conn(), "a:1", "b:1"), "b:1")
        running.peers["a:1"].dies()
        asked(running, 1)
        running.peers["a:1"].accepts()
        running.clock.advance(10.1)
        for _ in range(5):
            running.client().sends(GET)
        self.assertEqual(len(running.peers["a:1"].requests), 1)
        running.peers["a:1"].answers(200, b"ok")
        for _ in range(4):
            running.client().sends(GET)
        self.assertGreater(len(running.peers["a:1"].requests), 1)

    def test_probe_fails(self) -> None:
        """If that fails, it is out for another fail_timeout."""
        running = answering(retrying((503,)), "b:1")
        running.peers["a:1"].answers(503)
        for _ in range(3):
            self.assertEqual(asked(running, 6).count("a"), 1)
            running.clock.advance(10)
            self.assertEqual(asked(running, 2), "b b")
            running.clock.advance(0.1)

    def test_several(self) -> None:
        """``max_fails=2``: the second failure takes it out."""
        running = answering(two(max_fails=2), "a:1", "b:1")
        running.peers["a:1"].dies()
        self.assertEqual(asked(running, 8).count("a"), 2)

    def test_far_apart(self) -> None:
        """A success between two failures that are further apart than fail_timeout wipes out the first."""
        running = answering(two(max_fails=2, fail_timeout=5), "a:1", "b:1")
        for _ in range(3):
            running.peers["a:1"].dies()
            self.assertEqual(asked(running, 2).count("a"), 1)
            running.peers["a:1"].accepts()
            running.clock.advance(6)
            self.assertIn("a", asked(running, 4))
        self.assertEqual(asked(running, 4).count("a"), 2)

    def test_never(self) -> None:
        """``max_fails=0``: it is never taken out."""
        running = answering(two(max_fails=0), "a:1", "b:1")
        running.peers["a:1"].dies()
        self.assertEqual(asked(running, 4), "ab b ab b")

    def test_the_last(self) -> None:
        """The last usable peer stays: a peer that may fail is better than an error that is sure."""
        running = answering(two(), "a:1", "b:1")
        running.peers["a:1"].dies()
        running.peers["b:1"].dies()
        asked(running, 1)
        for _ in range(3):
            self.assertEqual(asked(running, 1), "ba")
        running.peers["b:1"].accepts()
        running.client().sends(GET)
        self.assertEqual(running.exchanges[-1].status, 200)

    def test_alone(self) -> None:
        """A single peer is never taken out, as in nginx."""
        running = answering(upstream("app", "a:1"), "a:1")
        running.peers["a:1"].dies()
        self.assertEqual(asked(running, 3), "a a a")

    def test_closes(self) -> None:
        """A peer that takes a connection and closes it unanswered has failed, if it is the first use of it."""
        running = answering(two(), "b:1")
        running.client().sends(GET)
        running.peers["a:1"].closes()
        self.assertEqual(running.exchanges[-1].status, 200)
        self.assertEqual(asked(running, 3), "b b b")

    def test_resets(self) -> None:
        """So has one that resets it, or breaks off within its response."""
        for sent in (b"", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"):
            running = answering(two(), "b:1")
            running.client().sends(GET)
            running.peers["a:1"].sends(sent)
            running.peers["a:1"].resets()
            self.assertEqual(asked(running, 3), "b b b")

    def test_kept_connection_breaks_within(self) -> None:
        """A kept connection that is closed says nothing of the peer, but one that times out does."""
        running = answering(two(), "a:1", "b:1")
        asked(running, 2)
        running.peers["a:1"].waits()
        running.client().sends(GET)
        running.clock.advance(60)
        self.assertEqual(running.exchanges[-1].status, 504)
        running.peers["a:1"].answers(200, b"ok")
        self.assertEqual(asked(running, 3), "b b b")

    def test_effective_weight(self) -> None:
        """A failure takes ``weight / max_fails`` of a peer's effective weight, which grows by one a turn."""
        config = upstream("app", peer("a:1", weight=4, max_fails=2), peer("b:1", weight=4))
        running = answering(config, "a:1", "b:1")
        running.peers["a:1"].dies()
        self.assertEqual(asked(running, 1), "ab")
        running.peers["a:1"].accepts()
        # The effective weight of a is 2, then 3, then 4 again; that of b stays 4.
        self.assertEqual(asked(running, 8), "b b a b a b a b")

    def test_alternating(self) -> None:
        """A success between two failures within fail_timeout wipes out nothing: ``max_fails=2`` takes the peer out."""
        running = answering(two(max_fails=2), "a:1", "b:1")
        running.peers["a:1"].dies()
        self.assertEqual(asked(running, 1), "ab")
        running.peers["a:1"].accepts()
        running.clock.advance(1)
        self.assertIn("a", asked(running, 4).split())
        running.peers["a:1"].dies()
        # One failure, no more: with those of before it is the second.
        self.assertEqual(asked(running, 2).count("a"), 1)
        running.peers["a:1"].accepts()
        self.assertEqual(asked(running, 4), "b b b b")

    def test_at_fail_timeout(self) -> None:
        """A success that comes when fail_timeout is just over, and no more than that, wipes out nothing."""
        running = answering(two(max_fails=2), "a:1", "b:1")
        for seconds in (10, 0):
            running.peers["a:1"].dies()
            self.assertEqual(asked(running, 2).count("a"), 1)
            running.peers["a:1"].accepts()
            running.clock.advance(seconds)
            if seconds:
                self.assertIn("a", asked(running, 2).split())
        self.assertEqual(asked(running, 4), "b b b b")

    def test_one_is_back(self) -> None:
        """When one peer's time has passed, another's that ends at this moment has not."""
        running = answering(upstream("app", least_conn(), "a:1", "b:1", "c:1"), "a:1", "b:1", "c:1")
        for name in ("a:1", "b:1"):
            running.peers[name].dies()
            asked(running, 3)
            running.peers[name].accepts()
            running.clock.advance(0.5)
        running.clock.advance(0.5)
        self.assertNotIn("b", asked(running, 6))
        running.clock.advance(0.1)
        self.assertIn("b", asked(running, 6))

    def test_a_websocket(self) -> None:
        """A peer that was out is up again as soon as it has switched to a WebSocket, not when that ends."""
        app = upstream("app", least_conn(), "a:1", "b:1")
        running = run(server(80).location("/").proxy_to(app, websocket="tunnel"))
        running.peers["a:1"].dies()
        running.client().sends(GET)
        running.peers["a:1"].accepts()
        running.clock.advance(10.1)
        socket = running.client()
        socket.sends(ASK)
        running.peers["a:1"].takes()
        running.peers["a:1"].sends(GRANT)
        self.assertTrue(socket.takes().startswith(b"HTTP/1.1 101 "))
        for _ in range(4):
            running.client().sends(GET)
        self.assertEqual([len(running.peers[name].connections) for name in ("a:1", "b:1")], [3, 3])

    def test_a_client_that_leaves(self) -> None:
        """It is no failure of the peer's."""
        running = run(two())
        for _ in range(4):
            client = running.client()
            client.sends(GET)
            client.closes()
        running.peers["a:1"].answers(200, b"ok")
        running.peers["b:1"].answers(200, b"ok")
        self.assertEqual(asked(running, 4), "a b a b")


def brief(running: Running, name: str) -> None:
    """Let the peer refuse one request."""
    running.peers[name].dies()
    assert "a" in asked(running, 2)
    running.peers[name].accepts()


class BriefTests(SynchronousTestCase):
    """Failures that cost no time: no connection could be made, or it was closed before the answer began."""

    def seconds_out(self, running: Running, most: float) -> float:
        """How long a is passed over from now on, in quarters of a second; *most* is the limit."""
        seconds = 0.0
        while "a" not in asked(running, 4):
            self.assertLess(seconds, most)
            seconds += 0.25
            running.clock.advance(0.25)
        return seconds

    def test_refused(self) -> None:
        """A peer that refused is tried again after a second, and is back if it answers."""
        running = answering(two(), "a:1", "b:1")
        brief(running, "a:1")
        running.clock.advance(1)
        self.assertEqual(asked(running, 3), "b b b")
        running.clock.advance(0.1)
        self.assertEqual(asked(running, 6), "b b a b a b")

    def test_twice_as_long(self) -> None:
        """It is passed over for twice as long each time that it fails again, and for no longer than fail_timeout."""
        running = answering(two(), "b:1")
        running.peers["a:1"].dies()
        asked(running, 1)
        # The first moment after 1, 2, 4 and 8 seconds that is looked at; then fail_timeout.
        self.assertEqual([self.seconds_out(running, 11) for _ in range(6)], [1.25, 2.25, 4.25, 8.25, 10.25, 10.25])

    def test_anew(self) -> None:
        """After an answer it begins with a second again."""
        running = answering(two(), "a:1", "b:1")
        for _ in range(2):
            running.peers["a:1"].dies()
            asked(running, 2)
            self.assertEqual(self.seconds_out(running, 2), 1.25)
            running.peers["a:1"].accepts()
            self.assertEqual(self.seconds_out(running, 3), 2.25)

    def test_fail_timeout(self) -> None:
        """A fail_timeout below a second is for how long."""
        running = answering(two(fail_timeout=0.5), "b:1")
        running.peers["a:1"].dies()
        asked(running, 1)
        self.assertEqual([self.seconds_out(running, 1) for _ in range(3)], [0.75, 0.75, 0.75])

    def test_together(self) -> None:
        """Requests that fail at the same time count as one: a peer is not out for longer because it was busy."""
        running = answering(upstream("app", least_conn(), "a:1", "b:1"), "b:1")
        for _ in range(8):
            running.client().sends(GET)
        running.peers["a:1"].refuses()
        for connection in list(running.peers["a:1"].connections):
            connection.closes()
        self.assertEqual({each.status for each in running.exchanges}, {200})
        self.assertEqual(self.seconds_out(running, 2), 1.25)

    def test_closed(self) -> None:
        """So it is with a new connection that is closed or reset before the answer's head is complete."""
        for sent in (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 200 OK\r\n"):
            for end in ("closes", "resets"):
                running = answering(two(), "b:1")
                running.client().sends(GET)
                running.peers["a:1"].sends(sent)
                getattr(running.peers["a:1"], end)()
                self.assertEqual(running.exchanges[-1].status, 200)
                running.peers["a:1"].dies()
                self.assertEqual(self.seconds_out(running, 2), 1.25)

    def test_within(self) -> None:
        """One that breaks off within its answer is passed over for fail_timeout."""
        running = answering(two(), "b:1")
        running.client().sends(GET)
        running.peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab")
        running.peers["a:1"].resets()
        running.peers["a:1"].answers(200, b"ok")
        self.assertEqual(self.seconds_out(running, 11), 10.25)

    def test_other_failures(self) -> None:
        """So is one that fails in another way after it was passed over for a second."""
        running = answering(retrying((503, "error")), "b:1")
        running.peers["a:1"].dies()
        asked(running, 1)
        running.peers["a:1"].accepts()
        running.peers["a:1"].answers(503)
        self.assertEqual(self.seconds_out(running, 2), 1.25)
        self.assertEqual(self.seconds_out(running, 11), 10.25)

    def test_connect_timeout(self) -> None:
        """A connection that is not made in time is no such failure."""
        running = answering(two(), "b:1")
        running.peers["a:1"].times_out()
        running.client().sends(GET)
        running.clock.advance(5)
        self.assertEqual(running.exchanges[-1].status, 200)
        running.peers["a:1"].dies()
        self.assertEqual(self.seconds_out(running, 11), 10.25)

    def test_several(self) -> None:
        """``max_fails=2``: the second failure within fail_timeout takes a peer out, for a second."""
        running = answering(two(max_fails=2), "b:1")
        running.peers["a:1"].dies()
        self.assertEqual(asked(running, 8).count("a"), 2)
        self.assertEqual(self.seconds_out(running, 2), 1.25)

    def test_kinds_of_peers(self) -> None:
        """It is the same whatever a peer speaks."""
        for via in (fastcgi(root="/srv"), uwsgi(), scgi(), http2()):
            running = run(upstream("app", "a:1", "b:1", via=via))
            client = running.client()
            client.sends(GET)
            running.peers["a:1"].closes()
            self.assertEqual(len(running.peers["b:1"].connections), 1, via)
            for out, count in ((0.9, 0), (0.2, 1)):
                running.clock.advance(out)
                for _ in range(4):
                    running.client().sends(GET)
                self.assertEqual(len(running.peers["a:1"].connections), 1 + count, via)

    def test_streams(self) -> None:
        """And with connections that are passed on."""
        running = run(stream(81).proxy_to(upstream("db", "a:1", "b:1")))
        peers = running.peers
        peers["a:1"].dies()
        running.client(), running.client()
        peers["a:1"].accepts()
        running.clock.advance(1)
        running.client(), running.client()
        refused = len(peers["a:1"].connections)
        running.clock.advance(0.1)
        for _ in range(4):
            running.client()
        self.assertEqual(refused, 1)
        self.assertGreater(len(peers["a:1"].connections), refused)


class ProbeTests(SynchronousTestCase):
    """Which request tries a peer that took a request and failed."""

    def closed(self, config: Upstream | Server) -> Running:
        """A proxy of which the first peer has closed its first connection unanswered, a second ago."""
        running = answering(config, "b:1")
        running.client().sends(GET)
        running.peers["a:1"].closes()
        self.assertEqual(running.exchanges[-1].status, 200)
        running.clock.advance(1.1)
        return running

    def posts(self, running: Running, count: int = 4) -> str:
        """Which peers are tried by so many requests of POST."""
        for _ in range(count):
            running.client().sends(post(b"body"))
        return " ".join("".join(name[0] for name, _ in each.peers) for each in running.exchanges[-count:])

    def test_post(self) -> None:
        """Not a POST, which would be lost: it goes to a peer that is usable, and a GET tries the other one."""
        running = self.closed(two())
        self.assertEqual(self.posts(running), "b b b b")
        running.peers["a:1"].answers(200, b"ok")
        self.assertIn("a", asked(running, 3).split())
        self.assertIn("a", self.posts(running))

    def test_repeatable(self) -> None:
        """A POST that may be sent twice is as good as a GET."""
        running = self.closed(retrying(non_idempotent=True))
        running.peers["a:1"].answers(200, b"ok")
        self.assertIn("a", self.posts(running))

    def test_no_more_tries(self) -> None:
        """A GET that may not be tried again tries no peer that failed."""
        running = answering(server(80).location("/").retry(1).proxy_to(two()), "b:1")
        running.client().sends(GET)
        running.peers["a:1"].closes()
        running.clock.advance(1.1)
        self.assertEqual(asked(running, 4), "b b b b")

    def test_long_bodies(self) -> None:
        """Nor does a request whose body is too long to be kept."""
        running = self.closed(retrying())
        for size, asks in ((64 * 1024 + 1, False), (64 * 1024, True)):
            for _ in range(3):
                running.client().sends(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
            self.assertEqual(len(running.peers["a:1"].connections), 1 + asks)

    def test_nobody_else(self) -> None:
        """If none but such requests come for a further fail_timeout, one of them tries the peer."""
        running = self.closed(two())
        running.peers["a:1"].answers(200, b"ok")
        running.clock.advance(9.8)
        self.assertEqual(self.posts(running), "b b b b")
        running.clock.advance(0.2)
        self.assertIn("a", self.posts(running))

    def test_no_other_peer(self) -> None:
        """If no other peer is usable, any request tries it."""
        running = run(upstream("app", "a:1", peer("b:1", max_conns=1)))
        running.client().sends(GET)
        running.peers["a:1"].closes()
        running.clock.advance(1.1)
        running.client().sends(post(b"body"))
        self.assertEqual(running.peers["a:1"].requests[-1].body, b"body")

    def test_two(self) -> None:
        """Of several peers that failed none is tried by such a request."""
        running = answering(upstream("app", "a:1", "b:1", "c:1"), "c:1")
        for name in ("a:1", "b:1"):
            running.client().sends(GET)
            running.peers[name].closes()
        running.clock.advance(1.1)
        self.assertEqual(self.posts(running), "c c c c")

    def test_refused(self) -> None:
        """A peer that refused the connection may be tried by any request: if it refuses again, nothing was sent."""
        running = answering(two(), "a:1", "b:1")
        brief(running, "a:1")
        running.clock.advance(1.1)
        self.assertIn("a", self.posts(running))
        running.peers["a:1"].dies()
        self.posts(running)
        running.clock.advance(1.1)
        self.assertIn("ab", self.posts(running).split())
        self.assertEqual({each.status for each in running.exchanges}, {200})


class FailedTests(SynchronousTestCase):
    """Peers that failed are asked before a client is answered with an error."""

    def three(self, **backup: bool) -> Running:
        """Three peers, of which two have failed one after the other, and are well again."""
        running = answering(upstream("app", "a:1", "b:1", peer("c:1", **backup)), "a:1", "b:1", "c:1")
        for name in ("a:1", "b:1"):
            running.peers[name].dies()
            asked(running, 3)
            running.peers[name].accepts()
            running.clock.advance(0.25)
        self.assertEqual(asked(running, 2), "c c")
        return running

    def test_in_turn(self) -> None:
        """When the last one fails too, one that failed before it is asked, and is up again at once."""
        running = self.three()
        running.peers["c:1"].dies()
        self.assertEqual(asked(running, 1), "cb")
        self.assertEqual(running.exchanges[-1].status, 200)
        # Now that another is up, the next failure of c takes it out.
        self.assertEqual(sorted(asked(running, 4).split()), ["b", "b", "b", "cb"])

    def test_backup(self) -> None:
        """A backup that fails as the last one sends the request back to the others."""
        running = self.three(backup=True)
        running.peers["c:1"].dies()
        self.assertEqual(asked(running, 1), "cb")
        self.assertEqual(asked(running, 1), "b")

    def test_failed_backup(self) -> None:
        """A backup that failed is asked too, after the others."""
        running = answering(upstream("app", "a:1", peer("b:1", backup=True), peer("c:1", backup=True)), "b:1", "c:1")
        for name in ("a:1", "b:1", "c:1"):
            running.peers[name].dies()
        self.assertEqual(asked(running, 1), "abc")
        running.clock.advance(1)
        running.peers["b:1"].accepts()
        self.assertEqual(asked(running, 1), "cab")
        self.assertEqual(running.exchanges[-1].status, 200)

    def test_one_after_the_other(self) -> None:
        """Each is asked once, then the client is answered 502."""
        running = self.three()
        for name in ("a:1", "b:1", "c:1"):
            running.peers[name].dies()
        self.assertEqual(asked(running, 2), "cba cba")
        self.assertEqual([each.status for each in running.exchanges[-2:]], [502, 502])

    def test_fails_again(self) -> None:
        """One that fails again is passed over from then on."""
        running = self.three()
        for name in ("a:1", "b:1", "c:1"):
            running.peers[name].dies()
        asked(running, 1)
        for name in ("a:1", "b:1", "c:1"):
            running.peers[name].accepts()
        self.assertEqual(asked(running, 1), "c")
        running.clock.advance(0.9)
        self.assertEqual(asked(running, 3), "c c c")
        running.clock.advance(0.2)
        self.assertIn("a", asked(running, 8))

    def test_left_alone_again(self) -> None:
        """A peer of whose probe the client did not await the end is left alone for its time, and is asked then."""
        running = self.three()
        running.peers["c:1"].dies()
        running.peers["b:1"].waits()
        client = running.client()
        client.sends(GET)
        client.closes()
        self.assertEqual([name for name, _ in running.exchanges[-1].peers], ["c:1", "b:1"])
        running.peers["b:1"].answers(200, b"ok")
        running.peers["c:1"].accepts()
        running.clock.advance(10.1)
        self.assertEqual(sorted(set(asked(running, 12).split())), ["a", "b", "c"])

    def test_down(self) -> None:
        """One that is down is not asked."""
        running = answering(upstream("app", "a:1", peer("b:1", down=True)), "b:1")
        running.peers["a:1"].dies()
        self.assertEqual(asked(running, 2), "a a")

    def test_full(self) -> None:
        """One with as many connections as max_conns allows is not asked, failed or not."""
        running = run(upstream("app", peer("a:1", max_conns=1), "b:1"))
        running.client().sends(GET)
        running.peers["b:1"].dies()
        running.peers["a:1"].resets()
        running.peers["a:1"].waits()
        self.assertEqual(running.exchanges[-1].status, 502)
        running.clock.advance(1)
        running.client().sends(GET)
        self.assertEqual(len(running.peers["a:1"].requests), 2)
        self.assertEqual(asked(running, 1), "b")

    def test_post_not_sent(self) -> None:
        """A request of any method goes there, since none of it was sent."""
        running = self.three()
        running.peers["c:1"].dies()
        running.client().sends(post(b"body"))
        self.assertEqual([name for name, _ in running.exchanges[-1].peers], ["c:1", "b:1"])
        self.assertEqual(running.peers["b:1"].requests[-1].body, b"body")

    def test_hash(self) -> None:
        """The strategy chooses among them: a key comes to its own peer."""
        running = run(upstream("app", hash_by(header("x-key")), "a:1", "b:1", "c:1"))
        for name in ("a:1", "b:1", "c:1"):
            running.peers[name].answers(200, name.encode())
        client, peers = running
        homes = {key: client.request("GET", "/", {"x-key": key}).text for key in "abcdefgh"}
        self.assertGreater(len(set(homes.values())), 2)
        for name in homes.values():
            peers[name].dies()
        client.request("GET")
        for name in homes.values():
            peers[name].accepts()
        last = client.request("GET").text
        peers[last].dies()
        for key, home in homes.items():
            if home != last:
                self.assertEqual(client.request("GET", "/", {"x-key": key}).text, home)
                return

    def test_all_come_back(self) -> None:
        """When all have failed and one is well again, the next request finds it."""
        running = answering(upstream("app", "a:1", "b:1", "c:1"), "a:1", "b:1", "c:1")
        for name in ("a:1", "b:1", "c:1"):
            running.peers[name].dies()
        asked(running, 4)
        for name in ("a:1", "b:1", "c:1"):
            running.clock.advance(1)
            running.peers[name].accepts()
            running.client().sends(GET)
            self.assertEqual(running.exchanges[-1].status, 200)
            self.assertEqual(running.exchanges[-1].peers[-1][0], name)
            running.peers[name].dies()

    def test_stream(self) -> None:
        """So it is with connections that are passed on."""
        config = stream(81).proxy_to(upstream("db", "a:1", "b:1"))
        running = run(config)
        running.peers["a:1"].dies()
        running.client().sends(b"1")
        running.client().sends(b"2")
        running.peers["a:1"].accepts()
        running.peers["b:1"].dies()
        running.clock.advance(1)
        client = running.client()
        client.sends(b"3")
        self.assertEqual(running.peers["a:1"].connections[-1].received, b"3")


class GivenTests(SynchronousTestCase):
    """What the configuration says of a peer."""

    def test_down(self) -> None:
        """A peer that is down is never asked."""
        running = answering(upstream("app", "a:1", peer("b:1", down=True), "c:1"), "a:1", "b:1", "c:1")
        self.assertEqual(asked(running, 4), "a c a c")

    def test_weight(self) -> None:
        """A weight is so many shares, smoothly (nginx: 5, 1, 1 gives a a b a c a a)."""
        running = answering(upstream("app", peer("a:1", weight=5), "b:1", "c:1"), "a:1", "b:1", "c:1")
        self.assertEqual(asked(running, 7), "a a b a c a a")

    def test_backup(self) -> None:
        """A backup is asked only while no other peer can be."""
        running = answering(upstream("app", "a:1", peer("b:1", backup=True)), "a:1", "b:1")
        self.assertEqual(asked(running, 3), "a a a")
        running.peers["a:1"].dies()
        self.assertEqual(asked(running, 3), "ab b b")
        running.peers["a:1"].accepts()
        running.clock.advance(10.1)
        self.assertEqual(asked(running, 3), "a a a")

    def test_hash(self) -> None:
        """A key keeps its peer, and another takes over while that fails."""
        running = run(upstream("app", hash_by(header("x-key")), "a:1", "b:1", "c:1"))
        for name in ("a:1", "b:1", "c:1"):
            running.peers[name].answers(200, name.encode())
        client, peers = running
        first = client.request("GET", "/", {"x-key": "k"}).text
        self.assertEqual({client.request("GET", "/", {"x-key": "k"}).text for _ in range(5)}, {first})
        peers[first].dies()
        second = client.request("GET", "/", {"x-key": "k"}).text
        self.assertNotEqual(first, second)


class LoadTests(SynchronousTestCase):
    """What is under way."""

    def test_least_conn(self) -> None:
        """The next request goes where fewest are under way."""
        running = run(upstream("app", least_conn(), "a:1", "b:1"))
        clients = [running.client() for _ in range(4)]
        for client in clients:
            client.sends(GET)
        self.assertEqual([len(running.peers[name].connections) for name in ("a:1", "b:1")], [2, 2])
        for connection in running.peers["b:1"].connections:
            connection.sends(OK)
        for client in (running.client(), running.client()):
            client.sends(GET)
        self.assertEqual([len(running.peers[name].requests) for name in ("a:1", "b:1")], [2, 4])

    def test_max_conns(self) -> None:
        """A peer that is full is passed over."""
        running = run(upstream("app", peer("a:1", max_conns=1), "b:1"))
        for _ in range(3):
            running.client().sends(GET)
        self.assertEqual([len(running.peers[name].requests) for name in ("a:1", "b:1")], [1, 2])

    def test_all_full(self) -> None:
        """Where all are full the client is told 502, as by nginx, which has no queue."""
        running = run(upstream("app", peer("a:1", max_conns=1)))
        running.client().sends(GET)
        client = running.client()
        client.sends(GET)
        self.assertEqual(client.responses[0].status, 502)
        self.assertEqual(running.exchanges[0].cause, "no_live_peers")
        running.peers["a:1"].sends(OK)
        client.sends(GET)
        self.assertEqual(len(running.peers["a:1"].requests), 2)

    def test_room_again(self) -> None:
        """However an attempt ends, its place is free again."""
        running = run(upstream("app", peer("a:1", max_conns=1, max_fails=0)))
        peers = running.peers
        client = running.client()
        client.sends(GET)
        peers["a:1"].sends(OK)
        client.sends(GET)
        client.closes()
        client = running.client()
        client.sends(GET)
        peers["a:1"].closes()
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
        peers["a:1"].resets()
        client = running.client()
        peers["a:1"].times_out()
        client.sends(GET)
        running.clock.advance(5)
        peers["a:1"].dies()
        client.sends(GET)
        peers["a:1"].accepts()
        client.sends(get("/last"))
        self.assertEqual(peers["a:1"].requests[-1].target, "/last")
