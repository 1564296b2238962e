"""Tests of what clients may not send: the conversations of nginx 1.22.1's table, and the known ways of smuggling."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import KiB, clients, http, server, upstream
from tests.support.h1 import End, Message, Proxied, Requests, converse, ok, responses_in, statuses_in
from tests.support.smuggling import HIDDEN, TRICKS, Trick

SIMPLE = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def echo(message: Message) -> bytes:
    """A peer's answer: what it was asked for."""
    return ok(message.line[1] + b" " + message.body)


def attempt(*pieces: bytes) -> tuple[Proxied, End, list[Message]]:
    """A client that sends *pieces*: the proxy, the client's end, and the requests that peers have read."""
    proxied = Proxied()
    client = proxied.client()
    readers = converse(proxied, client, pieces, echo)
    assert not any(reader.error for reader in readers), readers
    return proxied, client, [message for reader in readers for message in reader.messages]


class TrickTests(SynchronousTestCase):
    """Every trick of the corpus is refused, or read in its one way."""

    def judge(self, trick: Trick, pieces: list[bytes]) -> None:
        """Hold what comes of *trick* to what the corpus says."""
        proxied, client, messages = attempt(*pieces)
        self.assertNotIn(b"/hidden", [message.line[1] for message in messages], trick.name)
        if trick.status == 200:
            self.assertEqual(tuple(message.body for message in messages), trick.bodies, trick.name)
            self.assertEqual(statuses_in(client.received), [200] * len(messages), trick.name)
            self.assertFalse(client.ended, trick.name)
            return
        if trick.status == 408:
            proxied.advance(61)
        self.assertEqual(messages, [], trick.name)
        self.assertEqual(statuses_in(client.received), [trick.status], trick.name)
        self.assertEqual(b"\r\nConnection: close\r\n" in client.received, trick.closes, trick.name)
        self.assertEqual(client.ended, trick.closes, trick.name)
        # What a peer was sent of it cannot be taken for a message, nor be followed by one.
        self.assertTrue(all(peer.lost for peer in proxied.peers), trick.name)
        proxied.advance(31 if trick.closes else 76)
        self.assertTrue(client.lost, trick.name)
        self.assertEqual(proxied.timers, 0, trick.name)

    def test_at_once(self) -> None:
        """In one read."""
        for trick in TRICKS:
            self.judge(trick, [trick.data])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_after_another(self) -> None:
        """Behind a good request on the same connection, with which it came."""
        for trick in TRICKS:
            if trick.status not in (200, 408):
                _, client, messages = attempt(SIMPLE + trick.data)
                self.assertEqual(statuses_in(client.received), [200, trick.status], trick.name)
                self.assertEqual(len(messages), 1, trick.name)
                self.assertEqual(client.ended, trick.closes, trick.name)

    def test_octet_by_octet(self) -> None:
        """In reads of one octet: an end is found wherever it is cut, and the answer is the same."""
        for trick in TRICKS:
            if len(trick.data) < 400:
                self.judge(trick, [trick.data[at : at + 1] for at in range(len(trick.data))])

    def test_twice(self) -> None:
        """What was read once and is remembered is refused again."""
        for trick in TRICKS:
            if trick.status not in (200, 408):
                proxied = Proxied()
                for _ in range(3):
                    client = proxied.client()
                    converse(proxied, client, [trick.data], echo)
                    self.assertEqual(statuses_in(client.received), [trick.status], trick.name)


