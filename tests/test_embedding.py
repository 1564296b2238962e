"""Tests of a proxy as a resource of twisted.web."""

from __future__ import annotations

from io import BytesIO
from itertools import repeat
from typing import TYPE_CHECKING, cast

import attrs
from attrs import frozen
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent, FileBodyProducer, HTTPConnectionPool
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site
from zope.interface.verify import verifyObject

from pydsl_proxy import Http, Server, header, http, server, upstream
from pydsl_proxy.config.servers import as_http
from pydsl_proxy.embedding import ProxyResource, as_resource
from pydsl_proxy.handlers.asgi.lifespan import NotStarted
from pydsl_proxy.testing import Client, Ended, MemoryLoop, Peers
from pydsl_proxy.testing.log import Recorder
from tests.support.asgi_apps import Living
from tests.support.failing import mistake
from tests.support.pages import GET, Page
from tests.support.reading import Reader
from tests.support.websockets import ASK
from tests.support.wsgi_apps import Pieces, answering, body_of

if TYPE_CHECKING:
    from twisted.internet.epollreactor import EPollReactor

    from pydsl_proxy.errors import ProxyError
    from pydsl_proxy.interfaces import BodyReceiver, CompileContext, Exchange, Handle
    from pydsl_proxy.testing import Peer


class Embedded:
    """A Site in memory whose root is a proxy; ``/page`` and what is at *beside* are other resources."""

    def __init__(self, config: Http | Server, beside: Resource | None = None) -> None:
        self.peers = Peers()
        self.loop = MemoryLoop(self.peers)
        self.peers.belong_to(self.loop)
        self.exchanges: list[Ended] = []
        config = attrs.evolve(as_http(config), access_log=Recorder(None, self.exchanges, []))
        self.proxy = as_resource(config, self.loop)
        root: Resource = self.proxy
        if beside is not None:
            root = beside
            root.putChild(b"proxy", self.proxy)
        site = Site(root, parsePOSTFormSubmission=False, reactor=self.loop)
        self.port = self.loop.listenTCP(80, site)
        self.client = Client(self.loop, "the client", self.peers.unanswered)
        here, there = IPv4Address("TCP", "127.0.0.1", 80), IPv4Address("TCP", "192.0.2.7", 50001)
        self.client.connect(self.port, here, there)

    @property
    def peer(self) -> Peer:
        """The only peer."""
        return self.peers["10.0.0.1:9000"]


def proxied() -> Server:
    """One location that proxies to one peer."""
    return server(8080).location("/").proxy_to(upstream("app", "10.0.0.1:9000"))


