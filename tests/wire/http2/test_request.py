"""Tests of heads over HTTP/2: each rule of RFC 9113, 8.2 and 8.3, has its own."""

from __future__ import annotations

from collections.abc import Sequence

from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http1.reader import MAX_TRAILER_FIELDS, MAX_TRAILERS
from pydsl_proxy.wire.http2.frames import ErrorCode, ProtocolError, StreamError
from pydsl_proxy.wire.http2.hpack_literals import literals
from pydsl_proxy.wire.http2.request import LONGEST_KEPT, MAX_KEPT, H2Head, HeadReader

Field = tuple[bytes, bytes]
METHOD, SCHEME, AUTHORITY, PATH = (
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"x.test"),
    (b":path", b"/"),
)
LINE = [METHOD, SCHEME, AUTHORITY, PATH]
MOST = 32 * 1024


def read(fields: Sequence[Field], most: int = MOST) -> H2Head:
    """The head of a request on a new connection."""
    return HeadReader().request(Encoder().encode(fields), most)


class HeadTests(SynchronousTestCase):
    """Well-formed heads."""

    def test_usual(self) -> None:
        """Host comes first, as RFC 9112 3.2 has it of a client."""
        assert read([*LINE, (b"accept", b"*/*")]) == H2Head(
            b"GET", b"/", b"\r\nhost: x.test\r\naccept: */*", False, None
        )

    def test_host(self) -> None:
        """Host may stand for the authority, or say the same; the authority replaces it (RFC 9113 8.3.1)."""
        assert read([METHOD, SCHEME, PATH, (b"host", b"x")]).section == b"\r\nhost: x"
        assert read([*LINE, (b"a", b"b"), (b"host", b"X.test")]).section == b"\r\nhost: x.test\r\na: b"
        assert read([METHOD, SCHEME, PATH]).section == b""
        self.refuses([*LINE, (b"host", b"other")], "Host is not")
        self.refuses([*LINE, (b"host", b"x.test"), (b"host", b"x.test")], "repeated")

    def test_cookies(self) -> None:
        """RFC 9113 8.2.3"""
        head = read([*LINE, (b"cookie", b"a=1"), (b"z", b""), (b"cookie", b"b=2")])
        assert head.section == b"\r\nhost: x.test\r\ncookie: a=1; b=2\r\nz: "

    def test_te(self) -> None:
        """RFC 9113 8.2.2: TE may say trailers, and nothing else."""
        assert b"te: trailers" in read([*LINE, (b"te", b"trailers")]).section
        self.refuses([*LINE, (b"te", b"trailers, gzip")], "belongs to a connection")
        self.refuses([*LINE, (b"te", b"gzip")], "belongs to a connection")

    def test_connect(self) -> None:
        """CONNECT is for RFC 8441 alone."""
        head = read([(b":method", b"CONNECT"), (b":protocol", b"websocket"), SCHEME, AUTHORITY, PATH])
        assert head.protocol == b"websocket"
        error = self.assertRaises(Malformed, read, [(b":method", b"CONNECT"), AUTHORITY])
        assert error.status == 405
        self.refuses([METHOD, (b":protocol", b"websocket"), SCHEME, AUTHORITY, PATH], ":protocol")

    def test_sized(self) -> None:
        """Whether there is a length is told."""
        assert read([*LINE, (b"content-length", b"5")]).sized

    def refuses(self, fields: Sequence[Field], why: str) -> None:
        """The request is malformed, and the connection as good as before."""
        reader = HeadReader()
        fault = self.assertRaises(StreamError, reader.request, Encoder().encode(fields), MOST)
        assert fault.code is ErrorCode.PROTOCOL_ERROR
        assert why in fault.detail, fault.detail