class TableTests(SynchronousTestCase):
    """What has one reading is passed on in a form that has no other."""

    def test_underscore(self) -> None:
        """A field whose name has an underscore is dropped, as nginx drops it: CGI would take it for another."""
        _, _, [message] = attempt(b"GET / HTTP/1.1\r\nHost: h\r\nX_Forwarded_For: e\r\nX-A: b\r\n\r\n")
        self.assertEqual(message.field(b"x_forwarded_for"), [])
        self.assertEqual(message.field(b"x-a"), [b"b"])

    def test_named_in_connection(self) -> None:
        """Fields that Connection names end here, but for those that frame or place the message."""
        _, _, [message] = attempt(
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: X-A, host, x-real-ip, keep-alive\r\nX-a: 1\r\nX-b: 2\r\n"
            b"Keep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: x\r\nUpgrade: h2c\r\n\r\n"
        )
        names = [name for name, _ in message.fields]
        # The field CDN-Loop is the proxy's own.
        self.assertEqual(
            [name for name in names if not name.startswith((b"x-forwarded", b"cdn-"))], [b"host", b"x-b", b"x-real-ip"]
        )

    def test_expect(self) -> None:
        """A client that asks is told to go on, and the peer is not asked again."""
        _, client, [message] = attempt(
            b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", b"ok"
        )
        self.assertEqual(statuses_in(client.received), [100, 200])
        self.assertEqual((message.field(b"expect"), message.body), ([], b"ok"))

    def test_absolute_form(self) -> None:
        """The authority of a URL chooses the server and replaces Host (RFC 9112 3.2.2); the peer gets the path."""
        here = server(8080, names=["h"]).location("/").respond(200, "h")
        there = server(8080, names=["zz"]).location("/").proxy_to(upstream("app", "10.0.0.1:9000"))
        proxied = Proxied(http(here, there))
        client = proxied.client()
        [reader] = converse(proxied, client, [b"GET http://zz/n?a=%20 HTTP/1.1\r\nHost: h\r\n\r\n"], echo)
        [message] = reader.messages
        self.assertEqual(message.line[1], b"/n?a=%20")
        self.assertEqual((message.field(b"host"), message.field(b"x-forwarded-host")), ([b"zz"], [b"zz"]))

    def test_versions(self) -> None:
        """A peer is always spoken to in HTTP/1.1, and a client of HTTP/1.0 is not kept unless it asks."""
        _, client, [message] = attempt(b"GET / HTTP/1.0\r\n\r\n" + HIDDEN)
        self.assertEqual((message.line[2], message.field(b"host")), (b"1.1", [b"app"]))
        self.assertTrue(client.ended)
        _, client, messages = attempt(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n")
        self.assertEqual([message.line[1] for message in messages], [b"/a", b"/b"])
        self.assertTrue(client.ended)

    def test_close(self) -> None:
        """What follows a request that closes is not read."""
        _, client, [_] = attempt(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: CLOSE\r\n\r\n" + HIDDEN)
        self.assertEqual(statuses_in(client.received), [200])
        self.assertTrue(client.ended)

    def test_framing_is_written_anew(self) -> None:
        """The peer is told of the framing as it was understood, whatever blanks and zeros the client wrote."""
        for line, body, sent in (
            (b"Transfer-Encoding:\tCHUNKED \t", b"2;a\r\nok\r\n0\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n"),
            (b"Content-Length:\t002", b"ok", b"\r\nContent-Length: 2\r\n"),
        ):
            proxied, _, [message] = attempt(b"POST / HTTP/1.1\r\nHost: h\r\n" + line + b"\r\n\r\n" + body)
            self.assertIn(sent, proxied.peers[0].received)
            self.assertNotIn(line, proxied.peers[0].received)
            self.assertEqual(message.body, b"ok")

    def test_trailers(self) -> None:
        """Trailers go on, but for those that no trailer may be (RFC 9110 6.5.1)."""
        _, _, [message] = attempt(
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHost: e\r\nX_Under: 2\r\nX-Real-IP: e\r\n\r\n"
        )
        self.assertEqual(message.trailers, ((b"x-sum", b"1"),))


class PrecisionTests(SynchronousTestCase):
    """Where one request ends and the next begins."""

    def test_empty_lines(self) -> None:
        """RFC 9112 2.2: empty lines before a request line are passed over, however they arrive."""
        for pieces in (
            (b"\r\n" + SIMPLE,),
            (b"\r\n\r\n" + SIMPLE,),
            (b"\r\n\r\n\r\n" + SIMPLE,),
            (b"\r\n", SIMPLE),
            (b"\r", b"\n\r", b"\n", SIMPLE),
            (SIMPLE, b"\r\n" + SIMPLE),
            (SIMPLE + b"\r\n\r\n" + SIMPLE,),
            (b"\r\n" * 40000 + SIMPLE,),
        ):
            _, client, messages = attempt(*pieces)
            self.assertEqual(len(messages), b"".join(pieces).count(b"GET"), pieces[0][:9])
            self.assertFalse(client.ended)

    def test_cut_anywhere(self) -> None:
        """A head may be cut anywhere: it is read the same, when it is new and when it is remembered."""
        data = b"GET /a HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n"
        proxied = Proxied()
        for at in range(len(data)):
            client = proxied.client()
            before = len(proxied.exchanges)
            converse(proxied, client, [data[:at], data[at:]] if at else [data], echo)
            self.assertEqual(len(proxied.exchanges), before + 1, data[:at])
            self.assertTrue(client.received.endswith(b"\r\n\r\n/a "), data[:at])

    def test_pipelined(self) -> None:
        """Requests that came together are answered in their order, each with its own body."""
        data = b"".join(
            b"POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b" % (n, n, b"x" * n) for n in range(20)
        )
        _, client, messages = attempt(data + SIMPLE)
        self.assertEqual([len(message.body) for message in messages], [*range(20), 0])
        answers = responses_in(client.received, [b"POST"] * 21, closed=False)
        self.assertEqual([answer.body for answer in answers], [echo(m).partition(b"\r\n\r\n")[2] for m in messages])

    def test_held(self) -> None:
        """What comes before its time is held within bounds: then the client is not read."""
        proxied = Proxied()
        client = proxied.client(SIMPLE)
        client.sends(SIMPLE * 20000)
        proxied.pump()
        self.assertEqual(client.transport.producerState, "paused")
        self.assertLessEqual(proxied.held, 2 * 64 * KiB)
        proxied.peers[0].sends(ok())
        proxied.pump()
        self.assertEqual(len(Requests().feed(proxied.peers[0].received)), 2)

    def test_limits(self) -> None:
        """The limits are those that were set, to the octet."""
        for changed, data, status in (
            (clients(request_line=16), b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", 200),
            (clients(request_line=16), b"GET /ab HTTP/1.1\r\nHost: h\r\n\r\n", 200),
            (clients(request_line=16), b"GET /abc HTTP/1.1\r\nHost: h\r\n\r\n", 414),
            (clients(head=23), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200),
            (clients(head=22), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 431),
            (clients(fields=1), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200),
            (clients(fields=1), b"GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n", 431),
        ):
            config = http(server(8080).location("/").respond(200, "ok"), clients=changed)
            for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
                proxied = Proxied(config)
                client = proxied.client(*pieces)
                self.assertEqual(statuses_in(client.received), [status], (changed, data))

    def test_body_limit(self) -> None:
        """A body over its limit is refused by its declared length, or when the octet too many comes."""
        config = server(8080).location("/").limit_body(4).proxy_to(upstream("app", "10.0.0.1:9000"))
        for body in (b"Content-Length: 5\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"):
            proxied = Proxied(config)
            client = proxied.client(b"POST / HTTP/1.1\r\nHost: h\r\n" + body)
            self.assertEqual(statuses_in(client.received), [413])
            self.assertTrue(client.ended)
