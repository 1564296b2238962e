"""Conversations: requests for WebSockets and the health of peers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import server, upstream
from pydsl_proxy.config.servers import Server
from pydsl_proxy.testing import Client, Running, run
from tests.conversations.test_websocket import grant
from tests.support.messages import GET
from tests.support.websockets import ASK, TEXT, frame, frames_in

APP = upstream("app", "a:1", "b:1")
#: The ways to a peer that speaks WebSocket.
SITES: tuple[Server, ...] = (
    server(80).location("/").websocket_to(APP),
    server(80).location("/").websocket_to(APP, tunnel=True),
    server(80).location("/").proxy_to(APP, websocket="tunnel"),
)


def granted(running: Running) -> tuple[str, Client]:
    """A WebSocket that is granted by the peer that is asked for it, and the name of that peer."""
    before = {name: len(running.peers[name].connections) for name in ("a:1", "b:1")}
    client = running.client()
    client.sends(ASK)
    [name] = [name for name, count in before.items() if len(running.peers[name].connections) > count]
    running.peers[name].sends(grant(running.peers[name].takes()) + frame(TEXT, name.encode()))
    head, _, rest = client.takes().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    assert frames_in(rest) == [(TEXT, name.encode(), True)]
    return name[0], client


def asked(running: Running, count: int) -> str:
    """Which peers grant so many WebSockets, all of which stay open."""
    return "".join(granted(running)[0] for _ in range(count))


def refused(site: Server) -> Running:
    """A proxy whose first peer has refused one WebSocket, which the second one has granted, and accepts again."""
    running = run(site)
    running.peers["a:1"].refuses()
    name, client = granted(running)
    assert name == "b"
    running.peers["a:1"].accepts()
    client.closes()
    [ended] = running.exchanges
    assert ended.peers == (("a:1", 502), ("b:1", 101)), ended.peers
    return running


class RefusedTests(SynchronousTestCase):
    """A peer that refuses the connection for a WebSocket has failed briefly, and the next one is asked."""

    def test_brief(self) -> None:
        """It is passed over for a second, and not for fail_timeout."""
        for site in SITES:
            running = refused(site)
            running.clock.advance(1)
            self.assertEqual(asked(running, 4), "bbbb")
            running.clock.advance(0.1)
            self.assertIn("a", asked(running, 3))

    def test_back(self) -> None:
        """It is up as soon as it has granted one, and as if it had never failed: the next refusal is brief, too."""
        for site in SITES:
            running = refused(site)
            running.clock.advance(1.1)
            asked(running, 3)
            self.assertEqual(sorted(asked(running, 4)), ["a", "a", "b", "b"])
            running.peers["a:1"].refuses()
            self.assertEqual(asked(running, 2), "bb")
            running.peers["a:1"].accepts()
            running.clock.advance(1.1)
            self.assertIn("a", asked(running, 3))

    def test_refuses_again(self) -> None:
        """The WebSocket that tries it goes to the next peer as well if it still refuses, which makes it two seconds."""
        for site in SITES:
            running = run(site)
            running.peers["a:1"].dies()
            self.assertEqual(asked(running, 2), "bb")
            running.clock.advance(1.1)
            self.assertEqual(asked(running, 3), "bbb")
            running.peers["a:1"].accepts()
            running.clock.advance(2)
            self.assertEqual(asked(running, 4), "bbbb")
            running.clock.advance(0.1)
            self.assertIn("a", asked(running, 3))

    def test_closes(self) -> None:
        """One that closes the connection before it answers is as one that refuses."""
        for site in SITES:
            running = run(site)
            client = running.client()
            client.sends(ASK)
            running.peers["a:1"].closes()
            running.peers["b:1"].sends(grant(running.peers["b:1"].takes()))
            self.assertTrue(client.takes().startswith(b"HTTP/1.1 101 "))
            running.clock.advance(1)
            self.assertEqual(asked(running, 3), "bbb")
            running.clock.advance(0.1)
            self.assertIn("a", asked(running, 3))

    def test_other_requests(self) -> None:
        """What a WebSocket has found counts for other requests, and the other way round."""
        site = server(80).location("/ws").websocket_to(APP).location("/").proxy_to(APP)
        running = refused(site)
        for name in ("a:1", "b:1"):
            running.peers[name].answers(200, b"ok")
        for advance, peers in ((1.0, {"b:1"}), (0.1, {"a:1", "b:1"})):
            running.clock.advance(advance)
            for _ in range(4):
                running.client().sends(GET)
            self.assertEqual({each.peers[-1][0] for each in running.exchanges[-4:]}, peers)


class OpenTests(SynchronousTestCase):
    """A WebSocket that was granted says nothing more about its peer."""

    def test_breaks_off(self) -> None:
        """A peer that resets one is not passed over."""
        for site in SITES:
            running = run(site)
            self.assertEqual(asked(running, 1), "a")
            running.peers["a:1"].resets()
            self.assertEqual(sorted(asked(running, 4)), ["a", "a", "b", "b"])
