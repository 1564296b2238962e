"""Tests of what a mounted resource sees."""

from __future__ import annotations

from twisted.internet.interfaces import IPullProducer
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from pydsl_proxy.handlers.resource.handler import Mount
from pydsl_proxy.testing import Running, run
from tests.support.pages import GET, Page, Source, at, later, mounted


class SessionTests(SynchronousTestCase):
    """Sessions are those of a Site."""

    def test_session(self) -> None:
        """The session that a cookie names is found again."""
        page = Page(lambda request: bytes(request.getSession().uid))
        running = run(at("/app/").handle(Mount(page)))
        client = running.client()
        first = client.request("GET", "/app/")
        cookie = first.headers["Set-Cookie"].partition(";")[0]
        self.assertTrue(cookie.startswith("TWISTED_SESSION_app="))
        self.assertEqual(client.request("GET", "/app/", {"Cookie": cookie}).body, first.body)
        running.clock.advance(901)
        self.assertNotEqual(running.client().request("GET", "/app/", {"Cookie": cookie}).body, first.body)


@implementer(IPullProducer)
class Pieces:
    """A pull producer of a number of pieces."""

    def __init__(self, request: Request, size: int, count: int) -> None:
        self.request = request
        self.size = size
        self.left = count
        self.stopped = False

    def resumeProducing(self) -> None:
        """The next piece; the last one raises if there are too few."""
        if not self.left:
            raise ValueError("no more")
        self.left -= 1
        self.request.write(b"x" * self.size)
        if not self.left:
            self.request.unregisterProducer()
            self.request.finish()

    def stopProducing(self) -> None:
        """The client is gone."""
        self.stopped = True


class ProducerTests(SynchronousTestCase):
    """Producers keep the pace of the client."""

    def test_push(self) -> None:
        """A push producer is paused when the client does not read, resumed when it does, stopped when it leaves."""
        running, page = mounted(later)
        client = running[0]
        client.sends(GET)
        source = Source()
        page.requests[0].registerProducer(source, True)
        client.stops_reading()
        page.requests[0].write(b"x" * 100)
        page.requests[0].write(b"x" * 1_000_000)
        running.clock.settle()
        self.assertEqual(source.told, ["pause"])
        client.reads()
        self.assertEqual(source.told, ["pause", "resume"])
        client.closes()
        self.assertEqual(source.told, ["pause", "resume", "stop"])

    def test_registered_late(self) -> None:
        """One that is registered while the client does not read is told so."""
        running, page = mounted(lambda request: request.write(b"x") or NOT_DONE_YET)
        client = running[0]
        client.stops_reading()
        client.sends(GET)
        page.requests[0].write(b"x" * 1_000_000)
        running.clock.settle()
        source = Source()
        page.requests[0].registerProducer(source, True)
        self.assertEqual(source.told, ["pause"])

    def pulled(self, size: int, count: int, *, reading: bool = True) -> tuple[Running, Pieces]:
        """A page of pieces that is being sent."""
        pieces: list[Pieces] = []

        def render(request: Request) -> int:
            pieces.append(Pieces(request, size, count or 1))
            pieces[0].left = count
            request.registerProducer(pieces[0], False)
            return NOT_DONE_YET

        running = run(at("/").handle(Mount(Page(render))))
        if not reading:
            running[0].stops_reading()
        running[0].sends(GET)
        return running, pieces[0]

    def test_pull(self) -> None:
        """A pull producer is asked for each piece, in turns of the reactor."""
        running, pieces = self.pulled(1000, 3)
        self.assertEqual(pieces.left, 0)
        self.assertEqual(len(running[0].responses[0].body), 3000)

    def test_pull_slowly(self) -> None:
        """A pull producer is not asked while the client does not read."""
        running, pieces = self.pulled(100_000, 50, reading=False)
        for _ in range(50):
            running.clock.advance(0.01)
        self.assertGreater(pieces.left, 40)
        running[0].reads()
        for _ in range(50):
            running.clock.advance(0.01)
        self.assertEqual(len(running[0].responses[0].body), 5_000_000)

    def test_pull_and_leave(self) -> None:
        """A client that leaves stops a pull producer."""
        running, pieces = self.pulled(100_000, 50, reading=False)
        running[0].closes()
        self.assertTrue(pieces.stopped)

    def test_pull_raises(self) -> None:
        """What a pull producer raises ends the response."""
        running, _ = self.pulled(1, 0)
        running.clock.advance(0)
        self.assertEqual(running[0].responses[0].status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
