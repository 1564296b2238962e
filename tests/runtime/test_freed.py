"""An exchange that is over is freed at once, with its attempts, and does not wait for the garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http2, server, upstream
from pydsl_proxy.config.servers import Server
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.runtime.exchange import Exchange
from pydsl_proxy.runtime.upstream.attempt import Attempt
from pydsl_proxy.testing import Running, run
from tests.support.h2_peer import H2Peer
from tests.support.messages import GET, OK, get, post

APP = upstream("app", "a:1", "b:1")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def living() -> list[object]:
    """All exchanges and attempts that there are."""
    return [each for each in gc.get_objects() if issubclass(type(each), Exchange | Attempt)]


class FreedTests(SynchronousTestCase):
    """On kept connections, whose making has its own objects."""

    def after(self, request: bytes, end: Callable[[Running], None], config: Server | Upstream = APP) -> None:
        """Nothing is left of an exchange after *end*."""
        client, peers = running = run(config)
        for name in ("a:1", "b:1"):
            client.sends(GET)
            peers[name].sends(OK)
        client.takes()
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        before = list(map(id, living()))
        client.sends(request)
        self.assertGreater(len(living()), len(before))
        end(running)
        self.assertEqual([each for each in living() if id(each) not in before], [])
        gc.enable()

    def answered(self, *pieces: bytes) -> Callable[[Running], None]:
        """The peer answers in these pieces."""

        def answer(running: Running) -> None:
            for each in pieces:
                running.peers["a:1"].sends(each)
            self.assertEqual(len(running[0].responses), 3)
            running[0].takes()

        return answer

    def test_answered(self) -> None:
        """A response that is complete at once, one that comes in pieces, and one that breaks off."""
        for request in (GET, post(b"body"), get("/", "Content-Length: 0", method="PUT")):
            self.after(request, self.answered(OK))
            self.after(request, self.answered(OK[:-1], OK[-1:]))
            self.after(request, self.answered(CHUNKED, b"1\r\na\r\n", b"0\r\n\r\n"))

    def test_broken_off(self) -> None:
        """A response that breaks off."""

        def breaks(running: Running) -> None:
            running.peers["a:1"].sends(CHUNKED + b"1\r\na\r\n")
            running.peers["a:1"].closes()
            self.assertTrue(running[0].is_closed)

        self.after(GET, breaks)

    def test_left(self) -> None:
        """A client that leaves, before the response and within it."""
        for begun in (b"", OK[:-1]):

            def leaves(running: Running, begun: bytes = begun) -> None:
                running.peers["a:1"].sends(begun)
                running[0].resets()

            self.after(GET, leaves)

    def test_tried_again(self) -> None:
        """One that was tried at another peer."""

        def fails(running: Running) -> None:
            running.peers["a:1"].sends(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            running.peers["b:1"].sends(OK)
            self.assertEqual(running[0].responses[-1].status, 200)
            running[0].takes()

        self.after(GET, fails, server(80).location("/").retry(on=[503]).proxy_to(APP))


class FirstTests(SynchronousTestCase):
    """The exchange for which a connection was made is freed too, while the connection is kept."""

    def left(self, app: Upstream, answer: Callable[[Running], None]) -> list[object]:
        """What is left of the first exchange on a connection that is kept."""
        gc.collect()
        before = list(map(id, living()))
        running = run(server(80).location("/").proxy_to(app))
        running[0].sends(post(b"body"))
        self.assertGreater(len(living()), len(before))
        answer(running)
        self.assertEqual([each.status for each in running[0].responses], [200])
        self.assertFalse(running.peers["a:1"].is_closed)
        gc.collect()
        return [each for each in living() if id(each) not in before]

    def test_http1(self) -> None:
        """On a connection of HTTP/1.1."""
        self.assertEqual(self.left(APP, lambda running: running.peers["a:1"].sends(OK)), [])

    def test_http2(self) -> None:
        """On a connection of HTTP/2."""

        def answer(running: Running) -> None:
            peer = H2Peer(running.peers["a:1"].connection, {})
            peer.begins(1)
            peer.sends(1, b"ok", end=True)

        self.assertEqual(self.left(upstream("app", "a:1", via=http2()), answer), [])
