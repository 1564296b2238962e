"""Conversations in which thousands of small pieces come at once; other clients do not wait for them."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import fastcgi, server, upstream
from pydsl_proxy.config.servers import Server
from pydsl_proxy.testing import Client, Peers, Running, run
from pydsl_proxy.wire.cgi.fastcgi_records import END_REQUEST, STDERR, STDOUT, record
from tests.support.messages import GET, OK, get

APP = upstream("app", "a:1")
PHP = upstream("php", "a:1", via=fastcgi(keep_conn=True))
# So many chunks cost some 10 ms.
MANY = 6000
CHUNKS = b"1\r\nx\r\n" * MANY
END = b"0\r\n\r\n"
POST = get("/", "Transfer-Encoding: chunked", method="POST")
HEAD = b"HTTP/1.1 200 OK\r\ndate: x\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
BODY = b"x" * MANY


class Flooded:
    """A site at work, with another client whose request comes in the turn of the loop in which the flood does."""

    def __init__(self, site: Server, progress: Callable[[Flooded], int]) -> None:
        def answer(request: object) -> str:
            self.served_at = progress(self)
            return "other"

        self.running: Running = run(site.location("/other").respond(200, answer))
        self.client: Client = self.running[0]
        self.peers: Peers = self.running.peers
        #: How far the flood was when the other client was answered.
        self.served_at = -1

    def ask(self) -> None:
        """Let the other client ask in the next turn of the loop."""
        self.running.clock.callLater(0, self.running.client().sends, get("/other"))

    def in_the_middle(self, call: Callable[[], None]) -> None:
        """Call when some of what comes was read."""
        later = self.running.clock.callLater
        later(0, later, 0, later, 0, call)


def uploaded(flooded: Flooded) -> int:
    """Bytes of the body that the peer has."""
    return flooded.peers["a:1"].received.count(b"x")


def downloaded(flooded: Flooded) -> int:
    """Bytes of the body that the client has."""
    return flooded.client.received.count(b"x")


class FairTests(SynchronousTestCase):
    """In one turn of the loop a bounded number of them is read; the rest waits, and nothing is lost."""

    def assert_fair(self, flooded: Flooded, whole: int) -> None:
        """Less than a tenth had passed when the other client was served."""
        self.assertGreaterEqual(flooded.served_at, 0)
        self.assertLess(flooded.served_at, whole / 10)

    def test_upload(self) -> None:
        """Chunks of one byte, from a client; what follows is the next request."""
        flooded = Flooded(server(80).location("/").proxy_to(APP), uploaded)
        flooded.client.sends(POST)
        flooded.ask()
        flooded.client.sends(CHUNKS + END + GET)
        self.assert_fair(flooded, MANY)
        self.assertEqual(flooded.peers["a:1"].requests[0].body, BODY)
        flooded.peers["a:1"].sends(OK)
        flooded.peers["a:1"].sends(OK)
        self.assertEqual([each.status for each in flooded.client.responses], [200, 200])

    def test_held_upload(self) -> None:
        """The same if nobody had asked for the body when it came, or if the peer does not keep up."""
        flooded = Flooded(server(80).location("/").proxy_to(APP), uploaded)
        flooded.peers["a:1"].times_out()
        flooded.client.sends(POST + CHUNKS + END)
        flooded.ask()
        flooded.peers["a:1"].accepts()
        self.assert_fair(flooded, MANY)
        self.assertEqual(flooded.peers["a:1"].requests[0].body, BODY)
        flooded = Flooded(server(80).location("/").proxy_to(APP), uploaded)
        flooded.client.sends(POST)
        flooded.peers["a:1"].stops_reading()
        flooded.client.sends(b"20000\r\n" + b"y" * 0x20000 + b"\r\n")
        flooded.client.sends(CHUNKS)
        flooded.client.sends(CHUNKS + END)
        flooded.peers["a:1"].reads()
        self.assertEqual(flooded.peers["a:1"].requests[0].body, b"y" * 0x20000 + BODY + BODY)

    def test_download(self) -> None:
        """Chunks of one byte, from a peer; its connection is kept."""
        flooded = Flooded(server(80).location("/").proxy_to(APP), downloaded)
        for begins in (True, False):
            flooded.client.takes()
            flooded.client.sends(GET)
            flooded.ask()
            if begins:
                flooded.peers["a:1"].sends(HEAD)
            flooded.peers["a:1"].sends((b"" if begins else HEAD) + CHUNKS + END)
            self.assert_fair(flooded, MANY)
            self.assertEqual(flooded.client.responses[-1].body, BODY)
        self.assertEqual(len(flooded.peers["a:1"].connections), 1)

    def test_compressed(self) -> None:
        """The same where they are encoded."""
        flooded = Flooded(server(80).compress("gzip", flush=True).location("/").proxy_to(APP), downloaded)
        flooded.client.sends(get("/", "accept-encoding: gzip"))
        flooded.ask()
        flooded.peers["a:1"].sends(HEAD + CHUNKS + END)
        self.assertGreaterEqual(flooded.served_at, 0)
        self.assertEqual(flooded.client.responses[-1].headers["content-encoding"], "gzip")

    def test_slow_client(self) -> None:
        """The same to a client that stops reading meanwhile."""
        flooded = Flooded(server(80).location("/").proxy_to(APP), downloaded)
        flooded.client.sends(GET)
        flooded.peers["a:1"].sends(HEAD)
        flooded.client.stops_reading()
        flooded.peers["a:1"].sends(b"20000\r\n" + b"y" * 0x20000 + b"\r\n" + CHUNKS)
        flooded.peers["a:1"].sends(CHUNKS + END)
        flooded.client.reads()
        self.assertEqual(flooded.client.responses[-1].body, b"y" * 0x20000 + BODY + BODY)
        flooded.client.sends(GET)
        self.assertEqual(len(flooded.peers["a:1"].connections), 1)

    def test_bounded(self) -> None:
        """A client that stops reading in the midst of them stops the peer, and has all when it reads again."""
        # Which of the turns fills what waits for the client depends on what waits already.
        for size in range(0xFC00, 0x10000, 50):
            flooded = Flooded(server(80).location("/").proxy_to(APP), downloaded)
            client, app = flooded.client, flooded.peers["a:1"]
            client.sends(GET)
            app.sends(HEAD)
            client.stops_reading()
            app.sends(b"%x\r\n" % size + b"y" * size + b"\r\n")
            app.sends(CHUNKS[: 6 * 600])
            waiting = client.unsent
            app.sends(b"80000\r\n" + b"z" * 0x80000 + b"\r\n" + END)
            self.assertLess(client.unsent, 200_000)
            if waiting >= 0x10000:
                # It was stopped by the last of the small chunks, and stays so.
                self.assertEqual(client.unsent, waiting)
            self.assertGreater(app.unread, 300_000)
            client.reads()
            self.assertEqual(len(client.responses[-1].body), size + 600 + 0x80000)

    def test_left(self) -> None:
        """A client that leaves meanwhile takes its exchange with it; so does a peer, whose response is cut."""
        flooded = Flooded(server(80).location("/").proxy_to(APP), downloaded)
        flooded.client.sends(GET)
        flooded.in_the_middle(flooded.client.resets)
        flooded.peers["a:1"].sends(HEAD + CHUNKS + END)
        self.assertTrue(flooded.peers["a:1"].was_reset)
        self.assertEqual(flooded.running.exchanges[0].cause, "client_closed")
        flooded = Flooded(server(80).location("/").proxy_to(APP), downloaded)
        flooded.client.sends(GET)
        flooded.in_the_middle(flooded.peers["a:1"].resets)
        flooded.peers["a:1"].sends(HEAD + CHUNKS + END)
        self.assertTrue(flooded.client.is_closed)
        self.assertEqual(flooded.client.responses, [])

    def test_dropped(self) -> None:
        """A body that nobody wants."""
        flooded = Flooded(server(80).location("/").respond(200, "ok"), lambda flooded: len(flooded.client.responses))
        flooded.client.sends(POST)
        flooded.client.sends(CHUNKS + END + GET)
        self.assertEqual(len(flooded.client.responses), 2)

    def test_over_the_limit(self) -> None:
        """When the close is decided nothing more is read: the limit counts, not what stands behind it."""
        running = run(server(80).location("/").limit_body(10).proxy_to(APP))
        client, peers = running
        client.sends(POST)
        client.sends(CHUNKS + b"no chunk\r\n" + GET)
        self.assertEqual(running.exchanges[0].cause, "body_too_large")
        self.assertEqual(len(running.exchanges), 1)
        self.assertTrue(peers["a:1"].was_reset)

    def test_records(self) -> None:
        """Records of FastCGI of one byte, of the response and of what the application says beside it."""
        for kind in (STDOUT, STDERR):
            site = server(80).location("/").proxy_to(PHP)
            flooded = Flooded(site, lambda flooded: flooded.client.received.count(b"x"))
            for _ in range(2):
                flooded.client.takes()
                flooded.client.sends(GET)
                flooded.ask()
                data = record(STDOUT, b"A: b\r\n\r\n") + record(kind, b"x") * MANY
                flooded.peers["a:1"].sends(data + record(END_REQUEST, bytes(8)))
                self.assert_fair(flooded, MANY)
                self.assertEqual(flooded.client.responses[-1].body, BODY if kind == STDOUT else b"")
            self.assertEqual(len(flooded.peers["a:1"].connections), 1)

    def test_requests(self) -> None:
        """Requests that came together, answered by the proxy itself."""
        for request in (GET, POST + END, get("/", "Content-Length: 1", method="POST") + b"x"):
            site = server(80).location("/").respond(200, "ok")
            flooded = Flooded(site, lambda flooded: len(flooded.client.responses))
            flooded.ask()
            flooded.client.sends(request * 400)
            self.assert_fair(flooded, 400)
            self.assertEqual(len(flooded.client.responses), 400)
            flooded.client.sends(GET)
            self.assertEqual(len(flooded.client.responses), 401)

    def test_requests_and_closed(self) -> None:
        """The last of them is answered though the client has closed its half."""
        client, _ = run(server(80).location("/").respond(200, "ok"))
        client.sends(GET * 400)
        client.half_closes()
        self.assertEqual(len(client.responses), 400)
        self.assertTrue(client.is_closed)
        running = run(server(80).location("/").respond(200, "ok"))
        client, _ = running
        running.clock.callLater(0, client.resets)
        client.sends(GET * 400)
        self.assertLess(len(running.exchanges), 100)
