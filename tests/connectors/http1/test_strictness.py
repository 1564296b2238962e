"""Tests of what peers may not send: it costs the client a 502 at most, and never reaches another."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from tests.support.h1 import End, Message, Proxied, final_statuses, ok, responses_in, statuses_in
from tests.support.smuggling import BAD_ANSWERS, SECRET

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def answered(*pieces: bytes, request: bytes = GET) -> tuple[Proxied, End, End]:
    """What comes of a peer that answers *request* by *pieces*, a read for each; the ends of the client and the peer."""
    proxied = Proxied()
    client = proxied.client(request)
    [peer] = proxied.peers
    for piece in pieces:
        peer.sends(piece)
        proxied.pump()
    return proxied, client, peer


def octets(data: bytes) -> list[bytes]:
    """*data* in reads of one octet."""
    return [data[at : at + 1] for at in range(len(data))]


def seen(client: End, method: bytes = b"GET") -> Message | None:
    """The response as the client's h11 reads it; None if it is not complete."""
    messages = responses_in(client.received, [method], closed=client.ended)
    return messages[0] if messages else None


class Case(SynchronousTestCase):
    """What holds after every conversation."""

    def assert_next_is_clean(self, proxied: Proxied, *, fresh: bool) -> None:
        """Another client gets its own answer, from a *fresh* connection or the kept one."""
        before = len(proxied.peers)
        client = proxied.client(GET)
        self.assertEqual(len(proxied.peers) - before, int(fresh))
        proxied.peers[-1].sends(ok(b"yours"))
        proxied.pump()
        self.assertTrue(client.received.startswith(b"HTTP/1.1 200 OK\r\n"), client.received)
        self.assertTrue(client.received.endswith(b"\r\n\r\nyours"), client.received)

    def assert_clean(self, proxied: Proxied) -> None:
        """No error was logged, and when all have left nothing is kept."""
        self.assertEqual(self.flushLoggedErrors(), [])
        proxied.advance(140)
        self.assertEqual(proxied.timers, 0)
        self.assertTrue(all(end.lost for end in (*proxied.clients, *proxied.peers)))


