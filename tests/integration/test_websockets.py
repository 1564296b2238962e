"""WebSockets on real sockets: the websockets library, Node's ``ws`` and a browser, through a tunnel and a bridge."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import product
from urllib.parse import unquote

from twisted.trial.unittest import SynchronousTestCase
from websockets.exceptions import InvalidStatus

from tests.integration.clients import RawClient
from tests.integration.support import PATIENCE, Program, folder, free_port, proxy, shared, wait_until
from tests.integration.websockets import LibraryClient, browser, library_peer, ws_client, ws_peer
from tests.support.authorities import Authority
from tests.support.websockets import ASK

# Each location, by what it leads to.
WAYS = {
    "tunnel": "websocket_to(app, path='/', tunnel=True)",
    "either": "proxy_to(app, path='/', websocket='tunnel')",
    "bridge": "websocket_to(app, path='/')",
    "deflated": "websocket_to(app, path='/', deflate_to_peer=True)",
    "plain": "websocket_to(app, path='/', deflate=False)",
    "seen": "websocket_to(app, path='/', on_message=lambda message: message.data, max_message=4_000_000)",
}
PAGE = """<!doctype html><title>begun</title><script>
const told = {messages: []}, url = location.origin.replace("http", "ws") + "/WAY";
const socket = new WebSocket(`${url}/echo`, "chat.v1");
socket.binaryType = "arraybuffer";
socket.onopen = () => {
  told.protocol = socket.protocol;
  told.extensions = socket.extensions;
  socket.send("grüß");
  socket.send(new Uint8Array([0, 255, 1]));
  socket.send("x".repeat(1 << 20));
};
socket.onmessage = ({data}) => {
  told.messages.push(typeof data != "string" ? [...new Uint8Array(data)] : data.length > 99 ? data.length : data);
  if (told.messages.length == 3) setTimeout(() => socket.close(4001, "enough"), 500);
};
socket.onclose = ({code, reason, wasClean}) => {
  const other = new WebSocket(`${url}/close/4002`);
  other.onopen = () => other.send("now");
  other.onclose = event => {
    Object.assign(told, {code, reason, wasClean, other: [event.code, event.reason, event.wasClean]});
    fetch("/result?" + encodeURIComponent(JSON.stringify(told)));
  };
};
</script>"""


class Site:
    """A proxy with all ways at a port without TLS, at one with it, and at one where browsers may speak HTTP/2."""

    def __init__(self, peer: Program, more: str = "") -> None:
        self.folder = folder()
        self.port, self.secure, self.h2 = free_port(), free_port(), free_port()
        files = Authority().issue("localhost").save(self.folder, "localhost")
        locations = "".join(f"\n    .location('/{way}/').{verb}" for way, verb in WAYS.items())
        html = "content_type='text/html; charset=utf-8'"
        pages = "".join(
            f"\n    .location(exact('/page/{way}')).respond(200, {PAGE.replace('WAY', way)!r}, {html})" for way in WAYS
        )
        config = f"""
from pydsl_proxy import exact, http, server, tls, upstream

def listen(port):
    return f"tcp:{{port}}:interface=127.0.0.1"

