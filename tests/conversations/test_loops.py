"""Conversations: requests that come through the proxy again and again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http2, server, upstream
from pydsl_proxy.testing import run
from tests.support.messages import GET, get
from tests.support.places import place
from tests.support.websockets import ASK

HOP = "CDN-Loop: pydsl_proxy"


class LoopTests(SynchronousTestCase):
    """RFC 8586: a proxy adds itself to CDN-Loop, and finds itself there."""

    def test_added(self) -> None:
        """A peer is sent the field, after those that the client sent."""
        running = run(place().proxy_to("a:1"))
        running[0].sends(get("/", "CDN-Loop: other; a=1, pydsl_proxy"))
        told = running.peers["a:1"].requests[0].headers
        self.assertEqual(told.all("cdn-loop"), ["other; a=1, pydsl_proxy", "pydsl_proxy"])

    def test_circle(self) -> None:
        """A peer that is the proxy itself is asked ten times, then the answer is 508."""
        running = run(place().proxy_to("a:1"))
        fields: list[str] = []
        for count in range(10):
            client = running.client()
            client.sends(get("/", *fields))
            self.assertEqual(len(running.peers["a:1"].requests), count + 1)
            fields = [f"CDN-Loop: {each}" for each in running.peers["a:1"].requests[-1].headers.all("cdn-loop")]
        client = running.client()
        client.sends(get("/", *fields))
        self.assertEqual(client.responses[0].status, 508)
        self.assertEqual((running.exchanges[0].status, running.exchanges[0].cause), (508, "loop_detected"))
        self.assertEqual(len(running.peers["a:1"].requests), 10)

    def test_members(self) -> None:
        """Members of one line count as those of many; other proxies' do not, nor names that are only alike."""
        ours = ", ".join(["pydsl_proxy;v=1", "PYDSL_PROXY"] * 5)
        others = ", ".join(["other", "pydsl_proxy2", "x-pydsl_proxy"] * 10)
        for value, status in ((ours, 508), (ours[:-13], 200), (others, 200)):
            client, peers = run(place().proxy_to("a:1"))
            peers["a:1"].answers(200)
            client.sends(get("/", f"CDN-Loop: {value}"))
            self.assertEqual(client.responses[0].status, status)

    def test_kept_connection(self) -> None:
        """The client's connection goes on; what is refused is refused each time."""
        client, peers = run(place().proxy_to("a:1"))
        peers["a:1"].answers(200)
        for _ in range(3):
            client.sends(get("/", *[HOP] * 10))
            client.sends(GET)
        self.assertEqual([each.status for each in client.responses], [508, 200] * 3)

    def test_http2_peer(self) -> None:
        """Peers of HTTP/2 are sent it too."""
        running = run(upstream("app", "a:1", via=http2()))
        running[0].sends(GET)
        self.assertEqual(running.peers["a:1"].requests[0].headers.all("cdn-loop"), ["pydsl_proxy"])

    def test_turned_off(self) -> None:
        """Where the field is removed none is added; where it is set, what is set is sent."""
        for config, sent in (
            (place().remove_request_header("CDN-Loop").proxy_to("a:1"), []),
            (server(80).set_request_header("CDN-Loop", "mine").location("/").proxy_to("a:1"), ["mine"]),
        ):
            client, peers = run(config)
            client.sends(get("/", HOP))
            self.assertEqual(peers["a:1"].requests[0].headers.all("cdn-loop"), sent)

    def test_websocket(self) -> None:
        """So is the request of a WebSocket."""
        client, peers = run(place().proxy_to("a:1", websocket="tunnel"))
        client.sends(ASK)
        self.assertIn(b"\r\nCDN-Loop: pydsl_proxy\r\n", peers["a:1"].takes())
