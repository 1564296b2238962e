"""Tests of the handler that gives requests to a resource of twisted.web."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, cast

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import Resource
from twisted.web.wsgi import WSGIResource

from pydsl_proxy import build, exact, http, regex, server
from pydsl_proxy.config.matching import Match
from pydsl_proxy.handlers.resource.handler import Mount, segments_below
from pydsl_proxy.testing import run
from tests.support.pages import Page, at, later, mounted
from tests.support.reading import Reader
from tests.support.recording import RecordedExchange

if TYPE_CHECKING:
    from twisted.internet.address import IPv4Address
    from twisted.internet.epollreactor import EPollReactor

    from pydsl_proxy.interfaces import Exchange


class PathTests(SynchronousTestCase):
    """Where in its own tree of resources a request arrives."""

    def paths(self, match: str | Match, target: str) -> tuple[list[bytes] | None, list[bytes] | None] | int:
        """What is above and below the resource, or the status if the resource is not asked."""
        running, page = mounted(lambda request: b"", match)
        response = running[0].request("GET", target)
        return (page.requests[0].prepath, page.requests[0].postpath) if page.requests else response.status

    def test_below_the_location(self) -> None:
        """The resource stands at the location, as the child of a Site's root that it would otherwise be."""
        for match, target, above, below in (
            ("/", "/", [], [b""]),
            ("/", "/a/b?c", [], [b"a", b"b"]),
            ("/app/", "/app/", [b"app"], [b""]),
            ("/app/", "/app/a/b/", [b"app"], [b"a", b"b", b""]),
            ("/app", "/app", [b"app"], []),
            ("/app", "/app/a", [b"app"], [b"a"]),
            ("/a/b/", "/a/b/c", [b"a", b"b"], [b"c"]),
            (exact("/app"), "/app", [b"app"], []),
            (regex("^/a"), "/app/a", [], [b"app", b"a"]),
        ):
            self.assertEqual(self.paths(match, target), (above, below))

    def test_normalised(self) -> None:
        """The path is the one that chose the location, so that no other location's rules are passed by."""
        self.assertEqual(self.paths("/app/", "/x/../app//./a%20b"), ([b"app"], [b"a b"]))
        self.assertEqual(self.paths("/app/", "/x%2f..%2fapp/a%2Fb"), ([b"app"], [b"a", b"b"]))

    def test_escaped_slash(self) -> None:
        """An escaped slash below the location stays within its segment, as in a Site."""
        self.assertEqual(self.paths("/app/", "/app/a%2Fb/c"), ([b"app"], [b"a/b", b"c"]))

    def test_beside_the_location(self) -> None:
        """A plain prefix matches beyond its last segment; that is no path below it."""
        self.assertEqual(self.paths("/app", "/apple"), 404)

    def test_children(self) -> None:
        """The tree is traversed from there."""
        root = Resource()
        root.putChild(b"", Page(lambda request: b"index"))
        root.putChild(b"page", Page(lambda request: request.prePathURL()))
        client, _ = run(at("/app/").mount(root))
        self.assertEqual(client.request("GET", "/app/").body, b"index")
        page = client.request("GET", "/app/page", {"Host": "example.com:8080"})
        self.assertEqual(page.body, b"http://example.com:8080/app/page")

    def test_rewritten(self) -> None:
        """A step that rewrote the target has the last word, also on whether the prefix is still there."""
        for target, below in (
            (b"/app/b/../c?d", ([b"app"], [b"c"])),
            (b"/c/d", ([], [b"c", b"d"])),
            (b"/apple", ([], [b"apple"])),
        ):
            exchange = RecordedExchange(b"/app/a")
            exchange.peer_target = target
            self.assertEqual(segments_below(cast("Exchange", exchange), [b"app"]), below)

    def test_all_of_a_server(self) -> None:
        """``OPTIONS *`` is answered as a Site does."""
        self.assertEqual(mounted(later)[0][0].request("OPTIONS", "*").status, 200)


def application(environ: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
    """A WSGI application that tells what it was asked, and raises in the middle of its answer to ``/raise``."""
    body = cast("IO[bytes]", environ["wsgi.input"]).read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield f"{environ['REQUEST_METHOD']} {environ['SCRIPT_NAME']} {environ['PATH_INFO']} ".encode()
    if environ["PATH_INFO"] == "/raise":
        raise ValueError
    yield b"%b %d" % (body[:3], len(body))


class WSGITests(TestCase):
    """A WSGI application in threads, over sockets."""

    async def ask(self, path: str, body: bytes) -> bytes:
        """The response to a POST, up to the close."""
        from twisted.internet import reactor as installed

        reactor = cast("EPollReactor", installed)
        pool = ThreadPool(1, 1)
        pool.start()
        self.addCleanup(pool.stop)
        resource = WSGIResource(reactor, pool, application)
        proxy = http(server("tcp:0:interface=127.0.0.1").location("/app/").mount(resource), access_log=None)
        service = build(proxy, reactor)
        await service.startService()
        self.addCleanup(service.stopService)
        [address] = service.addresses.values()
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", cast("IPv4Address", address).port)
        client = await endpoint.connect(Factory.forProtocol(Reader))
        assert isinstance(client, Reader) and client.transport is not None
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        client.transport.write(head.encode() + body)
        return await client.done

    async def test_answers(self) -> None:
        """It finds the location in SCRIPT_NAME, and the whole body, from a file if it is large."""
        received = await self.ask("/app/a%20b", b"abc" * 100_000)
        self.assertTrue(received.endswith(b"\r\n\r\nf\r\nPOST /app /a b \r\na\r\nabc 300000\r\n0\r\n\r\n"), received)

    async def test_raises(self) -> None:
        """A response that it breaks off is broken off for the client."""
        received = await self.ask("/app/raise", b"")
        self.assertTrue(received.endswith(b"\r\n\r\n11\r\nPOST /app /raise \r\n"), received)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class MountTests(SynchronousTestCase):
    """The config value."""

    def test_verb(self) -> None:
        """The code that made it."""
        page = Page(later)
        self.assertEqual(Mount(page).as_verb(), f"mount({page!r})")
        self.assertEqual(Mount(page), Mount(page))