class MalformedTests(HeadTests):
    """What RFC 9113 8.1.1 calls malformed."""

    def test_names(self) -> None:
        """RFC 9113 8.2.1: names are tokens in lower case."""
        for name in (b"Upper", b"", b"a b", b"a:b", b"a\r\nb", b"\x80", b"a\x7f"):
            self.refuses([*LINE, (name, b"x")], "not allowed")

    def test_values(self) -> None:
        """RFC 9113 8.2.1: no NUL, no line ends, no blanks around."""
        for value in (b"a\0", b"a\r\nb: c", b"a\n", b"\r", b" a", b"a ", b"\ta", b"a\t", b" ", b"\x7f", b"\x01"):
            self.refuses([*LINE, (b"x", value)], "not allowed")
        for value in (b"", b"a b", b"a\tb", b"\xff"):
            assert read([*LINE, (b"x", value)]).section.endswith(b"\r\nx: " + value)

    def test_connection_fields(self) -> None:
        """RFC 9113 8.2.2"""
        for name in (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"):
            self.refuses([*LINE, (name, b"x")], "belongs to a connection")

    def test_pseudo_fields(self) -> None:
        """RFC 9113 8.3: known ones, once each, before all others."""
        self.refuses([*LINE, (b":status", b"200")], "not known")
        self.refuses([*LINE, (b":x", b"200")], "not known")
        self.refuses([*LINE, PATH], "not allowed")
        self.refuses([METHOD, SCHEME, AUTHORITY, (b"a", b"b"), PATH], "not allowed")

    def test_known_section(self) -> None:
        """They are once each before a section that was read before, too."""
        reader = HeadReader()
        rest = (b"x-long", b"y" * 2000)
        for path in (b"/1", b"/2"):
            assert reader.request(literals([*LINE[:3], (b":path", path), rest]), MOST).target == path
        error = self.assertRaises(StreamError, reader.request, literals([*LINE, PATH, rest]), MOST)
        assert "repeated" in error.detail
        assert self.assertRaises(Malformed, reader.request, literals([*LINE, rest]), 1000).status == 431
        assert self.assertRaises(Malformed, reader.request, literals([*LINE[:3], (b":path", b"/1"), rest]), 999).status

    def test_missing(self) -> None:
        """RFC 9113 8.3.1: method, scheme and path."""
        for missing in (METHOD, SCHEME, PATH):
            self.refuses([each for each in LINE if each is not missing], "missing")
        self.refuses([METHOD, SCHEME, AUTHORITY, (b":path", b"")], "missing or empty")

    def test_authority(self) -> None:
        """It is a value too."""
        for value in (b"a\r\nb: c", b" x", b"x\0"):
            self.refuses([METHOD, SCHEME, PATH, (b":authority", value)], ":authority")

    def test_answered(self) -> None:
        """What is well-formed and cannot be meant is answered."""
        for fields, status in (
            ([(b":method", b"get"), *LINE[1:]], 400),
            ([(b":method", b"TRACE"), *LINE[1:]], 405),
            ([(b":method", b""), *LINE[1:]], 400),
            ([METHOD, (b":scheme", b"ftp"), AUTHORITY, PATH], 400),
            ([METHOD, SCHEME, AUTHORITY, (b":path", b"x")], 400),
            ([METHOD, SCHEME, AUTHORITY, (b":path", b"/a b")], 400),
            ([METHOD, SCHEME, AUTHORITY, (b":path", b"/a#b")], 400),
            ([METHOD, SCHEME, AUTHORITY, (b":path", b"/a\r\n")], 400),
            ([METHOD, SCHEME, AUTHORITY, (b":path", b"*")], 400),
        ):
            assert self.assertRaises(Malformed, read, fields).status == status, fields
        assert read([(b":method", b"OPTIONS"), SCHEME, AUTHORITY, (b":path", b"*")]).target == b"*"


class MemoryTests(SynchronousTestCase):
    """What is kept of earlier blocks."""

    @given(
        st.lists(
            st.tuples(
                st.sampled_from([b"/", b"/a", b"/b"]),
                st.lists(st.tuples(st.sampled_from([b"x-a", b"x-b", b"cookie"]), st.sampled_from([b"1", b"2"]))),
                st.sampled_from([4096, 200, 0]),
            ),
            max_size=30,
        )
    )
    def test_same(self, requests: list[tuple[bytes, list[Field], int]]) -> None:
        """A connection reads each head as a new one would, whatever was read on it before."""
        reader, encoder = HeadReader(), Encoder()
        for path, fields, size in requests:
            encoder.header_table_size = size
            asked = [METHOD, SCHEME, AUTHORITY, (b":path", path), *fields]
            assert reader.request(encoder.encode(asked), MOST) == read(asked)

    def test_too_long(self) -> None:
        """A block that is too long is read to its end: the next one refers to it.  What is kept obeys the limit too."""
        reader, encoder = HeadReader(), Encoder()
        long = [*LINE, (b"x", b"y" * 2000), (b"z", b"1")]
        assert self.assertRaises(Malformed, reader.request, encoder.encode(long), 1000).status == 431
        assert reader.request(encoder.encode([*LINE, (b"z", b"1")]), 1000).section.endswith(b"\r\nz: 1")

    def test_bomb(self) -> None:
        """CVE-2016-6581: a few octets that stand for much end the connection, and are not read to their end."""
        reader, encoder = HeadReader(), Encoder()
        block = encoder.encode([*LINE, (b"x", b"y" * 3900)]) + b"\xbe" * 16000
        assert self.assertRaises(ProtocolError, reader.request, block, MOST).code is ErrorCode.ENHANCE_YOUR_CALM

    def test_number(self) -> None:
        """The number of fields is bounded too; the cookies are one field.  The next block finds the table as it is."""
        reader, encoder = HeadReader(), Encoder()
        cookies = [(b"cookie", b"a=1")] * 300
        for count, status in ((9, 0), (10, 0), (11, 431), (80, 431)):
            asked = [*LINE, (b"x", b"%d" % count), *[(b"y", b"")] * (count - 2), *cookies]
            if status:
                assert self.assertRaises(Malformed, reader.request, encoder.encode(asked), MOST, 10).status == status
            else:
                assert reader.request(encoder.encode(asked), MOST, 10).section.count(b"\r\n") == count + 1
        block = encoder.encode([*LINE, (b"x", b"1")])
        assert reader.request(block, MOST, 10).section.endswith(b"x: 1")
        assert self.assertRaises(Malformed, reader.request, block, MOST, 0).status == 431

    def test_far_too_many(self) -> None:
        """A block of empty fields is not read to its end: it would take milliseconds, and come again."""
        for field in (b"\x10\x01b\x00", b"\x10\x01B\x00", b"\x11\x00", b"\x10\x06cookie\x00", b"\x90"):
            for read in (HeadReader().request, HeadReader().skip):
                fault = self.assertRaises(ProtocolError, read, literals(LINE) + field * 3500 + b"\xff", MOST)
                assert fault.code is ErrorCode.ENHANCE_YOUR_CALM
            fault = self.assertRaises(ProtocolError, HeadReader().trailers, field * 3000 + b"\xff")
            assert fault.code is ErrorCode.ENHANCE_YOUR_CALM

    def test_unreadable(self) -> None:
        """A block that cannot be read ends the connection (RFC 9113 4.3)."""
        assert self.assertRaises(ProtocolError, HeadReader().request, b"\xbe", MOST).code is ErrorCode.COMPRESSION_ERROR


class TrailerTests(SynchronousTestCase):
    """Fields after a body."""

    def test_fields(self) -> None:
        """Those that are allowed there."""
        block = Encoder().encode([(b"x-sum", b"1"), (b"content-length", b"5")])
        assert HeadReader().trailers(block) == ((b"x-sum", b"1"),)

    def test_refused(self) -> None:
        """RFC 9113 8.1: no pseudo-header fields; and not too many."""
        self.assertRaises(StreamError, HeadReader().trailers, Encoder().encode([PATH]))
        self.assertRaises(StreamError, HeadReader().trailers, Encoder().encode([PATH, (b"a", b"b")]))
        for fields in ([(b"a", b"b" * (MAX_TRAILERS - 5))], [(b"a", b"")] * MAX_TRAILER_FIELDS):
            assert HeadReader().trailers(literals(fields)) == tuple(fields)
            self.assertRaises(StreamError, HeadReader().trailers, literals([*fields, (b"b", b"")]))
        self.assertRaises(StreamError, HeadReader().trailers, literals([(b"a", b"b" * 99)] * (MAX_TRAILERS // 100)))

    def test_known(self) -> None:
        """Those that were read before as the fields of a request."""
        reader = HeadReader()
        rest = literals([(b"x-sum", b"1")])
        for _ in range(2):
            reader.request(literals(LINE) + rest, MOST)
            assert reader.trailers(rest) == ((b"x-sum", b"1"),)
        self.assertRaises(StreamError, reader.trailers, literals([PATH]) + rest)

    def test_many(self) -> None:
        """What is kept is bounded."""
        reader = HeadReader()
        most = 0
        for number in range(1000):
            reader.request(literals([*LINE, (b"x", b"%d" % number)]), MOST)
            most = max(most, len(reader._heads), len(reader._sections))
        assert most == MAX_KEPT

    def test_long(self) -> None:
        """What is kept has a size, as RFC 9113 6.5.2 counts it, that is bounded."""
        line = sum(len(name) + len(value) + 32 for name, value in LINE)
        for over, kept in ((0, 1), (1, 0)):
            reader = HeadReader()
            value = b"y" * (LONGEST_KEPT - line - 33 + over)
            reader.request(literals([*LINE, (b"x", value)]), MOST)
            assert (len(reader._sections), len(reader._heads)) == (kept, kept), over

    def test_skipped(self) -> None:
        """What nobody wants is read for the tables."""
        reader, encoder = HeadReader(), Encoder()
        reader.skip(encoder.encode([*LINE, (b"a", b"b")]), MOST)
        assert reader.request(encoder.encode([*LINE, (b"a", b"b")]), MOST).section.endswith(b"a: b")
