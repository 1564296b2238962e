"""Conversations with event streams and long polls: nothing is held, nobody cut too early, nobody asked in vain."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Server, clients, http, minutes, server, upstream
from pydsl_proxy.testing import Running, run
from tests.support.decoding import decoder
from tests.support.events import HEAD, chunk, events_of
from tests.support.messages import get

ONE = b"data: 1\n\n"
Scopes = Callable[[Server], Server]


def dechunked(data: bytes) -> bytes:
    """The data of the chunks in *data*, each of which is whole."""
    found = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        found += rest[: int(size, 16)]
        data = rest[int(size, 16) + 2 :]
    return found


def streaming(told: Scopes = lambda web: web, *fields: str, head: bytes = HEAD, method: str = "GET") -> Running:
    """An event stream that has begun, at a location with what *told* adds."""
    running = run(http(told(server(80)).location("/").proxy_to("a:1")))
    client, peers = running
    client.sends(get("/", *fields, method=method))
    peers["a:1"].sends(head)
    client.takes()
    return running


class FlushedTests(SynchronousTestCase):
    """Every event reaches the client before the peer sends the next one."""

    def check(self, told: Scopes, *fields: str, decode: Callable[[bytes], bytes] = bytes) -> None:
        """No time passes, and nothing is held."""
        client, peers = running = streaming(told, *fields)
        for number in range(5):
            event = b"data: %d\n\n" % number
            peers["a:1"].sends(chunk(event))
            self.assertEqual(decode(dechunked(client.takes())), event)
        # Nor does anything follow later.
        running.clock.advance(14)
        client.expects(b"")

    def test_plain(self) -> None:
        """Nothing has to be asked for."""
        self.check(lambda web: web)

    def test_buffers(self) -> None:
        """A buffer holds none of it."""
        self.check(lambda web: web.buffer_response())

    def test_compressed(self) -> None:
        """A compressor leaves it alone, or is flushed."""
        self.check(lambda web: web.compress("gzip"), "Accept-Encoding: gzip")
        flushing = decoder("gzip")
        self.check(lambda web: web.compress("gzip", flush=True), "Accept-Encoding: gzip", decode=flushing)

    def test_rate(self) -> None:
        """A rate that the events do not reach holds none of them."""
        self.check(lambda web: web.limit_rate(10_000))

    def test_error_pages(self) -> None:
        """Pages for errors look at the head alone."""
        self.check(lambda web: web.error_page(500, body="sorry", intercept=True))

    def test_heartbeat(self) -> None:
        """Nor does what adds comments hold anything."""
        self.check(lambda web: web.heartbeat())

    def test_all(self) -> None:
        """Nor do all of them together."""

        def together(web: Server) -> Server:
            paced = web.heartbeat().limit_rate(10_000).compress("gzip", flush=True)
            return paced.buffer_response().error_page(404, body="-")

        self.check(together, "Accept-Encoding: gzip", decode=decoder("gzip"))

    def test_other_types(self) -> None:
        """A long response of another type streams too, as the lines of NDJSON."""
        head = HEAD.replace(b"text/event-stream", b"application/x-ndjson")
        client, peers = streaming(lambda web: web.buffer_response(), head=head)
        peers["a:1"].sends(chunk(b'{"token": "a"}\n'))
        client.expects(chunk(b'{"token": "a"}\n'))


class HeartbeatTests(SynchronousTestCase):
    """Comments while there is nothing else to send."""

    def test_every(self) -> None:
        """One whenever nothing was sent for so long, counted from the last byte."""
        client, peers = running = streaming(lambda web: web.heartbeat(10))
        running.clock.advance(9.9)
        client.expects(b"")
        running.clock.advance(0.1)
        client.expects(chunk(b":\n\n"))
        running.clock.advance(7)
        peers["a:1"].sends(chunk(ONE))
        client.expects(chunk(ONE))
        running.clock.advance(9.9)
        client.expects(b"")
        running.clock.advance(0.1)
        client.expects(chunk(b":\n\n"))
        running.clock.advance(10)
        client.expects(chunk(b":\n\n"))

    def test_within_an_event(self) -> None:
        """Not within a line; between two lines of an event as a line, which does not end the event."""
        client, peers = running = streaming(lambda web: web.heartbeat(10))
        got = b""
        for piece in (b"data: fi", b"rst\n", b"data: second\r", b"\n", b"\n", b"data: other\n\n"):
            peers["a:1"].sends(chunk(piece))
            running.clock.advance(10)
            got += dechunked(client.takes())
        self.assertEqual(got, b"data: first\n:\ndata: second\r\n:\n\n:\n\ndata: other\n\n:\n\n")
        self.assertEqual([event.data for event in events_of(got)], ["first\nsecond", "other"])

    def test_without_chunks(self) -> None:
        """To an old client, and from a peer that ends its stream by closing, they are sent as well."""
        client, peers = running = run(server(80).heartbeat(10).location("/").proxy_to("a:1"))
        client.sends(b"GET / HTTP/1.0\r\n\r\n")
        peers["a:1"].sends(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + ONE)
        client.takes()
        running.clock.advance(20)
        client.expects(2 * b":\n\n")
        peers["a:1"].closes()
        self.assertTrue(client.is_closed)
        self.assertEqual(client.responses[0].body, ONE + 2 * b":\n\n")

    def test_with_the_head(self) -> None:
        """What comes with the head is a part of the stream too."""
        client, peers = running = streaming(lambda web: web.heartbeat(10), head=HEAD + chunk(b"data: fi"))
        running.clock.advance(10)
        client.expects(b"")
        peers["a:1"].sends(chunk(b"rst\n\n"))
        client.expects(chunk(b"rst\n\n"))
        running.clock.advance(10)
        client.expects(chunk(b":\n\n"))

    def test_byte_order_mark(self) -> None:
        """The mark that a stream may begin with would be none behind a comment, but a part of the first name."""
        client, peers = running = streaming(lambda web: web.heartbeat(10))
        running.clock.advance(10)
        peers["a:1"].sends(chunk(b"\xef\xbb\xbf"))
        peers["a:1"].sends(chunk(b"\xef\xbb\xbf" + ONE))
        client.expects(chunk(b":\n\n") + chunk(ONE))
        client, peers = streaming(lambda web: web.heartbeat(10))
        peers["a:1"].sends(chunk(b"\xef\xbb\xbf" + ONE))
        client.expects(chunk(b"\xef\xbb\xbf" + ONE))

    def test_ends(self) -> None:
        """With the stream they end; the connection serves the next request, and no timer is left."""
        client, peers = running = streaming(lambda web: web.heartbeat(10))
        running.clock.advance(5)
        peers["a:1"].sends(chunk(ONE) + b"0\r\n\r\n")
        client.expects(chunk(ONE) + b"0\r\n\r\n")
        running.clock.advance(20)
        client.expects(b"")
        self.assertEqual(len(peers["a:1"].connections), 1)
        client.sends(get("/"))
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.assertEqual(client.responses[-1].body, b"ok")

    def test_breaks(self) -> None:
        """With a peer that breaks off, and with a client that leaves, they end as well."""
        client, peers = running = streaming(lambda web: web.heartbeat(10))
        peers["a:1"].sends(chunk(ONE))
        peers["a:1"].closes()
        client.expects(chunk(ONE))
        self.assertTrue(client.is_closed)
        running.clock.advance(20)
        client, peers = running = streaming(lambda web: web.heartbeat(10))
        client.closes()
        self.assertTrue(peers["a:1"].was_reset)
        running.clock.advance(20)
        self.assertEqual([each.cause for each in running.exchanges], ["client_closed"])

    def test_compressed(self) -> None:
        """They are compressed with the events, and flushed."""
        client, peers = running = streaming(
            lambda web: web.compress("gzip", flush=True).heartbeat(10), "Accept-Encoding: gzip"
        )
        read = decoder("gzip")
        peers["a:1"].sends(chunk(ONE))
        running.clock.advance(10)
        self.assertEqual(read(dechunked(client.takes())), ONE + b":\n\n")

    def test_not_reading(self) -> None:
        """A client that does not read is sent none; when it does again, the time begins anew."""
        client, peers = running = streaming(lambda web: web.heartbeat(10))
        client.stops_reading()
        event = b"data: " + bytes(200_000).replace(b"\0", b"x") + b"\n\n"
        peers["a:1"].sends(chunk(event))
        waiting = client.unsent
        running.clock.advance(30)
        self.assertEqual(client.unsent, waiting)
        client.reads()
        self.assertEqual(dechunked(client.takes()), event)
        running.clock.advance(9.9)
        client.expects(b"")
        running.clock.advance(0.1)
        client.expects(chunk(b":\n\n"))

    def test_rate(self) -> None:
        """While a rate holds something back, there is something to send."""
        client, peers = running = streaming(lambda web: web.limit_rate(10).heartbeat(5))
        peers["a:1"].sends(chunk(b"data: " + b"x" * 92 + b"\n\n"))
        running.clock.advance(9)
        self.assertNotIn(b":\n\n", client.takes().replace(b"data:", b""))
        running.clock.pump([0.5] * 20)
        self.assertIn(chunk(b":"), client.takes())


class ReloadTests(SynchronousTestCase):
    """Another configuration."""

    def test_reload(self) -> None:
        """A stream goes on with the configuration that it began with; the next one has the new one's."""
        client, peers = running = streaming(lambda web: web.heartbeat(10))
        running.reload(server(80).heartbeat(20).location("/").proxy_to("a:1"))
        running.clock.advance(10)
        client.expects(chunk(b":\n\n"))
        peers["a:1"].sends(chunk(ONE) + b"0\r\n\r\n")
        client.sends(get("/"))
        peers["a:1"].sends(HEAD)
        client.takes()
        running.clock.advance(10)
        client.expects(b"")
        running.clock.advance(10)
        client.expects(chunk(b":\n\n"))

    def test_stop(self) -> None:
        """A proxy that stops lets streams go on for a while, with their heartbeats, and then breaks them off."""
        running = run(http(server(80).heartbeat(10).location("/").proxy_to("a:1"), shutdown_grace=25))
        client, peers = running
        client.sends(get("/"))
        peers["a:1"].sends(HEAD)
        client.takes()
        running.stop()
        running.clock.advance(20)
        client.expects(2 * chunk(b":\n\n"))
        self.assertFalse(running.is_stopped)
        running.clock.advance(5)
        self.assertTrue(running.is_stopped)
        self.assertTrue(peers["a:1"].was_reset)


