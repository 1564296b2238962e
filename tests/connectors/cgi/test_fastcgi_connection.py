"""Tests of connections to applications of FastCGI, with h11 as the judge of what clients get."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import fastcgi, server, upstream
from pydsl_proxy.wire.cgi.fastcgi_records import END_REQUEST, STDERR, STDIN, STDOUT, record
from tests.support.h1 import End, Message, Proxied, responses_in

GET = b"GET /a.php HTTP/1.1\r\nHost: h\r\n\r\n"
END = record(END_REQUEST, bytes(8))
HEADS = (b"Content-Type: a/b\r\n", b"Status: 404 Nothing\r\nX: y\r\n", b"Content-Type: a/b\n")


def proxied(*, keep: bool = True) -> Proxied:
    """A proxy before an application."""
    via = fastcgi(root="/srv", keep_conn=keep)
    return Proxied(server(8080).location("/").proxy_to(upstream("php", "10.0.0.1:9000", via=via)))


def answered(running: Proxied, *pieces: bytes) -> tuple[End, End]:
    """A new client that asks, and the application that answers by *pieces*."""
    before = len(running.peers)
    client = running.client(GET)
    application = running.peers[-1] if len(running.peers) > before else next(e for e in running.peers if not e.lost)
    for piece in pieces:
        application.sends(piece)
        running.pump()
    return client, application


def seen(client: End) -> Message | None:
    """The response as h11 reads it; None if it is not complete."""
    messages = responses_in(client.received, [b"GET"], closed=client.ended)
    return messages[0] if messages else None


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, bytes, int]:
    """What an application sends for one request: the bytes, the body in them, and the status."""
    head = draw(st.sampled_from(HEADS))
    body = draw(st.binary(max_size=40))
    if draw(st.booleans()):
        head += b"Content-Length: %d\r\n" % len(body)
    output = head + (b"\n" if b"\r" not in head else b"\r\n") + body
    cuts = sorted(draw(st.lists(st.integers(0, len(output)), max_size=4)))
    records = []
    for start, end in zip([0, *cuts], [*cuts, len(output)], strict=True):
        if draw(st.booleans()):
            records.append(record(STDERR, b""))
        records.append(record(STDOUT, output[start:end]))
    return b"".join(records) + END, body, 404 if b"404" in head else 200


class AnyStreamTests(SynchronousTestCase):
    """Whatever an application sends."""

    @given(streams(), st.data())
    def test_split(self, stream: tuple[bytes, bytes, int], data: st.DataObject) -> None:
        """The client gets the response, whole, wherever records and reads are cut; the connection is kept."""
        sent, body, status = stream
        cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
        running = proxied()
        for _ in range(2):
            client, _ = answered(running, *(sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)))
            message = seen(client)
            assert message is not None
            self.assertEqual((message.line, message.body), ((b"%d" % status,), body))
        self.assertEqual(len(running.peers), 1)

    @given(streams(), st.data())
    def test_damaged(self, stream: tuple[bytes, bytes, int], data: st.DataObject) -> None:
        """One octet changed, or an end before its time: no exception, and nothing of it in the next response."""
        sent, _, _ = stream
        at = data.draw(st.integers(0, len(sent) - 1))
        damaged = sent[:at] + bytes((data.draw(st.integers(0, 255)),)) + sent[at + 1 :]
        running = proxied()
        client, application = answered(running, damaged)
        if data.draw(st.booleans()):
            application.closes()
        else:
            running.advance(61)
        running.pump()
        responses_in(client.received, [b"GET"], closed=client.ended)
        self.assertEqual(len(running.exchanges), 1)
        self.assertEqual(self.flushLoggedErrors(), [])
        good = record(STDOUT, b"Content-Length: 5\r\n\r\nclean") + END
        again, _ = answered(running, good)
        message = seen(again)
        assert message is not None
        self.assertEqual(message.body, b"clean")


class EndTests(SynchronousTestCase):
    """How connections end."""

    def test_idle(self) -> None:
        """A kept connection that closes, or on which something comes, is not used."""
        running = proxied()
        good = record(STDOUT, b"Content-Length: 2\r\n\r\nok") + END
        for number, spoil in enumerate((lambda end: end.closes(), lambda end: end.sends(END))):
            _, application = answered(running, good)
            self.assertEqual(len(running.peers), number + 1)
            spoil(application)
            running.pump()
            self.assertTrue(application.lost)

    def test_reset(self) -> None:
        """A reset is told as a close is."""
        running = proxied(keep=False)
        client, application = answered(running, record(STDOUT, b"A: b\r\n\r\nhello"))
        application.closes(ConnectionLost())
        running.pump()
        self.assertIsNone(seen(client))
        self.assertTrue(client.ended)

    def test_wrong_after_the_end(self) -> None:
        """What is no FastCGI behind a complete response closes the connection, and harms nobody."""
        running = proxied()
        client, application = answered(running, record(STDOUT, b"Content-Length: 2\r\n\r\nok"), record(STDIN, b"x"))
        message = seen(client)
        assert message is not None
        self.assertEqual(message.body, b"ok")
        self.assertTrue(application.lost)