app = upstream("app", "127.0.0.1:{peer.port}")
servers = [
    server(listen({self.port})),
    server(listen({self.secure}), tls=tls{files!r}, http2=False),
    server(listen({self.h2}), tls=tls{files!r}),
]
{more}
proxy = http(*(
    each.location("/").respond(204){pages}{locations}
    for each in servers
), access_log="{self.folder}/access.log", shutdown_grace=8)
"""
        self.program = shared(lambda: proxy(config, self.port))

    def url(self, path: str, *, secure: bool = False) -> str:
        """Of a WebSocket."""
        return f"wss://127.0.0.1:{self.secure}{path}" if secure else f"ws://127.0.0.1:{self.port}{path}"

    def open(
        self, path: str, *, secure: bool = False, compression: str | None = None, subprotocols: Iterable[str] = ()
    ) -> LibraryClient:
        """A WebSocket of the library."""
        return LibraryClient(self.url(path, secure=secure), compression=compression, subprotocols=subprotocols)

    @property
    def log(self) -> str:
        """The access log."""
        return (self.folder / "access.log").read_text()


@cache
def site(peer: Callable[[], Program]) -> Site:
    """A proxy before *peer*, for all tests."""
    return Site(shared(peer))


class EndToEnd(SynchronousTestCase):
    """A proxy and a peer."""

    @staticmethod
    def peer() -> Program:
        """Who is behind the proxy."""
        return library_peer()

    def setUp(self) -> None:
        """Both are started once."""
        self.site = site(self.peer)

    def ways(self, *left: str) -> Iterator[tuple[str, bool]]:
        """Each location but those *left* out, without and with TLS."""
        return product((each for each in WAYS if each not in left), (False, True))


class MessageTests(EndToEnd):
    """What one side says the other one hears."""

    def test_messages(self) -> None:
        """Text, binary, empty ones, a long one, and one in fragments; with and without deflate."""
        for way, secure in self.ways():
            for compression in (None, "deflate"):
                with self.site.open(f"/{way}/echo", secure=secure, compression=compression) as client:
                    for message in ("grüß", b"\x00\xff", "", b"", "x" * 3_000_000, bytes(range(256)) * 4000):
                        client.send(message)
                        self.assertEqual(client.receive(), message, way)
                    client.send(["one ", "two ", "three"])
                    self.assertEqual(client.receive(), "one two three", way)

    def test_long(self) -> None:
        """64 MB in one frame are one message for the library, which takes 4,096 fragments a message."""
        for way in ("bridge", "deflated"):
            for compression in (None, "deflate"):
                with self.site.open(f"/{way}/close/4001", compression=compression) as client:
                    client.send(bytes(64_000_000))
                    self.assertEqual(client.await_close()[0], 4001, (way, compression))

    def test_pings(self) -> None:
        """A ping is answered, by the peer or by the proxy, whose own ones the library answers."""
        for way, secure in self.ways():
            with self.site.open(f"/{way}/echo", secure=secure) as client:
                client.ping(b"there?")

    def test_deflate(self) -> None:
        """A tunnel leaves deflate to both ends; a bridge agrees on it with each, if it may."""
        for way, to_client, to_peer in (
            ("tunnel", True, True),
            ("bridge", True, False),
            ("deflated", True, True),
            ("plain", False, False),
        ):
            with self.site.open(f"/{way}/told", compression="deflate") as client:
                told = json.loads(client.receive())
                self.assertEqual("Sec-WebSocket-Extensions" in client.fields, to_client, way)
                self.assertEqual("Sec-WebSocket-Extensions" in told, to_peer, way)

    def test_subprotocol(self) -> None:
        """The peer chooses; so it is when it chooses none."""
        for way, secure in self.ways():
            for offered, chosen in ((["chat.v1", "chat.v2"], "chat.v2"), (["other"], None)):
                with self.site.open(f"/{way}/echo", secure=secure, subprotocols=offered) as client:
                    self.assertEqual(client.connection.subprotocol, chosen, way)

    def test_forwarded(self) -> None:
        """The peer is told of the client, as it is of requests."""
        for way, secure in self.ways():
            with LibraryClient(self.site.url(f"/{way}/told", secure=secure), fields={"X-Own": "1"}) as client:
                told = json.loads(client.receive())
                self.assertEqual(told["X-Forwarded-For"], "127.0.0.1")
                self.assertEqual(told["X-Forwarded-Proto"], "https" if secure else "http")
                self.assertEqual(told["X-Own"], "1")


class CloseTests(EndToEnd):
    """How it ends."""

    def closed(self) -> str:
        """What the peer knows of how the last one was closed."""
        with self.site.open("/tunnel/closed") as client:
            return str(client.receive())

    def test_by_the_client(self) -> None:
        """The peer hears the client's code and reason, and the log has a line."""
        for number, (way, secure) in enumerate(self.ways()):
            with self.site.open(f"/{way}/echo?by-client", secure=secure) as client:
                client.close(4000 + number, "enough")
                self.assertEqual(client.closed, (4000 + number, "enough"), way)
            expected = f"{4000 + number} enough"
            wait_until(lambda: self.closed() == expected, PATIENCE, f"the close of {way}")  # noqa: B023  # asked at once
        lines = r'"GET /\w+/echo\?by-client HTTP/1.1" 101 '
        wait_until(lambda: len(re.findall(lines, self.site.log)) == number + 1, PATIENCE, "a line for each")

    def test_by_the_peer(self) -> None:
        """And the other way round."""
        for way, secure in self.ways():
            for code in (1000, 1001, 1011, 1012, 4321):
                with self.site.open(f"/{way}/close/{code}", secure=secure) as client:
                    client.send("now")
                    self.assertEqual(client.await_close(), (code, "the end"), way)

    def test_refused(self) -> None:
        """The answer of a peer that grants no WebSocket is the client's as it is."""
        for way, secure in self.ways():
            for status in (401, 403, 404, 503):
                with self.assertRaises(InvalidStatus) as caught:
                    self.site.open(f"/{way}/refuse/{status}", secure=secure)
                response = caught.exception.response
                self.assertEqual((response.status_code, response.headers["X-Why"]), (status, "a whim"), way)
                self.assertIn(b"not here", response.body or b"")

    def test_refused_and_on(self) -> None:
        """The client's connection goes on after a refusal."""
        for way in WAYS:
            with RawClient(self.site.port) as client:
                ask = ASK.replace(b"/ws", b"/%s/refuse/403" % way.encode())
                client.send(ask + ask)
                self.assertEqual([client.response().status, client.response().status], [403, 403], way)
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertEqual(client.response().status, 204)


