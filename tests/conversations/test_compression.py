"""Conversations at locations that compress."""

from __future__ import annotations

import gzip
import zlib
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Server, access_log, bytes_sent, http, server
from pydsl_proxy.testing import Response, Running, run
from tests.support.decoding import decoder
from tests.support.messages import answer, get

TEXT = b"".join(b"line %d of a text that compresses well\n" % number for number in range(100))
GZIP = "Accept-Encoding: gzip"
PLAIN = "Content-Type: text/plain; charset=utf-8"
CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"


def compressing() -> Server:
    """One location, one peer."""
    return server(80).location("/").compress("gzip").proxy_to("a:1")


def chunk(data: bytes) -> bytes:
    """A chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def dechunked(data: bytes) -> bytes:
    """The data of the chunks in *data*, each of which is whole."""
    found = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        found += rest[: int(size, 16)]
        data = rest[int(size, 16) + 2 :]
    return found


def asked(web: Server, request: bytes, response: bytes) -> Response:
    """What becomes of a response to a request."""
    client, peers = run(web)
    client.sends(request)
    peers["a:1"].sends(response)
    return client.responses[-1]


class WholeTests(SynchronousTestCase):
    """Bodies that are here as a whole."""

    def test_compressed(self) -> None:
        """The body is compressed in one go, and its length told; what told of the plain bytes is changed."""
        peers = answer(TEXT, "200 OK", PLAIN, 'ETag: "x"', "Accept-Ranges: bytes", "Vary: Cookie", "A: b")
        got = asked(compressing(), get("/", GZIP), peers)
        self.assertEqual(gzip.decompress(got.body), TEXT)
        self.assertEqual(got.headers["Content-Length"], str(len(got.body)))
        self.assertLess(len(got.body), len(TEXT) / 4)
        told = dict(got.headers)
        for name in ("content-length", "date"):
            del told[name]
        self.assertEqual(
            told,
            {
                "content-type": "text/plain; charset=utf-8",
                "etag": 'W/"x"',
                "vary": "Cookie, Accept-Encoding",
                "a": "b",
                "content-encoding": "gzip",
            },
        )

    def test_log(self) -> None:
        """The log counts the bytes that were sent, as nginx does."""
        whole = http(compressing(), access_log=access_log("-", format=f"{bytes_sent}"))
        running = run(whole)
        client, peers = running
        peers["a:1"].answers(200, TEXT, {"Content-Type": "text/plain"})
        got = client.request("GET", "/", {"Accept-Encoding": "gzip"})
        self.assertEqual(running.log, [str(len(got.body))])

    def test_log_of_refused(self) -> None:
        """So it does for the body that tells of a request that could not be read."""
        running = run(http(compressing(), access_log=access_log("-", format=f"{bytes_sent}")))
        client, _ = running
        client.sends(b"GET / HTTP/1.1\r\nHost\r\n\r\n")
        self.assertEqual(running.log, [str(len(client.responses[0].body))])
        self.assertNotEqual(running.log, ["0"])

    def test_own(self) -> None:
        """So are the proxy's own bodies, and those of errors."""
        client, _ = run(server(80).location("/").compress("gzip").respond(404, TEXT, content_type="text/html"))
        got = client.request("GET", "/", {"Accept-Encoding": "gzip"})
        self.assertEqual((got.status, gzip.decompress(got.body)), (404, TEXT))

    def test_no_gain(self) -> None:
        """A body that would not become smaller is left as it is."""
        noise = Random(1).randbytes(4000)
        got = asked(compressing(), get("/", GZIP), answer(noise, "200 OK", PLAIN, 'ETag: "x"'))
        self.assertEqual((got.body, got.headers["ETag"]), (noise, '"x"'))
        self.assertNotIn("Content-Encoding", got.headers)

    def test_again(self) -> None:
        """Responses with the same head are compressed one like the other, and do not get in each other's way."""
        client, peers = run(compressing())
        for body in (TEXT, TEXT[::-1], TEXT + TEXT, TEXT):
            peers["a:1"].answers(200, body, {"Content-Type": "text/plain", "Content-Length": str(len(body))})
            for _ in range(3):
                got = client.request("GET", "/", {"Accept-Encoding": "gzip"})
                self.assertEqual(gzip.decompress(got.body), body)
                self.assertEqual(client.request("GET", "/").body, body)


