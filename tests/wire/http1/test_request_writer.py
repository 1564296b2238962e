"""Tests of the heads that peers are sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import as_bytes
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http.field_rules import FieldRules, Rule
from pydsl_proxy.wire.http.head import Fields, RequestFields, section
from pydsl_proxy.wire.http.hop_by_hop import FORWARDING, REQUEST_DROPPED
from pydsl_proxy.wire.http1.reader import read_request_fields, read_request_line
from pydsl_proxy.wire.http1.request_writer import RequestWriter

OWN = Identity("192.0.2.1", 40000, "http", 8080)
BELIEVED = Identity("192.0.2.1", 40000, "https", 8080, b"192.0.2.1, 10.0.0.1", b"e.org")
TAIL = [(b"X-Real-IP", b"192.0.2.1"), (b"X-Forwarded-For", b"192.0.2.1"), (b"X-Forwarded-Proto", b"http")]

NAMES = st.sampled_from(
    [b"X-a", b"x-A", b"X-b", b"Accept", *sorted(REQUEST_DROPPED - {b"expect"}), *map(bytes.title, sorted(FORWARDING))]
)
VALUES = st.sampled_from([b"", b"x-a", b"close, x-b", b"host", b"1"])


class Outgoing:
    """As much of an exchange as goes into a head."""

    def __init__(self, fields: RequestFields, identity: Identity = OWN, target: bytes = b"/a?b") -> None:
        self.method = b"GET"
        self.target = self.peer_target = target
        self.minor = 1
        self.fields = fields
        self.identity = identity

    @property
    def request(self) -> Request:
        """The request as text."""
        return Request(self, "192.0.2.1", 40000, "http", "h", b"/a", 8080)


def fields(*lines: bytes) -> RequestFields:
    """A client's section."""
    return read_request_fields(b"".join(b"\r\n" + line for line in lines), 100)


def writer(*rules: Rule) -> RequestWriter:
    """The writer of a location with these rules."""
    return RequestWriter(FieldRules(rules), b"app")


def written(read: RequestFields, *rules: Rule, identity: Identity = OWN) -> list[tuple[bytes, bytes]]:
    """The fields that a peer gets."""
    head = writer(*rules).write(Outgoing(read, identity))
    assert head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1
    return list(Fields(head[head.index(b"\r\n") : -4]).items())


