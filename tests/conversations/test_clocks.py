"""Conversations: the time of day is set, forwards and back, and nothing is waited for longer or shorter."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import access_log, clients, http, peer, stream, upstream
from pydsl_proxy.testing import Running, run
from tests.support.messages import GET, OK
from tests.support.places import TWO, place, tried

JUMPS = (90.0, -3600.0, 3600.0, -600.0)


def set_all(running: Running) -> None:
    """Set the time of day again and again; together it is 510 seconds back."""
    for by in JUMPS:
        running.clock.set_time_of_day(by)
        running.clock.settle()


class SetTests(SynchronousTestCase):
    """What is measured does not change with the time of day."""

    def test_read_timeout(self) -> None:
        """A peer has all of its time, and not more."""
        client, _ = running = run(place().timeouts(read=30).proxy_to("a:1"))
        client.sends(GET)
        running.clock.advance(29)
        set_all(running)
        client.expects(b"")
        running.clock.advance(1)
        self.assertEqual(client.responses[0].status, 504)

    def test_answered_after_it(self) -> None:
        """A request that is under way is answered, and nothing is held against its peer."""
        for by in JUMPS:
            client, peers = running = run(TWO)
            client.sends(GET)
            running.clock.set_time_of_day(by)
            peers["a:1"].sends(OK)
            self.assertEqual(client.responses[0].status, 200)
            for name in ("a:1", "b:1"):
                peers[name].answers(200, b"ok")
            self.assertEqual([self.asked(running) for _ in range(4)], ["b:1", "a:1", "b:1", "a:1"])

    def asked(self, running: Running) -> str:
        """Which peer answers the next request."""
        running.client().request("GET")
        return tried(running)[-1][0]

    def test_failed_peer(self) -> None:
        """A peer that failed is asked again when fail_timeout is over, and not before."""
        for by in JUMPS:
            client, peers = running = run(upstream("app", peer("a:1", fail_timeout=10, weight=5), "b:1"))
            peers["a:1"].dies()
            peers["b:1"].answers(200, b"ok")
            client.request("GET")
            peers["a:1"].answers(200, b"ok")
            peers["a:1"].accepts()
            running.clock.set_time_of_day(by)
            self.assertEqual({self.asked(running) for _ in range(6)}, {"b:1"})
            running.clock.advance(10.1)
            self.assertIn("a:1", {self.asked(running) for _ in range(6)})

    def test_limits(self) -> None:
        """A limit goes on as it was: neither is it empty at once, nor full for an hour."""
        for by in JUMPS:
            client, _ = running = run(place().limit_requests("1/s", burst=1).respond(200))
            self.assertEqual([client.request("GET").status for _ in range(4)], [200, 200, 429, 429])
            running.clock.set_time_of_day(by)
            self.assertEqual(client.request("GET").status, 429)
            running.clock.advance(1)
            self.assertEqual([client.request("GET").status for _ in range(2)], [200, 429])

    def test_keepalive(self) -> None:
        """An idle connection is kept for its time, of clients and of peers."""
        app = upstream("app", "a:1", keepalive_timeout=50)
        config = http(place().proxy_to(app), clients=clients(keepalive_timeout=60))
        for by in JUMPS:
            client, peers = running = run(config)
            peers["a:1"].answers(200, b"ok")
            client.request("GET")
            running.clock.set_time_of_day(by)
            running.clock.advance(49)
            self.assertFalse(peers["a:1"].is_closed)
            running.clock.advance(1)
            self.assertTrue(peers["a:1"].is_closed)
            self.assertFalse(client.is_closed)
            running.clock.advance(10)
            self.assertTrue(client.is_closed)

    def test_stream(self) -> None:
        """An idle connection that is passed on is closed when its time is over."""
        for by in JUMPS:
            client, peers = running = run(stream(81).timeouts(idle=20).proxy_to(upstream("db", "a:1")))
            client.sends(b"1")
            peers["a:1"].takes()
            running.clock.set_time_of_day(by)
            running.clock.advance(19.9)
            self.assertFalse(client.is_closed)
            running.clock.advance(0.1)
            self.assertTrue(client.is_closed)


class ReadTests(SynchronousTestCase):
    """What people read is the time of day."""

    def test_date(self) -> None:
        """The Date field, of a peer's answer that has none and of our own, of files too."""
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "index.html").write_text("here")
        for config in (place().proxy_to("a:1"), place().respond(200), place().serve_files(folder.resolve())):
            client, peers = running = run(config)
            if "a:1" in running.service.peer_addresses:
                peers["a:1"].answers(200)
            running.clock.set_time_of_day(86400)
            client.sends(GET)
            self.assertEqual(client.responses[0].headers["date"], "Mon, 10 Sep 2001 01:46:40 GMT")

    def test_date_of_a_refusal(self) -> None:
        """So is that of a request that cannot be read."""
        client, _ = running = run(place().respond(200))
        running.clock.set_time_of_day(86400)
        client.sends(b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(client.responses[0].status, 400)
        self.assertEqual(client.responses[0].headers["date"], "Mon, 10 Sep 2001 01:46:40 GMT")

    def test_log(self) -> None:
        """The log has the time of day and how long the request took, whatever the time of day did meanwhile."""
        config = http(place().proxy_to("a:1"), access_log=access_log(format="json"))
        client, peers = running = run(config)
        client.sends(GET)
        running.clock.advance(2)
        running.clock.set_time_of_day(-86400)
        peers["a:1"].sends(OK)
        self.assertIn('"time":"2001-09-08T', running.log[0])
        self.assertIn('"duration":2.000', running.log[0])
        self.assertIn('"upstream_response_time":"2.000"', running.log[0])
