"""Conversations: slow clients before peers that are not to wait for them."""

from __future__ import annotations

import contextlib
import gc
import gzip
import os
from pathlib import Path
from random import Random

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from pydsl_proxy import (
    KiB,
    MiB,
    Server,
    access_log,
    duration,
    http,
    server,
    upstream,
    upstream_response_time,
)
from pydsl_proxy.testing import Running, run
from tests.support.messages import GET, OK, answer, get, post

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
#: What the transport itself may queue for a client before it says that it is full, and one piece more.
QUEUED = 128 * KiB + 200


def open_files() -> list[str]:
    """What this process has open, files without a name too."""
    found = []
    try:
        numbers = os.listdir("/proc/self/fd")
    except FileNotFoundError:
        raise SkipTest("open files are read from /proc, which is not here") from None
    for number in numbers:
        # One of them is the listing's own.
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{number}"))
    return found


def spooled() -> int:
    """How many temporary files there are."""
    gc.collect()
    return sum(name.endswith(" (deleted)") for name in open_files())


def buffering(*, size: int = 4 * MiB, memory: int = 64 * KiB, spool: str | bool = True) -> Server:
    """A location whose responses are buffered."""
    return server(80).location("/").buffer_response(size, memory=memory, spool=spool).proxy_to("a:1")