class NodeTests(EndToEnd):
    """Node's ``ws`` on both sides."""

    @staticmethod
    def peer() -> Program:
        """Its server."""
        return ws_peer()

    def test_client(self) -> None:
        """Its client, with deflate as it offers it."""
        for way, secure in self.ways():
            told = ws_client(self.site.url(f"/{way}/echo", secure=secure))
            expected = {
                "messages": ["grüß", "00ff01", "one two", "", "big"],
                "deflated": way != "plain",
                "pong": "there?",
                "protocol": "chat.v1",
                "code": 4001,
                "reason": "enough",
            }
            self.assertEqual(told, expected, way)

    def test_peer(self) -> None:
        """Its server, to a client of the library."""
        for way, secure in self.ways():
            with self.site.open(f"/{way}/echo", secure=secure, compression="deflate") as client:
                for message in ("grüß", b"\x00\xff", "", b"", "x" * 3_000_000):
                    client.send(message)
                    self.assertEqual(client.receive(), message, way)
                client.close(4000, "enough")
                self.assertEqual(client.closed[0], 4000)
            with self.site.open(f"/{way}/close/4002", secure=secure) as client:
                client.send("now")
                self.assertEqual(client.await_close(), (4002, "the end"), way)
            with self.assertRaises(InvalidStatus) as caught:
                self.site.open(f"/{way}/refuse/403", secure=secure)
            self.assertEqual(caught.exception.response.status_code, 403)


class BrowserTests(EndToEnd):
    """Chromium, over HTTP/1.1 and, where the page came by HTTP/2, within that connection (RFC 8441)."""

    def browse(self, way: str, address: str) -> None:
        """A page talks to the peer, and tells what it has heard."""
        before = len(self.site.log)
        with browser(f"{address}/page/{way}"):
            wait_until(lambda: "/result?" in self.site.log[before:], 60, f"what the page says of {way}")
        found = re.search(r"/result\?(\S+)", self.site.log[before:])
        assert found is not None
        told = json.loads(unquote(found[1]))
        self.assertEqual(told["messages"], ["grüß", [0, 255, 1], 1 << 20], way)
        self.assertEqual((told["code"], told["reason"], told["wasClean"]), (4001, "enough", True), way)
        self.assertEqual(told["other"], [4002, "the end", True], way)
        self.assertEqual(told["protocol"], "chat.v1")
        self.assertEqual(told["extensions"].startswith("permessage-deflate"), way != "plain")

    def test_browser(self) -> None:
        """Text, binary, subprotocol, deflate and close codes, with and without TLS."""
        for way in ("tunnel", "bridge"):
            for address in (f"http://127.0.0.1:{self.site.port}", f"https://127.0.0.1:{self.site.secure}"):
                self.browse(way, address)

    def test_h2(self) -> None:
        """A browser that has loaded the page over HTTP/2 opens the WebSocket there too."""
        for way in ("tunnel", "bridge"):
            self.browse(way, f"https://127.0.0.1:{self.site.h2}")
            self.assertIn(f"/{way}/echo HTTP/2.0", self.site.log)