class WriterTests(SynchronousTestCase):
    """A client's head on its way."""

    def test_usual(self) -> None:
        """The client's fields stay as they were, and who it is follows."""
        head = writer().write(Outgoing(fields(b"host:h:81", b"Accept: \ta", b"accept:b ")))
        self.assertEqual(
            head,
            b"GET /a?b HTTP/1.1\r\nhost:h:81\r\nAccept: \ta\r\naccept:b \r\nX-Forwarded-Host: h:81"
            b"\r\nX-Real-IP: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n\r\n",
        )

    @given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
    def test_as_plainly(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Gone are hop-by-hop fields, those that Connection names, and the client's word on who it is."""
        read = read_request_fields(section(((b"Host", b"h"), *pairs)), 100)
        gone = REQUEST_DROPPED | FORWARDING | read.named
        kept = [pair for pair in pairs if pair[0].lower() not in gone]
        expected = [(b"Host", b"h"), *kept, (b"X-Forwarded-Host", b"h"), *TAIL]
        self.assertEqual(written(read), expected)
        # The same with rules that are about other fields, and when it is remembered.
        self.assertEqual(written(read, (b"z", b"Z", lambda _: b"")), expected)

    def test_read_again(self) -> None:
        """What is written is read, and needs no second edit but of who the client is."""
        head = writer().write(Outgoing(fields(b"Host: h", b"Content-Length: 5", b"Connection: x", b"X: y")))
        line, _, rest = head[:-4].partition(b"\r\n")
        self.assertEqual(read_request_line(line), (b"GET", b"/a?b", 1))
        read = read_request_fields(b"\r\n" + rest, 100)
        self.assertEqual((read.host, read.content_length, read.named), (b"h", 5, frozenset()))

    def test_kept(self) -> None:
        """The edit is kept with the section for each writer, as it depends on nothing else."""
        read, one, other = fields(b"Host: h"), writer(), writer((b"a", b"A", "1"))
        self.assertEqual([one.write(Outgoing(read)) for _ in range(2)], [one.write(Outgoing(fields(b"Host: h")))] * 2)
        self.assertIn(b"\r\nA: 1\r\n", other.write(Outgoing(read)))
        self.assertEqual(len(read.edited), 2)
        self.assertIn(b"\r\nX-Real-IP: 192.0.2.7\r\n", one.write(Outgoing(read, Identity("192.0.2.7", 1, "http", 80))))

    def test_made_target(self) -> None:
        """A target that is not the client's own is made fit for a request line, whoever made it."""
        for rules in ((), ((b"a", b"A", lambda _: b"1"),)):
            outgoing = Outgoing(fields(b"Host: h"))
            outgoing.peer_target = b"/a b\r\nX: y HTTP/1.1"
            head = writer(*rules).write(outgoing)
            self.assertEqual(head.partition(b"\r\n")[0], b"GET /a%20b%0D%0AX:%20y%20HTTP/1.1 HTTP/1.1")

    def test_framing(self) -> None:
        """The framing is written as it was understood."""
        for line, field in (
            (b"Content-Length:\t005", (b"Content-Length", b"5")),
            (b"Content-length: 0", (b"Content-Length", b"0")),
            (b"transfer-encoding:\tCHUNKED", (b"Transfer-Encoding", b"chunked")),
        ):
            self.assertEqual(
                written(fields(b"Host: h", line)), [(b"Host", b"h"), field, (b"X-Forwarded-Host", b"h"), *TAIL]
            )

    def test_no_host(self) -> None:
        """A client of HTTP/1.0 that named no host gets the upstream's."""
        self.assertEqual(written(fields()), [(b"Host", b"app"), *TAIL])
        self.assertEqual(written(fields(), (b"host", b"Host", "z")), [(b"Host", b"z"), *TAIL])

    def test_believed(self) -> None:
        """What a trusted proxy said is its request's own, and never kept for another's."""
        read = fields(b"Host: h", b"X-Forwarded-Host: e.org")
        pairs = [(b"Host", b"h"), *BELIEVED.pairs]
        one = writer()
        self.assertEqual(written(read, identity=BELIEVED), pairs)
        self.assertTrue(one.write(Outgoing(read)).count(b"X-Forwarded-Host: h\r\n"))
        self.assertFalse(one.write(Outgoing(read, BELIEVED)).count(b"X-Forwarded-Host: h\r\n"))
        self.assertEqual(
            written(read, (b"z", b"Z", lambda _: b"1"), identity=BELIEVED), [pairs[0], (b"Z", b"1"), *pairs[1:]]
        )


class RuleTests(SynchronousTestCase):
    """What a location asks for."""

    def test_constant(self) -> None:
        """A field that is set replaces the client's."""
        read = fields(b"Host: h", b"A: 1", b"a: 2", b"B: 3")
        self.assertEqual(
            written(read, (b"a", b"A", "x"), (b"b", b"B", None), (b"host", b"Host", "z")),
            [(b"A", b"x"), (b"Host", b"z"), (b"X-Forwarded-Host", b"h"), *TAIL],
        )

    def test_computed(self) -> None:
        """A function of the request is asked each time."""
        rules = writer((b"a", b"A", as_bytes(lambda request: request.query_string)))
        read = fields(b"Host: h", b"a: 1")
        for query in (b"x", b"y"):
            self.assertIn(b"\r\nA: " + query + b"\r\n", rules.write(Outgoing(read, target=b"/?" + query)))

    def test_forwarding(self) -> None:
        """Who the client is may be told otherwise, or not at all."""
        read = fields(b"Host: h", b"X-Real-IP: 203.0.113.9")
        self.assertEqual(
            written(
                read,
                (b"x-real-ip", b"X-Real-IP", None),
                (b"x-forwarded-for", b"X-Forwarded-For", lambda _: b"z"),
                (b"x-forwarded-host", b"X-Forwarded-Host", None),
            ),
            [(b"Host", b"h"), (b"X-Forwarded-For", b"z"), (b"X-Forwarded-Proto", b"http")],
        )

    def test_target(self) -> None:
        """The peer is asked for what its location made of the target."""
        exchange = Outgoing(fields(b"Host: h"))
        exchange.peer_target = b"/v1/a"
        for each in (writer(), writer((b"z", b"Z", lambda _: b""))):
            self.assertTrue(each.write(exchange).startswith(b"GET /v1/a HTTP/1.1\r\n"))
