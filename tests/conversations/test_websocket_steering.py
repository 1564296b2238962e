"""Conversations: peers that answer a request for a WebSocket with X-Accel-Redirect."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import named, server
from pydsl_proxy.config.servers import Server
from pydsl_proxy.testing import Client, Peers, Running, run
from tests.conversations.test_websocket import grant
from tests.support.messages import answer
from tests.support.websockets import ASK, TEXT, frame, frames_in

INSIDE = (
    server(80)
    .location("/inside").internal().respond(200, "inner")
    .location("/chat").internal().websocket_to("b:1")
    .location(named("login")).respond(401, "who?")
)  # fmt: skip
#: A bridge's peer steers as a tunnel's.
SITES = (INSIDE.location("/").websocket_to("a:1"), INSIDE.location("/").websocket_to("a:1", tunnel=True))
IGNORING = INSIDE.location("/").ignore_response_header("X-Accel-Redirect").websocket_to("a:1")


def refused(site: Server, *fields: str, target: str = "/inside") -> tuple[Client, Peers, Running]:
    """A client whose request for a WebSocket a peer has answered with a redirect."""
    running = run(site)
    client, peers = running
    client.sends(ASK)
    peers["a:1"].takes()
    peers["a:1"].sends(answer(b"x", "200 OK", f"X-Accel-Redirect: {target}", *fields))
    return client, peers, running


class SteeringTests(SynchronousTestCase):
    """What the client is answered then."""

    def test_inside(self) -> None:
        """The client has the answer of the other location, with the cookies of the peer."""
        for site in SITES:
            client, _, running = refused(site, "Set-Cookie: a=1")
            taken = client.takes()
            self.assertIn(b"HTTP/1.1 200 OK\r\n", taken)
            self.assertIn(b"Set-Cookie: a=1", taken)
            self.assertTrue(taken.endswith(b"\r\n\r\ninner"))
            [ended] = running.exchanges
            self.assertEqual((ended.status, ended.peers), (200, (("a:1", 200),)))

    def test_named(self) -> None:
        """To a named location, too; to what is no path it is the peer's fault."""
        for site in SITES:
            client, *_ = refused(site, target="@login")
            self.assertEqual(client.takes()[:12], b"HTTP/1.1 401")
            client, _, running = refused(site, target="no path")
            self.assertEqual(client.takes()[:12], b"HTTP/1.1 502")
            self.assertEqual(running.exchanges[0].cause, "bad_redirect")

    def test_elsewhere(self) -> None:
        """Another peer may grant it."""
        for site in SITES:
            client, peers, running = refused(site, target="/chat")
            peers["b:1"].sends(grant(peers["b:1"].takes()) + frame(TEXT, b"hello"))
            head, _, rest = client.takes().partition(b"\r\n\r\n")
            self.assertEqual((head[:12], frames_in(rest)), (b"HTTP/1.1 101", [(TEXT, b"hello", True)]))
            client.sends(frame(TEXT, b"you", masked=True))
            self.assertEqual(frames_in(peers["b:1"].takes()), [(TEXT, b"you", True)])
            client.closes()
            self.assertEqual(running.exchanges[0].peers, (("a:1", 200), ("b:1", 101)))

    def test_ignored(self) -> None:
        """Not where the field is ignored."""
        client, *_ = refused(IGNORING)
        self.assertTrue(client.takes().endswith(b"\r\n\r\nx"))