class NothingTests(SynchronousTestCase):
    """What is not compressed."""

    def left_alone(self, request: bytes, response: bytes, web: Server | None = None, vary: str | None = None) -> None:
        """The response comes through byte for byte; its Vary is *vary*."""
        client, peers = run(web or compressing())
        client.sends(request)
        peers["a:1"].sends(response)
        got = client.takes()
        self.assertIsNot(got, b"")
        head, _, body = response.partition(b"\r\n\r\n")
        lines = [line for line in got.partition(b"\r\n\r\n")[0].split(b"\r\n") if not line.startswith(b"Date:")]
        self.assertEqual(lines, head.split(b"\r\n") + ([b"Vary: " + vary.encode()] if vary else []))
        self.assertEqual(got.partition(b"\r\n\r\n")[2], b"" if request.startswith(b"HEAD") else body)

    def test_not_accepted(self) -> None:
        """For a client that does not want it, but Vary tells caches that others do."""
        response = answer(TEXT, "200 OK", PLAIN, 'ETag: "x"')
        for field in ("A: b", "Accept-Encoding: br", "Accept-Encoding: gzip;q=0", "Accept-Encoding: identity"):
            self.left_alone(get("/", field), response, vary="Accept-Encoding")

    def test_type(self) -> None:
        """A body of another type, or of none that is told."""
        self.left_alone(get("/", GZIP), answer(TEXT, "200 OK", "Content-Type: image/png"))
        self.left_alone(get("/", GZIP), answer(TEXT))

    def test_small(self) -> None:
        """A body below 1024 bytes, whether its length is told or it is here as a whole."""
        self.left_alone(get("/", GZIP), answer(TEXT[:1023], "200 OK", PLAIN))
        got = asked(compressing(), get("/", GZIP), CHUNKED + chunk(TEXT[:1023]) + b"0\r\n\r\n")
        self.assertEqual((got.body, "Content-Encoding" in got.headers), (TEXT[:1023], False))
        got = asked(compressing(), get("/", GZIP), answer(TEXT[:1024], "200 OK", PLAIN))
        self.assertEqual(gzip.decompress(got.body), TEXT[:1024])

    def test_encoded(self) -> None:
        """What has a Content-Encoding, be it one that changes nothing."""
        for coding in ("gzip", "br", "identity"):
            response = answer(gzip.compress(TEXT) * 9, "200 OK", PLAIN, f"Content-Encoding: {coding}")
            self.left_alone(get("/", GZIP), response)

    def test_encoded_by_us(self) -> None:
        """Where the location itself says what the encoding is."""
        web = server(80).compress("gzip").location("/").set_response_header("Content-Encoding", "gzip").proxy_to("a:1")
        got = asked(web, get("/", GZIP), answer(gzip.compress(TEXT) * 9, "200 OK", PLAIN))
        self.assertEqual(gzip.decompress(got.body), TEXT * 9)

    def test_no_transform(self) -> None:
        """What must not be transformed, by the word of either side."""
        response = answer(TEXT, "200 OK", PLAIN, "Cache-Control: public, no-transform")
        self.left_alone(get("/", GZIP), response)
        plain = answer(TEXT, "200 OK", PLAIN)
        self.left_alone(get("/", GZIP, "Cache-Control: no-transform"), plain, vary="Accept-Encoding")

    def test_digest(self) -> None:
        """What has a digest of its bytes."""
        self.left_alone(get("/", GZIP), answer(TEXT, "200 OK", PLAIN, "Repr-Digest: sha-256=:x:"))

    def test_ranges(self) -> None:
        """A part, and the whole that answers a request for one."""
        part = answer(TEXT, "206 Partial Content", PLAIN, "Content-Range: bytes 0-9/10")
        self.left_alone(get("/", GZIP, "Range: bytes=0-"), part)
        whole = answer(TEXT, "200 OK", PLAIN, 'ETag: "x"')
        self.left_alone(get("/", GZIP, "Range: bytes=0-"), whole, vary="Accept-Encoding")

    def test_head(self) -> None:
        """The answer to HEAD has the peer's length, and the Vary that GET would have."""
        told = answer(TEXT, "200 OK", PLAIN, 'ETag: "x"').partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        self.left_alone(get("/", GZIP, method="HEAD"), told, vary="Accept-Encoding")

    def test_no_body(self) -> None:
        """A status without a body."""
        self.left_alone(get("/", GZIP), b"HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\n\r\n")

    def test_old_client(self) -> None:
        """A client of HTTP/1.0 could not tell a broken body from a complete one."""
        client, peers = run(compressing())
        client.sends(b"GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        peers["a:1"].sends(answer(TEXT, "200 OK", PLAIN))
        self.assertEqual(client.responses[-1].body, TEXT)
        self.assertEqual(client.responses[-1].headers["Vary"], "Accept-Encoding")

    def test_events(self) -> None:
        """An event stream, unless each write is to be sent at once."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        client, peers = run(compressing())
        client.sends(get("/", GZIP))
        peers["a:1"].sends(head + chunk(b"data: 1\n\n"))
        self.assertTrue(client.received.endswith(chunk(b"data: 1\n\n")))
        self.assertNotIn(b"Vary", client.received)

    def test_via(self) -> None:
        """Other proxies are clients like all others, which nginx's gzip_proxied has them not be: Vary protects them."""
        got = asked(compressing(), get("/", GZIP, "Via: 1.1 cdn"), answer(TEXT, "200 OK", PLAIN))
        self.assertEqual(gzip.decompress(got.body), TEXT)

    def test_lifted(self) -> None:
        """An inner scope lifts what an outer one asks for, or asks for something else."""
        inner = server(80).compress("gzip").location("/").compress(None).proxy_to("a:1")
        self.left_alone(get("/", GZIP), answer(TEXT, "200 OK", PLAIN), inner)
        other = server(80).compress("gzip").location("/").compress("gzip", types=["image/png"]).proxy_to("a:1")
        self.left_alone(get("/", GZIP), answer(TEXT, "200 OK", PLAIN), other)


class NotModifiedTests(SynchronousTestCase):
    """Clients that have a copy."""

    def test_round(self) -> None:
        """The weak tag that was given with a compressed body goes to the peer, whose answer tells it again."""
        client, peers = run(compressing())
        client.sends(get("/", GZIP))
        peers["a:1"].sends(answer(TEXT, "200 OK", PLAIN, 'ETag: "x"'))
        tag = client.responses[-1].headers["ETag"]
        peers["a:1"].takes()
        client.sends(get("/", GZIP, f"If-None-Match: {tag}"))
        self.assertIn(b'\r\nIf-None-Match: W/"x"\r\n', peers["a:1"].takes())
        peers["a:1"].sends(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nVary: Cookie\r\n\r\n')
        got = client.responses[-1]
        self.assertEqual((got.status, got.headers["ETag"]), (304, 'W/"x"'))
        self.assertEqual(got.headers["Vary"], "Cookie, Accept-Encoding")

    def test_plain(self) -> None:
        """A client whose copy is plain is sent its strong tag; the 304 has the Vary of the 200."""
        client, peers = run(compressing())
        client.sends(get("/", 'If-None-Match: "x"'))
        peers["a:1"].sends(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n')
        headers = client.responses[-1].headers
        self.assertEqual((headers["ETag"], headers["Vary"]), ('"x"', "Accept-Encoding"))

    def test_any(self) -> None:
        """A client that asks for any copy is sent the tag that its 200 would have (RFC 9110 15.4.5)."""
        for fields, version, tag in (
            ((GZIP,), b"HTTP/1.1", 'W/"x"'),
            ((), b"HTTP/1.1", '"x"'),
            ((GZIP, "Range: bytes=0-1"), b"HTTP/1.1", '"x"'),
            ((GZIP,), b"HTTP/1.0", '"x"'),
        ):
            client, peers = run(compressing())
            client.sends(get("/", "If-None-Match: *", *fields).replace(b"HTTP/1.1", version))
            peers["a:1"].sends(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n')
            headers = client.responses[-1].headers
            self.assertEqual((headers["ETag"], headers["Vary"]), (tag, "Accept-Encoding"), fields)

    def test_other_type(self) -> None:
        """A 304 whose type is none that is compressed stays as it is."""
        client, peers = run(compressing())
        client.sends(get("/", GZIP, "If-None-Match: *"))
        refusal = b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Type: image/png\r\n\r\n'
        peers["a:1"].sends(refusal)
        client.expects(refusal)


class StreamTests(SynchronousTestCase):
    """Bodies that come in pieces."""

    def begun(self, head: bytes = CHUNKED, web: Server | None = None) -> Running:
        """A conversation in which the peer has sent *head*."""
        running = run(web or compressing())
        client, peers = running
        client.sends(get("/", GZIP))
        peers["a:1"].sends(head)
        return running

    def test_chunked(self) -> None:
        """A body without a length is compressed as it comes, and its trailers follow it, but for a digest."""
        client, peers = self.begun()
        for at in range(0, len(TEXT), 100):
            peers["a:1"].sends(chunk(TEXT[at : at + 100]))
        peers["a:1"].sends(b"0\r\nX-Sum: 1\r\nContent-Digest: sha-256=:x:\r\n\r\n")
        got = client.responses[-1]
        self.assertEqual(gzip.decompress(got.body), TEXT)
        self.assertNotIn("Content-Length", got.headers)
        self.assertEqual(client.received.rpartition(b"0\r\n")[2], b"X-Sum: 1\r\n\r\n")

    def test_length(self) -> None:
        """One with a length loses it."""
        whole = answer(TEXT, "200 OK", PLAIN)
        client, peers = self.begun(whole[:200])
        peers["a:1"].sends(whole[200:900])
        peers["a:1"].sends(whole[900:])
        got = client.responses[-1]
        self.assertEqual(gzip.decompress(got.body), TEXT)
        self.assertNotIn("Content-Length", got.headers)

    def test_close(self) -> None:
        """One that ends with the peer's connection becomes one whose end is told."""
        client, peers = self.begun(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + TEXT[:10])
        peers["a:1"].sends(TEXT[10:])
        peers["a:1"].closes()
        self.assertEqual(gzip.decompress(client.responses[-1].body), TEXT)
        self.assertFalse(client.is_closed)

    def test_empty(self) -> None:
        """One that turns out to be empty is an empty one."""
        client, peers = self.begun()
        peers["a:1"].sends(b"0\r\n\r\n")
        self.assertEqual(gzip.decompress(client.responses[-1].body), b"")

    def test_held_back(self) -> None:
        """What a slow peer sends waits for more for 50 ms, and then goes out."""
        running = self.begun()
        client, peers = running
        head = client.takes()
        self.assertIn(b"Content-Encoding: gzip", head)
        read = decoder("gzip")
        for line in (b"one\n", b"two\n"):
            peers["a:1"].sends(chunk(line))
            running.clock.advance(0.049)
            self.assertEqual(read(dechunked(client.takes())), b"")
            running.clock.advance(0.002)
            self.assertEqual(read(dechunked(client.takes())), line)
        running.clock.advance(10)
        self.assertEqual(client.takes(), b"")

    def test_flush(self) -> None:
        """With flush each write of the peer goes out at once, and events are compressed."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        client, peers = self.begun(head, server(80).location("/").compress("gzip", flush=True).proxy_to("a:1"))
        client.takes()
        read = decoder("gzip")
        for number in range(3):
            peers["a:1"].sends(chunk(b"data: %d\n\n" % number))
            self.assertEqual(read(dechunked(client.takes())), b"data: %d\n\n" % number)
        peers["a:1"].sends(b"0\r\n\r\n")
        self.assertTrue(client.takes().endswith(b"\r\n0\r\n\r\n"))

    def test_broken(self) -> None:
        """A peer that breaks off breaks the client's response, which gets what came and no end."""
        running = self.begun()
        client, peers = running
        client.takes()
        peers["a:1"].sends(chunk(TEXT))
        peers["a:1"].closes()
        got = client.takes()
        self.assertNotIn(b"\r\n0\r\n\r\n", got)
        self.assertTrue(client.is_closed)
        reading = zlib.decompressobj(31)
        self.assertEqual((reading.decompress(dechunked(got)), reading.eof), (TEXT, False))
        running.clock.advance(100)
        self.assertEqual(client.takes(), b"")

    def test_left(self) -> None:
        """A client that leaves stops the clock of the compressor."""
        running = self.begun()
        running.peers["a:1"].sends(chunk(TEXT))
        running[0].closes()
        self.assertEqual(running.clock.getDelayedCalls(), [])

    def test_slow_client(self) -> None:
        """A client that does not read stops the peer, and gets all of it in the end."""
        running = self.begun()
        client, peers = running
        client.takes()
        client.stops_reading()
        noise = Random(1).randbytes(600_000)
        for at in range(0, len(noise), 50_000):
            peers["a:1"].sends(chunk(noise[at : at + 50_000]))
        running.clock.advance(1)
        self.assertGreater(peers["a:1"].unread, 100_000)
        self.assertLess(client.unsent, 400_000)
        client.reads()
        peers["a:1"].sends(b"0\r\n\r\n")
        self.assertEqual(gzip.decompress(client.responses[-1].body), noise)

    def test_flood(self) -> None:
        """What compresses a thousandfold comes through, though the peer is paused for others to have their turn."""
        client, peers = self.begun()
        for _ in range(30):
            peers["a:1"].sends(chunk(bytes(100_000)))
        peers["a:1"].sends(b"0\r\n\r\n")
        self.assertEqual(gzip.decompress(client.responses[-1].body), bytes(3_000_000))

    def test_reload(self) -> None:
        """A reload goes on with what it knows, and an exchange with what it began."""
        running = self.begun()
        client, peers = running
        running.reload(compressing())
        peers["a:1"].sends(chunk(TEXT) + b"0\r\n\r\n")
        self.assertEqual(gzip.decompress(client.responses[-1].body), TEXT)