class RequestTests(SynchronousTestCase):
    """What of a Site's request becomes an exchange."""

    def test_head(self) -> None:
        """The peer gets the target as the client wrote it, its fields, and who the client is."""
        embedded = Embedded(proxied())
        embedded.peer.answers(200, b"hello")
        response = embedded.client.request("GET", "/a%2Fb/../c?d=e", {"Host": "example.com:81", "X-A": "1"})
        self.assertEqual((response.status, response.body), (200, b"hello"))
        [request] = embedded.peer.requests
        self.assertEqual((request.method, request.target), ("GET", "/a%2Fb/../c?d=e"))
        self.assertEqual(request.headers["X-A"], "1")
        self.assertEqual(request.headers["Host"], "example.com:81")
        self.assertEqual(request.headers["X-Forwarded-For"], "192.0.2.7")

    def test_below_other_resources(self) -> None:
        """Locations see the whole path, wherever in a tree the proxy stands."""
        config = server(8080).location("/").respond(404).location("/proxy/x").respond(200, header("x-a"))
        embedded = Embedded(config, Resource())
        self.assertEqual(embedded.client.request("GET", "/proxy/x", {"X-A": "b"}).body, b"b")
        self.assertEqual(embedded.client.request("GET", "/proxy/y").status, 404)

    def test_trusted_proxy(self) -> None:
        """Forwarding fields are believed of trusted proxies."""
        embedded = Embedded(http(proxied(), trusted_proxies=["192.0.2.0/24"]))
        embedded.peer.answers(200)
        embedded.client.request("GET", "/", {"X-Forwarded-For": "198.51.100.1"})
        self.assertEqual(embedded.peer.requests[0].headers["X-Real-IP"], "198.51.100.1")

    def test_malformed_forwarded(self) -> None:
        """A trusted proxy's Forwarded that cannot be read is refused."""
        config = http(proxied(), trusted_proxies=["192.0.2.0/24"], client_address_from="forwarded")
        embedded = Embedded(config)
        embedded.peer.answers(200)
        self.assertEqual(embedded.client.request("GET", "/", {"Forwarded": 'for="6.6.6.6'}).status, 400)
        self.assertEqual(embedded.client.request("GET", "/", {"Forwarded": "for=198.51.100.1"}).status, 200)
        self.assertEqual(embedded.peer.requests[0].headers["X-Real-IP"], "198.51.100.1")

    def test_body(self) -> None:
        """The body, which the Site has taken as a whole, goes to the peer with its length."""
        embedded = Embedded(proxied())
        embedded.peer.answers(201)
        body = bytes(range(256)) * 1000
        self.assertEqual(embedded.client.request("POST", "/", body=body).status, 201)
        embedded.client.sends(b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        first, second = embedded.peer.requests
        self.assertEqual(first.body, body)
        self.assertEqual((second.body, second.headers["Content-Length"]), (b"abc", "3"))
        self.assertNotIn("Transfer-Encoding", second.headers)

    def test_body_in_pieces(self) -> None:
        """A peer that does not read holds the body where it is."""
        embedded = Embedded(proxied())
        embedded.peer.answers(200)
        embedded.client.request("GET", "/")
        connection = embedded.peer
        connection.stops_reading()
        embedded.client.sends(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
        self.assertLess(connection.unsent, 300_000)
        connection.reads()
        self.assertEqual(len(embedded.peer.requests[1].body), 1_000_000)

    def test_no_websockets(self) -> None:
        """A Site speaks HTTP alone: Upgrade is passed over, and a location of WebSockets says what it needs."""
        for site in (
            server(8080).location("/").websocket_to("10.0.0.1:9000"),
            server(8080).location("/").websocket_to("10.0.0.1:9000", tunnel=True),
        ):
            client = Embedded(site).client
            client.sends(ASK)
            self.assertEqual(client.takes()[:12], b"HTTP/1.1 426")
        embedded = Embedded(server(8080).location("/").proxy_to("10.0.0.1:9000", websocket="tunnel"))
        embedded.client.sends(ASK)
        self.assertNotIn(b"Upgrade", embedded.peer.takes())

    def test_mounted(self) -> None:
        """A resource can be mounted in a proxy that is a resource."""
        page = Page(lambda request: request.content.read() if request.content else b"")
        client = Embedded(server(8080).location("/").mount(page)).client
        self.assertEqual(client.request("POST", "/", body=b"abc").body, b"abc")
        self.assertEqual(client.request("GET", "/").body, b"")

    def test_client_leaves_while_sending(self) -> None:
        """What is left of a body is not delivered to a peer when the client has left."""
        embedded = Embedded(proxied())
        embedded.peer.answers(200)
        embedded.client.request("GET", "/")
        embedded.peer.waits()
        embedded.peer.stops_reading()
        embedded.client.sends(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
        embedded.client.closes()
        self.assertTrue(embedded.peer.connection.is_gone)
        self.assertEqual(embedded.exchanges[1].status, 499)

    def test_limit(self) -> None:
        """A body is refused by its length."""
        config = server(8080).location("/").limit_body(2).proxy_to(upstream("app", "10.0.0.1:9000"))
        self.assertEqual(Embedded(config).client.request("POST", "/", body=b"abc").status, 413)

    def test_limit_of_a_step(self) -> None:
        """A limit that a step leaves with the exchange holds too."""

        @frozen
        class Reading:
            def compile(self, place: CompileContext) -> Handle:
                def read(exchange: Exchange) -> None:
                    exchange.body_limit = 2
                    exchange.running = self
                    exchange.read_body(cast("BodyReceiver", self))

                return read

            def cancel(self, error: ProxyError) -> None:
                """Told before the client is."""

        self.assertEqual(
            Embedded(server(8080).location("/").handle(Reading())).client.request("POST", "/", body=b"abc").status, 413
        )

    def test_answered_early(self) -> None:
        """A peer that answers before it has read the body ends the exchange; the rest is not read."""
        embedded = Embedded(proxied())
        embedded.peer.answers(200)
        embedded.client.request("GET", "/")
        embedded.peer.waits()
        embedded.peer.stops_reading()
        embedded.client.sends(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
        embedded.peer.sends(b"HTTP/1.1 413 Too Much\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(embedded.client.responses[1].status, 413)
        embedded.peer.answers(200)
        self.assertEqual(embedded.client.request("GET", "/").status, 200)

    def test_refused(self) -> None:
        """What the Site lets pass and the proxy does not read is refused, and logged."""
        embedded = Embedded(proxied())
        embedded.client.sends(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
        self.assertEqual([each.status for each in embedded.client.responses], [400])
        self.assertEqual(embedded.exchanges[0].cause, "bad_request")


class ResponseTests(SynchronousTestCase):
    """What of an exchange becomes a Site's response."""

    def test_fields(self) -> None:
        """The response's fields, edited by its location, take the place of Twisted's own."""
        config = server(8080).location("/").set_response_header("X-Set", header("host"))
        embedded = Embedded(config.proxy_to(upstream("app", "10.0.0.1:9000")))
        embedded.client.sends(GET)
        embedded.peer.sends(b"HTTP/1.1 200 Fine\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok")
        lines = embedded.client.takes().split(b"\r\n")
        self.assertEqual(lines[0], b"HTTP/1.1 200 Fine")
        names = sorted(line.partition(b":")[0] for line in lines[1:-2])
        self.assertEqual(names, [b"Content-Length", b"Date", b"Set-Cookie", b"Set-Cookie", b"X-Set"])
        self.assertIn(b"X-Set: x", lines)

    def test_cookies_of_others(self) -> None:
        """Cookies that a resource further up has set stay."""

        class Above(Resource):
            def getChild(self, path: bytes, request: Request) -> Resource:
                request.addCookie(b"above", b"1")
                return embedded.proxy

        config = server(8080).location("/").set_response_header("Set-Cookie", "below=2").respond(200)
        embedded = Embedded(config, Above())
        embedded.client.sends(GET)
        self.assertIn(b"Set-Cookie: above=1\r\nSet-Cookie: below=2\r\n", embedded.client.takes())

    def test_streams(self) -> None:
        """A body without a length is streamed, chunk by chunk."""
        embedded = Embedded(proxied())
        embedded.client.sends(GET)
        embedded.peer.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        self.assertTrue(embedded.client.takes().endswith(b"\r\n\r\n3\r\nabc\r\n"))
        embedded.peer.sends(b"2\r\nde\r\n0\r\n\r\n")
        embedded.client.expects(b"2\r\nde\r\n0\r\n\r\n")

    def test_no_body(self) -> None:
        """HEAD and statuses without a body end with the head."""
        embedded = Embedded(server(8080).location("/").respond(200, "four").location("/no").respond(204))
        response = embedded.client.request("HEAD", "/")
        self.assertEqual((response.headers["Content-Length"], response.body), ("4", b""))
        self.assertNotIn("Content-Length", embedded.client.request("GET", "/no").headers)
        self.assertEqual(embedded.client.request("GET", "/").body, b"four")

    def test_slow_client(self) -> None:
        """A client that does not read holds the peer."""
        embedded = Embedded(proxied())
        client, peer = embedded.client, embedded.peer
        client.sends(GET)
        client.stops_reading()
        peer.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n")
        for _ in range(20):
            peer.sends(b"x" * 100_000)
        self.assertGreater(peer.unread, 1_000_000)
        client.reads()
        self.assertEqual(len(client.responses[0].body), 2_000_000)

    def test_broken_off(self) -> None:
        """A response that the peer breaks off is broken off for the client; to one of HTTP/1.0 by a reset."""
        for request, reset in ((GET, False), (b"GET / HTTP/1.0\r\n\r\n", True)):
            embedded = Embedded(proxied())
            embedded.client.sends(request)
            embedded.peer.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            embedded.peer.closes()
            self.assertEqual((embedded.client.is_closed, embedded.client.was_reset), (True, reset))
            self.assertEqual([each.cause for each in embedded.exchanges], ["closed"])

    def test_client_leaves(self) -> None:
        """A client that leaves is noted, and the peer is left."""
        embedded = Embedded(proxied())
        embedded.client.sends(GET)
        embedded.client.closes()
        self.assertTrue(embedded.peer.connections[0].is_closed)
        self.assertEqual([each.status for each in embedded.exchanges], [499])


class ApplicationTests(SynchronousTestCase):
    """Applications in a proxy that is a resource: WSGI and ASGI within twisted.web."""

    def test_wsgi(self) -> None:
        """A body comes whole, an answer goes out; the path is that of the request."""
        site = Embedded(server(80).location("/app/").wsgi(answering(lambda environ: [body_of(environ).read()])))
        self.assertEqual(site.client.request("POST", "/app/a", body=b"abc").body, b"abc")
        self.assertEqual(site.client.request("GET", "/app/a").body, b"")

    def test_wsgi_slow_client(self) -> None:
        """A client that does not read stops the application, and one that leaves ends it."""
        pieces = Pieces(repeat(bytes(10_000)))
        site = Embedded(server(80).location("/").wsgi(answering(lambda environ: pieces)))
        site.client.stops_reading()
        site.client.sends(GET)
        self.assertLess(pieces.made, 40)
        site.client.closes()
        self.assertEqual(pieces.closed, 1)

    def test_asgi(self) -> None:
        """An application starts when the resource is made, and stops when it is closed."""
        living, other = Living(), Living("other")
        site = Embedded(server(80).location("/").asgi(living))
        site.loop.settle()
        self.assertEqual(site.client.request("POST", "/", body=b"abc").body, b"app")
        site.proxy.reload(http(server(80).location("/").asgi(other), access_log=None))
        site.loop.settle()
        self.assertEqual(living.told, ["lifespan.startup", "lifespan.shutdown"])
        self.assertEqual(site.client.request("GET").body, b"other")
        closed = site.proxy.close()
        site.loop.settle()
        self.assertIsNone(self.successResultOf(closed))
        self.assertEqual(other.told, ["lifespan.startup", "lifespan.shutdown"])

    def test_refuses(self) -> None:
        """What cannot start is logged, and answered 503."""
        living = Living()
        living.refuses = "no database"
        site = Embedded(server(80).location("/").asgi(living))
        site.loop.settle()
        self.assertEqual(site.client.request("GET").status, 503)
        self.assertEqual(len(self.flushLoggedErrors(NotStarted)), 1)


class ResourceTests(SynchronousTestCase):
    """The resource itself."""

    def test_interface(self) -> None:
        """It is a leaf that any Site takes."""
        self.assertTrue(verifyObject(IResource, as_resource(http(proxied(), access_log=None))))

    def test_reload(self) -> None:
        """Another configuration holds for the requests that follow."""
        embedded = Embedded(server(8080).location("/").respond(200, "old"))
        self.assertEqual(embedded.client.request("GET", "/").body, b"old")
        config = http(server(8080).location("/").respond(200, "new"), access_log=None)
        embedded.proxy.reload(config)
        self.assertEqual(embedded.client.request("GET", "/").body, b"new")
        self.assertEqual(embedded.proxy.config, config)

    def test_endpoints(self) -> None:
        """Of several endpoints one has to be chosen, and there has to be such a one."""
        config = http(server(80).location("/").respond(200, "a"), server(81).location("/").respond(200, "b"))
        self.assertEqual(mistake(as_resource, config)[1], "write as_resource(…, listen='tcp:80')")
        self.assertIn("no server listens there", mistake(as_resource, config, listen=82)[0])
        loop = MemoryLoop(Peers())
        proxy = as_resource(attrs.evolve(config, access_log=None), loop, listen=81)
        self.assertIsInstance(proxy, ProxyResource)


class SocketTests(TestCase):
    """A proxy in a Site, in front of another Site."""

    async def test_all(self) -> None:
        """A request goes through both, with its body, and its response comes back."""
        from twisted.internet import reactor as installed

        reactor = cast("EPollReactor", installed)
        page = Page(lambda request: request.content.read()[::-1] if request.content else b"")
        behind = reactor.listenTCP(0, Site(page), interface="127.0.0.1")
        self.addCleanup(behind.stopListening)
        config = server(80).location("/").proxy_to(f"127.0.0.1:{behind.getHost().port}")
        proxy = as_resource(http(config, access_log=None))
        self.addCleanup(proxy.close)
        front = reactor.listenTCP(0, Site(proxy), interface="127.0.0.1")
        self.addCleanup(front.stopListening)
        pool = HTTPConnectionPool(reactor, persistent=False)
        body = bytes(range(256)) * 2000
        url = b"http://127.0.0.1:%d/a?b" % front.getHost().port
        response = await Agent(reactor, pool=pool).request(b"POST", url, bodyProducer=FileBodyProducer(BytesIO(body)))
        reader = Reader()
        response.deliverBody(reader)
        self.assertEqual((response.code, await reader.done), (200, body[::-1]))
        self.assertEqual(page.requests[0].uri, b"/a?b")