def body(size: int) -> bytes:
    """Bytes that show what is missing or in the wrong place."""
    return b"".join(b"%8d" % number for number in range(size // 8))


def slow(running: Running, size: int, *fields: str) -> bytes:
    """A response of *size* bytes comes for a client that does not read; its body."""
    client, peers = running
    client.stops_reading()
    client.sends(GET)
    sent = body(size)
    peers["a:1"].sends(answer(b"", "200 OK", *fields).replace(b"length: 0", b"length: %d" % size))
    for at in range(0, size, 50_000):
        peers["a:1"].sends(sent[at : at + 50_000])
    return sent


def connect(running: Running) -> None:
    """Let there be a connection to the first peer, which is kept."""
    client, peers = running
    client.sends(GET)
    peers["a:1"].sends(OK)
    client.expects(OK)


class ResponseTests(SynchronousTestCase):
    """Buffered responses."""

    def test_frees_the_peer(self) -> None:
        """A peer that has sent all serves others, while the client has not read a byte; then the client gets it all."""
        client, peers = running = run(buffering())
        sent = slow(running, 1_000_000)
        self.assertEqual(peers["a:1"].unread, 0)
        self.assertLess(client.unsent, QUEUED)
        other = running.client()
        peers["a:1"].answers(200, b"ok")
        self.assertEqual(other.request("GET", "/").body, b"ok")
        self.assertEqual(len(peers["a:1"].connections), 1)
        client.reads()
        self.assertEqual(client.responses[0].body, sent)

    def test_log(self) -> None:
        """The log has its line when the client was given everything, not when the peer was done."""
        client, _ = running = run(buffering())
        slow(running, 1_000_000)
        self.assertEqual(running.exchanges, [])
        running.clock.advance(1)
        client.reads()
        self.assertEqual((running.exchanges[0].status, running.exchanges[0].sent), (200, 1_000_000))

    def test_next_request(self) -> None:
        """The client's connection serves its next request when it has read the response."""
        client, peers = running = run(buffering())
        slow(running, 1_000_000)
        client.sends(get("/next"))
        self.assertEqual(len(peers["a:1"].connection.request_lines), 1)
        client.reads()
        peers["a:1"].sends(OK)
        self.assertEqual([each.status for each in client.responses], [200, 200])

    def test_client_keeps_up(self) -> None:
        """Nothing is held back: the head and every piece go on as they come, and no file is opened."""
        client, peers = run(buffering())
        client.sends(GET)
        before = spooled()
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 200004\r\n\r\n")
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 200004\r\n\r\n")
        for piece in (b"ab", b"c" * 200_000, b"de"):
            peers["a:1"].sends(piece)
            client.expects(piece)
        self.assertEqual(spooled(), before)

    def test_full(self) -> None:
        """Beyond its size the peer waits, until the client has taken half of what waits for it."""
        client, peers = running = run(buffering(size=300 * KiB))
        sent = slow(running, 2_000_000)
        unread = peers["a:1"].unread
        self.assertGreater(unread, 2_000_000 - 300 * KiB - QUEUED - 256 * KiB)
        client.reads(150 * KiB)
        self.assertEqual(peers["a:1"].unread, unread)
        client.reads(300 * KiB)
        self.assertLess(peers["a:1"].unread, unread)
        client.reads()
        self.assertEqual(client.responses[0].body, sent)

    def test_no_file(self) -> None:
        """Without a file the peer waits when the memory is full."""
        client, peers = running = run(buffering(spool=False))
        before = spooled()
        sent = slow(running, 1_000_000)
        self.assertEqual(spooled(), before)
        self.assertGreater(peers["a:1"].unread, 1_000_000 - 64 * KiB - QUEUED - 256 * KiB)
        client.reads()
        self.assertEqual(client.responses[0].body, sent)

    def test_peers_time(self) -> None:
        """The time of a peer that waits does not run; a client that reads nothing is given up as without buffers."""
        client, peers = running = run(buffering(spool=False))
        slow(running, 1_000_000)
        running.clock.advance(59)
        self.assertFalse(peers["a:1"].is_closed)
        running.clock.advance(2)
        self.assertTrue(client.was_reset)
        self.assertTrue(peers["a:1"].is_closed)

    def test_disk_that_cannot_be_written(self) -> None:
        """A directory that is not there is told in the log once; the peer waits as if no file were wanted."""
        client, peers = running = run(buffering(spool="/nowhere/at/all"))
        sent = slow(running, 1_000_000)
        self.assertGreater(peers["a:1"].unread, 500_000)
        client.reads()
        self.assertEqual(client.responses[0].body, sent)

    def test_client_leaves(self) -> None:
        """A client that leaves frees the file, whether the peer is done or not; a peer that is not is cut off."""
        for size in (1_000_000, 100_000_000):
            client, peers = running = run(buffering(size=1 * MiB))
            client.stops_reading()
            client.sends(GET)
            before = spooled()
            peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
            peers["a:1"].sends(bytes(1_000_000))
            self.assertEqual(spooled(), before + 1)
            client.closes()
            self.assertEqual(spooled(), before)
            self.assertEqual(peers["a:1"].is_closed, size > 1_000_000)
            self.assertEqual(running.exchanges[0].cause, "client_closed")

    def test_peer_breaks(self) -> None:
        """What came before the peer broke off is sent, and then the connection is cut: never a clean end."""
        for head in (CHUNKED + b"\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n"):
            client, peers = running = run(buffering())
            client.stops_reading()
            client.sends(GET)
            before = spooled()
            sent = body(600_000)
            peers["a:1"].sends(head + (b"%x\r\n%b\r\n" % (len(sent), sent) if b"chunked" in head else sent))
            peers["a:1"].resets()
            self.assertFalse(client.is_closed)
            client.reads()
            self.assertTrue(client.received.replace(b"\r\n", b"").endswith(sent[-8:]))
            self.assertTrue(client.is_closed)
            self.assertEqual(client.responses, [])
            self.assertIn(running.exchanges[0].cause, ("closed", "reset"))
            self.assertEqual(spooled(), before)

    def test_client_leaves_after_the_peer_broke(self) -> None:
        """Then everything is freed at once."""
        client, peers = running = run(buffering())
        before = spooled()
        slow(running, 1_000_000)
        client, peers = running = run(buffering())
        client.stops_reading()
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n" + bytes(1_000_000))
        peers["a:1"].resets()
        self.assertEqual(running.exchanges, [])
        client.closes()
        self.assertEqual(running.exchanges[0].cause, "client_closed")
        self.assertLessEqual(spooled(), before + 1)

    def test_stop(self) -> None:
        """A proxy that stops lets slow clients read for its grace; then all is freed."""
        before = spooled()
        _, _ = running = run(buffering())
        slow(running, 1_000_000)
        running.stop()
        self.assertFalse(running.is_stopped)
        running.clock.advance(31)
        self.assertTrue(running.is_stopped)
        self.assertEqual(spooled(), before)

    def test_reload(self) -> None:
        """A reload leaves alone what a client still reads."""
        client, _ = running = run(buffering())
        sent = slow(running, 1_000_000)
        running.reload(server(80).location("/").respond(200, "new"))
        client.reads()
        self.assertEqual(client.responses[0].body, sent)

    def test_events(self) -> None:
        """Events are never held: a client that does not read them stops the peer."""
        client, peers = running = run(buffering())
        slow(running, 2_000_000, "content-type: Text/Event-Stream; charset=utf-8")
        self.assertGreater(peers["a:1"].unread, 1_000_000)
        client.reads()
        self.assertEqual(len(client.responses[0].body), 2_000_000)

    def test_peer_says_no(self) -> None:
        """X-Accel-Buffering: no switches it off for a response, and yes changes nothing; no client sees the field."""
        for value, least in (("no", 1_000_000), ("NO", 1_000_000), ("yes", 0)):
            client, peers = running = run(buffering())
            slow(running, 2_000_000, f"x-accel-buffering: {value}")
            self.assertEqual(peers["a:1"].unread > least, least > 0)
            client.reads()
            self.assertNotIn("x-accel-buffering", client.responses[0].headers)

    def test_yes_asks_for_nothing_more(self) -> None:
        """X-Accel-Buffering: yes buffers nothing at a location that does not."""
        _, peers = running = run(upstream("a", "a:1"))
        slow(running, 2_000_000, "x-accel-buffering: yes")
        self.assertGreater(peers["a:1"].unread, 1_000_000)

    def test_what_a_peer_says_is_ignored(self) -> None:
        """Where the configuration says so."""
        web = server(80).location("/").buffer_response().ignore_response_header("x-accel-buffering").proxy_to("a:1")
        client, peers = running = run(web)
        sent = slow(running, 2_000_000, "X-Accel-Buffering: no")
        self.assertEqual(peers["a:1"].unread, 0)
        client.reads()
        self.assertEqual(client.responses[0].body, sent)
        self.assertNotIn("x-accel-buffering", client.responses[0].headers)

    def test_lifted(self) -> None:
        """None lifts an outer one."""
        web = server(80).buffer_response().location("/").buffer_response(None).proxy_to("a:1")
        _, peers = running = run(web)
        slow(running, 2_000_000)
        self.assertGreater(peers["a:1"].unread, 1_000_000)

    def test_trailers(self) -> None:
        """Trailers wait as well."""
        client, peers = run(buffering())
        client.stops_reading()
        client.sends(GET)
        peers["a:1"].sends(CHUNKED + b"\r\n" + b"%x\r\n%b\r\n" % (400_000, body(400_000)) + b"0\r\nx-sum: 1\r\n\r\n")
        client.reads()
        self.assertEqual(client.responses[0].body, body(400_000))
        self.assertEqual(client.responses[0].trailers["x-sum"], "1")

    def test_without_body(self) -> None:
        """HEAD, 204 and 304 pass."""
        client, peers = run(buffering())
        peers["a:1"].answers(304)
        self.assertEqual(client.request("GET", "/").status, 304)
        peers["a:1"].answers(204)
        self.assertEqual(client.request("GET", "/").status, 204)
        peers["a:1"].answers(200, b"", {"content-length": "1000000"})
        self.assertEqual(client.request("HEAD", "/").headers["content-length"], "1000000")

    def test_old_client(self) -> None:
        """A client of HTTP/1.0 gets all before the close that is its end."""
        client, peers = run(buffering())
        client.stops_reading()
        client.sends(b"GET / HTTP/1.0\r\n\r\n")
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\n\r\n" + body(800_000))
        peers["a:1"].closes()
        client.reads()
        self.assertEqual(client.responses[0].body, body(800_000))
        self.assertFalse(client.was_reset)

    def test_with_a_limit_of_the_rate(self) -> None:
        """The peer is freed from a rate for clients, too."""
        web = server(80).location("/").limit_rate(100_000).buffer_response().proxy_to("a:1")
        client, peers = running = run(web)
        client.sends(GET)
        sent = body(800_000)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 800000\r\n\r\n" + sent)
        self.assertEqual(peers["a:1"].unread, 0)
        peers["a:1"].answers(200, b"ok")
        self.assertEqual(running.client().request("GET", "/").body, b"ok")
        self.assertEqual(len(peers["a:1"].connections), 1)
        for _ in range(100):
            running.clock.advance(0.1)
        self.assertEqual(client.responses[0].body, sent)

    def test_with_compression(self) -> None:
        """The peer is freed from a client that reads a compressed response slowly."""
        web = server(80).location("/").compress("gzip", types=["*/*"], min_length=1).buffer_response().proxy_to("a:1")
        client, peers = running = run(web)
        client.stops_reading()
        client.sends(get("/", "accept-encoding: gzip"))
        sent = Random(1).randbytes(1_000_000)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-length: 1000000\r\n\r\n" + sent)
        self.assertEqual(peers["a:1"].unread, 0)
        peers["a:1"].answers(200, b"ok")
        self.assertEqual(running.client().request("GET", "/").body, b"ok")
        client.reads()
        self.assertEqual(client.responses[0].headers["content-encoding"], "gzip")
        self.assertEqual(gzip.decompress(client.responses[0].body), sent)


class RequestTests(SynchronousTestCase):
    """Buffered requests."""

    def location(self, size: int = 1 * MiB, memory: int = 1 * KiB, spool: str | bool = True) -> Running:
        """A location whose requests are buffered."""
        return run(server(80).location("/").buffer_request(size, memory=memory, spool=spool).proxy_to("a:1"))

    def test_waits_for_the_body(self) -> None:
        """No peer is connected to before the body is complete; then it gets head and body."""
        client, peers = self.location()
        sent = body(400_000)
        client.sends(get("/x", "content-length: 400000", method="PUT"))
        client.sends(sent[:-1])
        self.assertEqual(len(peers["a:1"].connections), 0)
        client.sends(sent[-1:])
        self.assertEqual((peers["a:1"].requests[-1].method, peers["a:1"].requests[-1].body), ("PUT", sent))
        peers["a:1"].sends(OK)
        client.expects(OK)

    def test_small(self) -> None:
        """Head and body of a small request go out in one piece, and no file is opened."""
        client, peers = self.location()
        before = spooled()
        client.sends(post(b"hello"))
        self.assertEqual(spooled(), before)
        self.assertTrue(peers["a:1"].received.endswith(b"\r\n\r\nhello"))

    def test_no_body(self) -> None:
        """A request without a body goes on at once."""
        client, peers = self.location()
        client.sends(GET)
        self.assertEqual(len(peers["a:1"].requests), 1)

    def test_chunks(self) -> None:
        """A peer gets a length where the client sent chunks; trailers are dropped, as nginx does."""
        client, peers = self.location()
        client.sends(get("/", "Transfer-Encoding: chunked", "Trailer: x-sum", "x-a: b", method="POST"))
        client.sends(b"5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 1\r\n\r\n")
        request = peers["a:1"].requests[-1]
        self.assertEqual((request.headers["content-length"], request.body), ("11", b"hello world"))
        self.assertEqual(request.headers["x-a"], "b")
        self.assertNotIn("transfer-encoding", request.headers)
        self.assertNotIn("trailer", request.headers)

    def test_empty_chunks(self) -> None:
        """A chunked body without a byte has the length 0."""
        client, peers = self.location()
        client.sends(get("/", "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\n")
        self.assertEqual(peers["a:1"].requests[-1].headers["content-length"], "0")

    def test_expect(self) -> None:
        """A client that waits for 100 gets it when its body is read, with no peer in sight."""
        client, peers = self.location()
        client.sends(get("/", "Expect: 100-continue", "Content-Length: 5", method="POST"))
        client.expects(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(len(peers["a:1"].connections), 0)
        client.sends(b"hello")
        self.assertEqual(peers["a:1"].requests[-1].body, b"hello")
        self.assertNotIn("expect", peers["a:1"].requests[-1].headers)

    def test_too_large(self) -> None:
        """413: before a byte is read where the length is declared, and as soon as it shows elsewhere."""
        client, peers = self.location(size=1000)
        client.sends(get("/", "Expect: 100-continue", "Content-Length: 1001", method="POST"))
        self.assertTrue(client.takes().startswith(b"HTTP/1.1 413 "))
        client, peers = self.location(size=1000)
        client.sends(get("/", "Transfer-Encoding: chunked", method="POST") + b"3e9\r\n" + bytes(1001))
        self.assertTrue(client.takes().startswith(b"HTTP/1.1 413 "))
        self.assertEqual(len(peers["a:1"].connections), 0)

    def test_limit_body(self) -> None:
        """A smaller limit of the body holds, wherever it is written."""
        for web in (
            server(80).limit_body(10).location("/").buffer_request().proxy_to("a:1"),
            server(80).location("/").buffer_request().limit_body(10).proxy_to("a:1"),
        ):
            client, peers = run(web)
            client.sends(get("/", "Transfer-Encoding: chunked", method="POST") + b"b\r\nhello world\r\n0\r\n\r\n")
            self.assertEqual(client.responses[-1].status, 413)
            self.assertEqual(len(peers["a:1"].connections), 0)

    def test_no_file(self) -> None:
        """Without a file no body may be larger than the memory."""
        client, peers = self.location(spool=False)
        client.sends(post(bytes(1025)))
        self.assertEqual(client.responses[-1].status, 413)
        client, peers = self.location(spool=False)
        client.sends(post(bytes(1024)))
        self.assertEqual(len(peers["a:1"].requests[-1].body), 1024)

    def test_disk_that_cannot_be_written(self) -> None:
        """500, as nginx; the log tells why."""
        client, peers = running = self.location(spool="/nowhere/at/all")
        client.sends(post(bytes(4000)))
        self.assertEqual(client.responses[-1].status, 500)
        self.assertEqual(running.exchanges[-1].cause, "spool_failed")
        self.assertEqual(len(peers["a:1"].connections), 0)

    def test_client_leaves(self) -> None:
        """A client that leaves while it sends is nobody's, and its file is gone."""
        client, peers = running = self.location()
        before = spooled()
        client.sends(get("/", "Content-Length: 5000", method="POST") + bytes(4000))
        self.assertEqual(spooled(), before + 1)
        client.closes()
        self.assertEqual(spooled(), before)
        self.assertEqual(len(peers["a:1"].connections), 0)
        self.assertEqual((running.exchanges[-1].status, running.exchanges[-1].cause), (499, "client_closed"))

    def test_client_stops(self) -> None:
        """A client that sends no more is told 408 after the time for bodies."""
        client, _ = running = self.location()
        before = spooled()
        client.sends(get("/", "Content-Length: 5000", method="POST") + bytes(4000))
        running.clock.advance(61)
        self.assertEqual(client.responses[-1].status, 408)
        self.assertEqual(spooled(), before)

    def test_freed(self) -> None:
        """The file is freed when the response is complete."""
        client, peers = self.location()
        before = spooled()
        client.sends(post(bytes(4000)))
        self.assertEqual(spooled(), before + 1)
        peers["a:1"].sends(OK)
        self.assertEqual(spooled(), before)

    def test_slow_peer(self) -> None:
        """A peer that does not read is sent no more than fits in the queue; the rest stays on the disk."""
        running = self.location()
        client, peers = running
        connect(running)
        peers["a:1"].stops_reading()
        sent = body(1_000_000)
        client.sends(post(sent))
        self.assertLess(peers["a:1"].unsent, QUEUED)
        self.assertGreater(peers["a:1"].unsent, 64 * KiB)
        peers["a:1"].reads(300_000)
        self.assertLess(peers["a:1"].unsent, QUEUED)
        peers["a:1"].reads()
        self.assertEqual(peers["a:1"].requests[-1].body, sent)

    def test_handlers(self) -> None:
        """A handler that is no proxy gets the body in the same way."""
        client, _ = run(server(80).location("/").buffer_request().respond(200, "ok"))
        self.assertEqual(client.request("POST", "/", {}, b"hello").body, b"ok")
        self.assertEqual(client.request("POST", "/", {}, b"hello").body, b"ok")

    def test_lifted(self) -> None:
        """None lifts an outer one."""
        client, peers = run(server(80).buffer_request().location("/").buffer_request(None).proxy_to("a:1"))
        client.sends(get("/", "Content-Length: 5", method="POST"))
        self.assertEqual(len(peers["a:1"].connections), 1)


class RepeatedRequestTests(SynchronousTestCase):
    """Buffered bodies are sent again, however large."""

    def retrying(self, *, non_idempotent: bool = True) -> Running:
        """Two peers."""
        app = upstream("app", "a:1", "b:1")
        located = server(80).location("/").buffer_request(memory=1 * KiB)
        return run(located.retry(on=["error", 503], non_idempotent=non_idempotent).proxy_to(app))

    def test_peer_closes(self) -> None:
        """A peer that closes after it had the body is followed by the next one, which gets all of it."""
        client, peers = self.retrying()
        sent = body(300_000)
        client.sends(post(sent))
        self.assertEqual(peers["a:1"].requests[-1].body, sent)
        peers["a:1"].closes()
        self.assertEqual(peers["b:1"].requests[-1].body, sent)
        peers["b:1"].sends(OK)
        client.expects(OK)

    def test_idempotent(self) -> None:
        """What is not to be repeated is not, and PUT is without being told."""
        client, peers = self.retrying(non_idempotent=False)
        client.sends(post(body(300_000)))
        peers["a:1"].closes()
        self.assertEqual(client.responses[-1].status, 502)
        client, peers = self.retrying(non_idempotent=False)
        client.sends(post(body(300_000), method="PUT"))
        peers["a:1"].closes()
        self.assertEqual(peers["b:1"].requests[-1].body, body(300_000))

    def test_peer_closes_midway(self) -> None:
        """So is one that closes while it reads."""
        for most in (10, 100_000, 500_000):
            client, peers = running = self.retrying()
            connect(running)
            peers["a:1"].stops_reading()
            sent = body(900_000)
            # The next one is the other's turn.
            running.client().sends(GET)
            client.sends(post(sent))
            peers["a:1"].reads(most)
            self.assertEqual(peers["a:1"].requests[1:], [])
            # It was a kept connection, which may close at any time: the same peer is asked again.
            peers["a:1"].resets()
            self.assertEqual(peers["a:1"].requests[-1].body, sent)
            peers["a:1"].resets()
            self.assertEqual(peers["b:1"].requests[-1].body, sent)

    def test_status(self) -> None:
        """An answer that is retried is followed by the whole body, too."""
        client, peers = self.retrying()
        sent = body(300_000)
        client.sends(post(sent))
        peers["a:1"].sends(answer(b"busy", "503 Service Unavailable"))
        self.assertEqual(peers["b:1"].requests[-1].body, sent)
        peers["b:1"].sends(OK)
        client.expects(OK)

    def test_early_status(self) -> None:
        """Even one that comes before the peer had the body."""
        client, peers = running = self.retrying()
        connect(running)
        peers["a:1"].stops_reading()
        sent = body(900_000)
        running.client().sends(GET)
        client.sends(post(sent))
        peers["a:1"].sends(answer(b"busy", "503 Service Unavailable"))
        self.assertEqual(peers["b:1"].requests[-1].body, sent)
        peers["b:1"].sends(OK)
        client.expects(OK)

    def test_all_fail(self) -> None:
        """If no peer does better, the answer that was given is the client's."""
        client, peers = self.retrying()
        client.sends(post(body(300_000)))
        peers["a:1"].sends(answer(b"busy", "503 Service Unavailable"))
        peers["b:1"].closes()
        self.assertEqual((client.responses[-1].status, client.responses[-1].body), (503, b"busy"))

    def test_time(self) -> None:
        """The time for retries begins when the body is here, and so does that of the first attempt."""
        app = upstream("app", "a:1", "b:1")
        opened = server(80).location("/").buffer_request().retry(on=["error"], timeout=10, non_idempotent=True)
        log = access_log("-", format=f"{duration} {upstream_response_time}")
        client, peers = running = run(http(opened.proxy_to(app), access_log=log))
        client.sends(get("/", "Content-Length: 5", method="POST"))
        running.clock.advance(50)
        client.sends(b"hello")
        running.clock.advance(5)
        peers["a:1"].closes()
        peers["b:1"].sends(OK)
        client.expects(OK)
        self.assertEqual(running.log, ["55.000 5.000, 0.000"])


class SpoolTests(SynchronousTestCase):
    """Where files are."""

    def test_directory(self) -> None:
        """A file in the directory that was named has no name there."""
        folder = Path(self.mktemp())
        folder.mkdir()
        client, _ = run(server(80).location("/").buffer_request(memory=10, spool=folder).proxy_to("a:1"))
        client.sends(post(bytes(4000))[:-1])
        self.assertTrue(any(str(folder.resolve()) in each for each in open_files()))
        self.assertEqual(list(folder.iterdir()), [])