class NoHeartbeatTests(SynchronousTestCase):
    """Responses that get no comments."""

    def silent(self, head: bytes, *, method: str = "GET", body: bytes = b"") -> None:
        """Nothing is added to a response."""
        client, peers = running = streaming(lambda web: web.heartbeat(10), head=head, method=method)
        if body:
            peers["a:1"].sends(body)
        client.takes()
        running.clock.advance(59)
        client.expects(b"")

    def test_other_type(self) -> None:
        """Comments are of event streams alone."""
        self.silent(HEAD.replace(b"event-stream", b"plain"), body=chunk(b"text\n\n"))

    def test_length(self) -> None:
        """A body of declared length has no room for them."""
        self.silent(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 900\r\n\r\n", body=ONE)

    def test_encoded(self) -> None:
        """In what the peer has compressed they would be noise."""
        head = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
        self.silent(head, body=chunk(gzip.compress(ONE)))

    def test_not_encoded(self) -> None:
        """Some applications say of plain events that they are not encoded, so that nobody encodes them."""
        for name in (b"identity", b"none"):
            head = HEAD.replace(
                b"\r\n\r\n", b"\r\nContent-Encoding: " + name + b"\r\nCache-Control: no-transform\r\n\r\n"
            )
            client, _ = running = streaming(lambda web: web.heartbeat(10), head=head)
            running.clock.advance(10)
            client.expects(chunk(b":\n\n"))

    def test_digest(self) -> None:
        """What a digest was made of is not changed; in the trailers it comes too late, and is dropped."""
        self.silent(HEAD.replace(b"\r\n\r\n", b"\r\nContent-Digest: sha-256=:AAAA:\r\n\r\n"), body=chunk(ONE))
        client, peers = running = streaming(lambda web: web.heartbeat(10))
        running.clock.advance(10)
        peers["a:1"].sends(b"0\r\nContent-Digest: sha-256=:AAAA:\r\nX-Last: 1\r\n\r\n")
        client.expects(chunk(b":\n\n") + b"0\r\nX-Last: 1\r\n\r\n")

    def test_head(self) -> None:
        """The answer to HEAD has no body at all."""
        self.silent(HEAD, method="HEAD")

    def test_lifted(self) -> None:
        """An inner scope lifts an outer one."""
        client, peers = running = run(server(80).heartbeat(10).location("/").heartbeat(None).proxy_to("a:1"))
        client.sends(get("/"))
        peers["a:1"].sends(HEAD)
        client.takes()
        running.clock.advance(59)
        client.expects(b"")


class SilenceTests(SynchronousTestCase):
    """How long a peer may be silent."""

    def outlived(self, running: Running, seconds: float) -> bool:
        """Whether the stream is still there after *seconds*."""
        running.clock.advance(seconds)
        return not running.peers["a:1"].is_closed

    def test_heartbeats(self) -> None:
        """While comments arrive the read timeout cuts nothing; after the time for silence the peer is given up."""
        client, _ = running = streaming(lambda web: web.heartbeat(15, silence=10 * minutes))
        self.assertTrue(self.outlived(running, 599))
        self.assertFalse(self.outlived(running, 1))
        self.assertTrue(client.is_closed)
        self.assertEqual((running.exchanges[0].status, running.exchanges[0].cause), (200, "read_timeout"))
        self.assertIn("sent nothing for 600 s", running.exchanges[0].message)

    def test_an_hour(self) -> None:
        """It is an hour unless told, from the last byte of the peer."""
        _, peers = running = streaming(lambda web: web.heartbeat())
        self.assertTrue(self.outlived(running, 3000))
        peers["a:1"].sends(chunk(ONE))
        self.assertTrue(self.outlived(running, 3599))
        self.assertFalse(self.outlived(running, 1))

    def test_shorter(self) -> None:
        """It may also be shorter than the read timeout."""
        running = streaming(lambda web: web.timeouts(read=300).heartbeat(5, silence=20))
        self.assertTrue(self.outlived(running, 19))
        self.assertFalse(self.outlived(running, 1))

    def test_before_the_answer(self) -> None:
        """Until the head is here the read timeout holds: nobody knows yet that it is an event stream."""
        client, _ = running = run(server(80).location("/").heartbeat().proxy_to("a:1"))
        client.sends(get("/"))
        running.clock.advance(60)
        self.assertEqual(client.responses[0].status, 504)

    def test_comments_of_the_peer(self) -> None:
        """Without the verb the peer's own comments, as any bytes, keep the read timeout away."""
        client, peers = running = streaming()
        for _ in range(5):
            self.assertTrue(self.outlived(running, 59))
            peers["a:1"].sends(chunk(b":\n\n"))
        self.assertEqual(client.takes(), 5 * chunk(b":\n\n"))
        self.assertFalse(self.outlived(running, 60))

    def test_next_request(self) -> None:
        """What held for a stream does not hold for the next request on its connections."""
        client, peers = running = streaming(lambda web: web.heartbeat())
        peers["a:1"].sends(b"0\r\n\r\n")
        client.sends(get("/"))
        self.assertEqual(len(peers["a:1"].connections), 1)
        running.clock.advance(60)
        self.assertEqual(client.responses[-1].status, 504)

    def test_encoded(self) -> None:
        """Where no comments can be sent the read timeout holds."""
        head = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
        running = streaming(lambda web: web.heartbeat(), head=head)
        self.assertTrue(self.outlived(running, 59))
        self.assertFalse(self.outlived(running, 1))

    def test_paused(self) -> None:
        """The peer's time stands while the client does not read, and is the same afterwards."""
        client, peers = running = streaming(lambda web: web.heartbeat(15, silence=600))
        client.stops_reading()
        peers["a:1"].sends(chunk(bytes(200_000)))
        running.clock.advance(50)
        client.reads()
        self.assertTrue(self.outlived(running, 599))
        self.assertFalse(self.outlived(running, 1))

    def test_held(self) -> None:
        """A stream that was kept while another peer was tried is an event stream like others."""
        app = upstream("app", "a:1", "b:1")
        client, peers = running = run(server(80).location("/").heartbeat(15).retry(on=[503]).proxy_to(app))
        peers["b:1"].refuses()
        client.sends(get("/"))
        peers["a:1"].sends(HEAD.replace(b"200 OK", b"503 Busy"))
        client.takes()
        running.clock.advance(90)
        client.expects(6 * chunk(b":\n\n"))

    def test_upload(self) -> None:
        """So is one that begins before the request's body is complete."""
        client, peers = running = run(server(80).location("/").heartbeat(15).proxy_to("a:1"))
        client.sends(get("/", "Content-Length: 4", method="POST") + b"ab")
        peers["a:1"].sends(HEAD)
        client.sends(b"cd")
        client.takes()
        running.clock.advance(90)
        client.expects(6 * chunk(b":\n\n"))

    def test_upload_stands(self) -> None:
        """The peer's time to take the request's body is the same as before: it may be silent, and must read."""
        web = server(80).location("/").timeouts(send=5).heartbeat(15, silence=600).proxy_to("a:1")
        client, peers = running = run(web)
        client.sends(get("/", "Content-Length: 1000000", method="POST"))
        peers["a:1"].sends(HEAD)
        peers["a:1"].stops_reading()
        client.sends(bytes(500_000))
        running.clock.advance(4.9)
        self.assertFalse(peers["a:1"].is_closed)
        running.clock.advance(0.1)
        self.assertTrue(peers["a:1"].is_closed)
        self.assertEqual(running.exchanges[0].cause, "send_timeout")


class LeavingTests(SynchronousTestCase):
    """Clients that close; on a real connection that looks like a half close until something is sent."""

    def test_silent_stream(self) -> None:
        """If nothing is sent for ``half_close`` the client is taken to have left, and the peer hears of it."""
        client, peers = running = streaming()
        running.clock.advance(20)
        client.half_closes()
        running.clock.advance(4.9)
        self.assertFalse(peers["a:1"].is_closed)
        running.clock.advance(0.1)
        self.assertTrue(peers["a:1"].was_reset)
        self.assertEqual((running.exchanges[0].status, running.exchanges[0].cause), (200, "client_closed"))

    def test_before_the_head(self) -> None:
        """The head is sent to it too; from then on the time begins anew."""
        client, peers = running = run(server(80).location("/").proxy_to("a:1"))
        client.sends(get("/"))
        client.half_closes()
        running.clock.advance(4)
        peers["a:1"].sends(HEAD)
        running.clock.advance(5)
        self.assertFalse(peers["a:1"].is_closed)
        running.clock.advance(5)
        self.assertTrue(peers["a:1"].was_reset)

    def test_still_reads(self) -> None:
        """A simple tool that has closed its half gets its events, as long as they come."""
        client, peers = running = streaming()
        client.half_closes()
        for _ in range(10):
            running.clock.advance(4)
            peers["a:1"].sends(chunk(ONE))
        peers["a:1"].sends(b"0\r\n\r\n")
        client.expects(10 * chunk(ONE) + b"0\r\n\r\n")
        self.assertTrue(client.is_gone)

    def test_time(self) -> None:
        """The time is a limit of the clients; comments more often than that keep the stream up."""
        web = server(80).location("/").heartbeat(15).proxy_to("a:1")
        client, peers = running = run(http(web, clients=clients(half_close=20)))
        client.sends(get("/"))
        peers["a:1"].sends(HEAD)
        client.half_closes()
        running.clock.pump([5] * 20)
        self.assertFalse(peers["a:1"].is_closed)

    def test_slow_reader(self) -> None:
        """One that has closed its half and reads slowly has its time for that, and then this one."""
        client, peers = running = streaming()
        client.stops_reading()
        peers["a:1"].sends(chunk(b"data: " + b"x" * 200_000 + b"\n\n"))
        client.half_closes()
        running.clock.advance(30)
        self.assertFalse(peers["a:1"].is_closed)
        client.reads()
        running.clock.advance(4)
        self.assertFalse(peers["a:1"].is_closed)
        running.clock.advance(6)
        self.assertTrue(peers["a:1"].was_reset)

    def test_filters(self) -> None:
        """Whatever stands between, the attempt ends with the client."""
        for told in (
            lambda web: web.buffer_response(),
            lambda web: web.compress("gzip", flush=True),
            lambda web: web.limit_rate(10_000),
            lambda web: web.heartbeat(),
            lambda web: web.error_page(500, body="sorry", intercept=True),
        ):
            client, peers = streaming(told, "Accept-Encoding: gzip")
            peers["a:1"].sends(chunk(ONE))
            client.closes()
            self.assertTrue(peers["a:1"].was_reset)


class LongPollTests(SynchronousTestCase):
    """Requests that are answered when there is something to tell."""

    def polls(self) -> Running:
        """A location whose peer may take five minutes, and one beside it."""
        web = server(80).location("/poll").timeouts(read=5 * minutes).proxy_to("a:1").location("/").proxy_to("a:1")
        return run(http(web))

    def test_waits(self) -> None:
        """The peer has the time of the location; other locations keep theirs."""
        client, peers = running = self.polls()
        client.sends(get("/poll"))
        running.clock.advance(299)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnews")
        self.assertEqual(client.responses[-1].body, b"news")
        client.sends(get("/"))
        running.clock.advance(60)
        self.assertEqual(client.responses[-1].status, 504)

    def test_leaving(self) -> None:
        """When the client leaves, the peer's connection is closed: at once, or when a half close has had its time."""
        client, peers = self.polls()
        client.sends(get("/poll"))
        client.closes()
        self.assertTrue(peers["a:1"].was_reset)
        client, peers = running = self.polls()
        client.sends(get("/poll"))
        client.half_closes()
        running.clock.advance(5)
        self.assertTrue(peers["a:1"].was_reset)
        self.assertEqual((running.exchanges[0].status, running.exchanges[0].cause), (499, "client_closed"))

    def test_buffered_request(self) -> None:
        """So it is for a poll with a body that was read before."""
        client, peers = run(server(80).location("/").buffer_request().buffer_response().proxy_to("a:1"))
        client.sends(get("/", "Content-Length: 2", method="POST") + b"ab")
        self.assertEqual(peers["a:1"].requests[-1].body, b"ab")
        client.closes()
        self.assertTrue(peers["a:1"].was_reset)