class BadHeadTests(Case):
    """A head that has no single reading."""

    def test_at_once(self) -> None:
        """It is answered with 502, nothing of it goes on, and its connection is closed."""
        for name, data in BAD_ANSWERS.items():
            proxied, client, peer = answered(data)
            self.assertEqual(final_statuses(client.received), [502], name)
            self.assertTrue(client.received.endswith(b"\r\n\r\n502 Bad Gateway\n"), name)
            self.assertFalse(client.ended, name)
            self.assertTrue(peer.lost, name)
            self.assert_next_is_clean(proxied, fresh=True)
            self.assert_clean(proxied)

    def test_octet_by_octet(self) -> None:
        """The same wherever it is cut."""
        for name, data in BAD_ANSWERS.items():
            if len(data) < 1000:
                _, client, peer = answered(*octets(data))
                self.assertEqual(final_statuses(client.received), [502], name)
                self.assertTrue(peer.lost, name)

    def test_again(self) -> None:
        """What was read and is remembered is refused again."""
        for name, data in BAD_ANSWERS.items():
            proxied = Proxied()
            for _ in range(3):
                client = proxied.client(GET)
                proxied.peers[-1].sends(data)
                proxied.pump()
                self.assertEqual(final_statuses(client.received), [502], name)

    def test_first_chunk(self) -> None:
        """A body that is malformed from its start is found so before the head goes on, if it came with the head."""
        for chunk in (b"0x2\r\nok\r\n", b"2\r\nokay\r\n", b"2\nok\r\n", b"0\r\nX\r\n\r\n"):
            _, client, peer = answered(CHUNKED + chunk)
            self.assertEqual(statuses_in(client.received), [502])
            self.assertTrue(peer.lost)

    def test_cut_short(self) -> None:
        """A peer that closes within its head has not answered."""
        for data in (b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nX: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"):
            proxied, client, peer = answered(data)
            peer.closes()
            self.assertEqual(statuses_in(client.received), [502])
            self.assert_clean(proxied)


class SurplusTests(Case):
    """What a peer sends beyond its response goes nowhere."""

    def test_with_the_response(self) -> None:
        """It came in the same read: the client gets the declared body, and the connection is not kept."""
        for method, data, body in (
            (b"GET", ok(b"ok") + b"!", b"ok"),
            (b"GET", ok(b"ok") + SECRET, b"ok"),
            (b"GET", ok(b"") + SECRET, b""),
            (b"GET", CHUNKED + b"2\r\nok\r\n0\r\n\r\n" + SECRET, b"ok"),
            (b"GET", CHUNKED + b"2\r\nok\r\n0\r\nX: y\r\n\r\n" + SECRET, b"ok"),
            (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n" + SECRET, b""),
            (b"GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nsecret", b""),
            (b"GET", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsecret\r\n0\r\n\r\n", b""),
            (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\nsecret", b""),
            (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret", b""),
            (b"HEAD", CHUNKED + b"6\r\nsecret\r\n0\r\n\r\n", b""),
            (b"HEAD", b"HTTP/1.1 200 OK\r\n\r\nsecret", b""),
        ):
            proxied, client, peer = answered(data, request=GET.replace(b"GET", method))
            message = seen(client, method)
            assert message is not None
            self.assertEqual(message.body, body, data)
            self.assertNotIn(b"secret", client.received, data)
            self.assertTrue(peer.lost, data)
            self.assert_next_is_clean(proxied, fresh=True)
            self.assert_clean(proxied)

    def test_after_the_response(self) -> None:
        """It came on an idle connection: nobody asked, and the peer is out of step."""
        for method, data in (
            (b"GET", ok()),
            (b"GET", CHUNKED + b"0\r\n\r\n"),
            (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n"),
            (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"),
        ):
            for surplus in (b"!", b"\r\n", SECRET):
                proxied, client, peer = answered(data, request=GET.replace(b"GET", method))
                self.assertFalse(peer.lost, data)
                peer.sends(surplus)
                proxied.pump()
                self.assertTrue(peer.lost, data)
                self.assertNotIn(b"secret", client.received)
                self.assert_next_is_clean(proxied, fresh=True)
                self.assert_clean(proxied)

    def test_in_the_last_read_of_a_body(self) -> None:
        """It came with the end of a body that took several reads."""
        for head, end in (
            (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\no", b"kay"),
            (CHUNKED, b"4\r\nokay\r\n0\r\n\r\n"),
        ):
            proxied, client, peer = answered(head, end + SECRET)
            message = seen(client)
            assert message is not None
            self.assertEqual(message.body, b"okay")
            self.assertTrue(peer.lost)
            self.assertNotIn(b"secret", client.received)
            self.assert_next_is_clean(proxied, fresh=True)
            self.assert_clean(proxied)

    def test_none(self) -> None:
        """A response that ends where it says keeps its connection."""
        for data in (ok(), CHUNKED + b"2\r\nok\r\n0\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"):
            proxied, _, peer = answered(data)
            self.assertFalse(peer.ended)
            self.assert_next_is_clean(proxied, fresh=False)
            self.assert_clean(proxied)


class BodyTests(Case):
    """A body that breaks off must not look complete."""

    def test_broken(self) -> None:
        """The client's connection ends before the announced end."""
        for pieces in (
            [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok"],
            [CHUNKED],
            [CHUNKED + b"2\r\nok\r\n"],
            [CHUNKED + b"2\r\nok\r\n0\r\n"],
            [CHUNKED + b"2\r\nok\r\n", b" 2\r\nay\r\n0\r\n\r\n"],
            [CHUNKED + b"2\r\nok\r\n", b"2;\nay\r\n0\r\n\r\n"],
            [CHUNKED + b"2\r\nok\r\n", b"0\r\nX\r\n\r\n"],
            [CHUNKED + b"2\r\nok\r\n", b"0\r\nX: " + b"y" * 9000],
        ):
            proxied, client, peer = answered(*pieces)
            peer.closes()
            proxied.pump()
            self.assertEqual(statuses_in(client.received), [200], pieces)
            self.assertTrue(client.lost, pieces)
            self.assertIsNone(seen(client), pieces)
            self.assert_clean(proxied)

    def test_ended_by_close(self) -> None:
        """Without a length a body ends with its connection, in chunks for the client; a reset is no end."""
        head = b"HTTP/1.1 200 OK\r\n\r\no"
        proxied, client, peer = answered(head, b"k")
        peer.closes()
        message = seen(client)
        assert message is not None
        self.assertEqual((message.body, message.field(b"transfer-encoding")), (b"ok", [b"chunked"]))
        self.assertFalse(client.ended)
        self.assert_clean(proxied)
        proxied, client, peer = answered(head, b"k")
        peer.closes(ConnectionLost())
        proxied.pump()
        self.assertTrue(client.lost)
        self.assertIsNone(seen(client))
        self.assert_clean(proxied)

    def test_to_http_1_0(self) -> None:
        """A client of HTTP/1.0 gets no chunks: the close ends the body, and a reset breaks it off."""
        request = b"GET / HTTP/1.0\r\nHost: h\r\n\r\n"
        proxied, client, _ = answered(CHUNKED + b"2\r\nok\r\n", b"0\r\nX: y\r\n\r\n", request=request)
        self.assertTrue(client.received.endswith(b"\r\n\r\nok"))
        self.assertNotIn(b"ransfer-", client.received)
        self.assertTrue(client.lost)
        self.assertFalse(client.aborted)
        self.assert_clean(proxied)
        proxied, client, peer = answered(CHUNKED + b"2\r\nok\r\n", request=request)
        peer.closes()
        proxied.pump()
        self.assertTrue(client.aborted)
        self.assert_clean(proxied)


class SplitTests(Case):
    """Where reads end means nothing."""

    def test_cut_anywhere(self) -> None:
        """A response may be cut anywhere; what is known of it after the first time changes nothing."""
        for data in (
            ok(b"okay", b"Date: x"),
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + CHUNKED + b"2\r\nok\r\n2;a=b\r\nay\r\n0\r\nX: y\r\n\r\n",
            b"HTTP/1.1 200\r\nContent-Length: 4\r\nX:\r\n\r\nokay",
        ):
            proxied = Proxied()
            bodies = set()
            for at in range(len(data)):
                client = proxied.client(GET)
                for piece in (data[:at], data[at:]):
                    if piece:
                        proxied.peers[-1].sends(piece)
                        proxied.pump()
                message = seen(client)
                assert message is not None
                bodies.add((message.line, message.body))
            self.assertEqual(bodies, {((b"200",), b"okay")})
            self.assertEqual(len(proxied.peers), 1)

    def test_interim(self) -> None:
        """Interim responses are passed on, up to eight of them."""
        _, client, _ = answered(b"HTTP/1.1 102 Processing\r\n\r\n" * 8, ok())
        self.assertEqual(statuses_in(client.received), [102] * 8 + [200])

    def test_pipelined(self) -> None:
        """Each response goes to the request it answers, though the client sent all at once."""
        proxied = Proxied()
        client = proxied.client(GET + HEAD + GET)
        for data in (ok(b"one"), b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", ok(b"three")):
            self.assertEqual(proxied.peers[0].news().count(b"HTTP/1.1"), 1)
            proxied.peers[0].sends(data)
            proxied.pump()
        messages = responses_in(client.received, [b"GET", b"HEAD", b"GET"], closed=False)
        self.assertEqual([message.body for message in messages], [b"one", b"", b"three"])
        self.assertEqual(len(proxied.peers), 1)


class EarlyTests(Case):
    """A peer that answers before it has the whole request."""

    POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nhalf"

    def test_complete(self) -> None:
        """Its answer goes to the client, and neither connection is used again: both are within a request."""
        proxied, client, peer = answered(ok(b"no"), request=self.POST)
        self.assertIn(b"\r\nConnection: close\r\n", client.received)
        self.assertTrue(client.received.endswith(b"\r\n\r\nno"))
        self.assertTrue(client.ended)
        self.assertTrue(peer.lost)
        self.assert_next_is_clean(proxied, fresh=True)
        client.sends(b"more" + GET)
        proxied.pump()
        self.assertEqual(len(proxied.peers), 2)
        self.assert_clean(proxied)

    def test_under_way(self) -> None:
        """While its answer comes, the rest of the request goes on."""
        proxied, client, peer = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok", request=self.POST)
        client.sends(b"full")
        proxied.pump()
        self.assertTrue(peer.received.endswith(b"\r\n\r\nhalffull"))
        peer.sends(b"ay")
        proxied.pump()
        self.assertTrue(client.received.endswith(b"\r\n\r\nokay"))
        self.assertFalse(client.ended or peer.ended)
        self.assert_next_is_clean(proxied, fresh=False)
        self.assert_clean(proxied)

    def test_before_the_request(self) -> None:
        """A response on a connection on which nothing was asked yet is nobody's."""
        proxied = Proxied()
        client = proxied.client(GET)
        proxied.peers[0].sends(ok(b"one") + ok(b"two"))
        proxied.pump()
        client.sends(GET)
        proxied.pump()
        self.assertEqual(len(proxied.peers), 2)
        proxied.peers[1].sends(ok(b"three"))
        proxied.pump()
        bodies = [m.body for m in responses_in(client.received, [b"GET"] * 2, closed=False)]
        self.assertEqual(bodies, [b"one", b"three"])
        self.assert_clean(proxied)
