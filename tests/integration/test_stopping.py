"""SIGTERM: what is under way is completed, and nothing new begins."""

from __future__ import annotations

from signal import SIGTERM
from time import monotonic

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import RawClient, fetch
from tests.integration.support import (
    PATIENCE,
    STOPS_WITHIN,
    Program,
    free_port,
    listens,
    proxy,
    python_peer,
    shared,
    wait_until,
)


def peer() -> Program:
    """The peer with ``/wait``."""
    return python_peer()


class StoppingTests(SynchronousTestCase):
    """A proxy that is told to stop while clients are there."""

    def started(self, grace: float) -> Program:
        """A proxy that gives exchanges *grace* seconds to end."""
        port = free_port()
        config = f"""
from pydsl_proxy import http, server, upstream

app = upstream("app", "127.0.0.1:{shared(peer).port}")
web = server("tcp:{port}:interface=127.0.0.1").location("/").proxy_to(app)
proxy = http(web, access_log=None, shutdown_grace={grace})
"""
        program = proxy(config, port)
        self.addCleanup(program.stop)
        return program

    def client(self, program: Program, path: str) -> RawClient:
        """A client that has sent its request."""
        client = RawClient(program.address)
        self.addCleanup(client.close)
        client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return client

    def waiting(self, program: Program, seconds: float) -> RawClient:
        """A client whose request has come to the peer, which answers after *seconds*."""
        before = self.at_peer()
        client = self.client(program, f"/wait/{seconds}")
        wait_until(lambda: self.at_peer() > before, PATIENCE, "the request to come to the peer")
        return client

    def at_peer(self) -> int:
        """How many requests the peer is to answer."""
        return int(fetch(shared(peer).port, "/waiting").body)

    def test_drains(self) -> None:
        """An exchange under way is completed and told to be the last; idle clients are closed, new ones refused."""
        program = self.started(20)
        idle = self.client(program, "/hello")
        self.assertEqual(idle.response().status, 200)
        waiting = self.waiting(program, 1.5)
        program.signal(SIGTERM)
        wait_until(lambda: not listens(program.address), PATIENCE, "the port to be closed")
        self.assertEqual(idle.rest(), b"")
        answer = waiting.response()
        self.assertEqual((answer.status, answer.body), (200, b"waited\n"))
        self.assertEqual(answer.fields["connection"], "close")
        self.assertEqual(waiting.rest(), b"")
        self.assertEnded(program.wait(STOPS_WITHIN))

    def test_grace(self) -> None:
        """What is not done within the grace is answered with 503, so that the process ends."""
        program = self.started(0.5)
        waiting = self.waiting(program, 60)
        start = monotonic()
        program.signal(SIGTERM)
        self.assertEnded(program.wait(STOPS_WITHIN))
        self.assertGreater(monotonic() - start, 0.4)
        answer = waiting.response()
        self.assertEqual((answer.status, answer.fields["connection"]), (503, "close"))
        # No peer is blamed for it.
        self.assertNotIn("upstream", program.output())

    def test_restart(self) -> None:
        """The port is free for the next one at once."""
        program = self.started(0)
        self.assertEqual(self.client(program, "/hello").response().status, 200)
        program.signal(SIGTERM)
        self.assertEnded(program.wait(STOPS_WITHIN))
        program.restart()
        self.assertEqual(self.client(program, "/hello").response().status, 200)

    def assertEnded(self, code: int) -> None:
        """The process has ended in order: ``twist`` ends itself by the signal that stopped it, as a shell expects."""
        self.assertIn(code, (0, -SIGTERM))
