"""Tests of the reading of heads."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.head import RequestFields, ResponseHead, section
from pydsl_proxy.wire.http1.reader import (
    MAX_TRAILER_FIELDS,
    check_request_start,
    check_response_start,
    read_request_fields,
    read_request_line,
    read_response_head,
    read_trailers,
    without_empty_lines,
)

NAMES = st.text("abcXYZ019-.!~", min_size=1, max_size=9).map(lambda name: b"X-" + name.encode())
VALUES = st.text('aZ09 ,;=:"\t\x80\xff', max_size=9).map(lambda value: value.strip(" \t").encode("latin-1"))
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=5)


def fields(*lines: bytes, most: int = 100) -> RequestFields:
    """A request's section of these lines."""
    return read_request_fields(b"".join(b"\r\n" + line for line in lines), most)


def response(*lines: bytes, most: int = 1000) -> ResponseHead:
    """A response's head of these lines."""
    return read_response_head(b"\r\n".join(lines), most)


class LineTests(SynchronousTestCase):
    """Request lines."""

    def test_read(self) -> None:
        """Method, target and version, which is 1.0 or as good as 1.1."""
        for line, read in (
            (b"GET / HTTP/1.1", (b"GET", b"/", 1)),
            (b"M-SEARCH /a?b HTTP/1.0", (b"M-SEARCH", b"/a?b", 0)),
            (b"GET / HTTP/1.9", (b"GET", b"/", 1)),
            (b"OPTIONS * HTTP/1.1", (b"OPTIONS", b"*", 1)),
            (b"GET HTTP://a/ HTTP/1.1", (b"GET", b"HTTP://a/", 1)),
        ):
            self.assertEqual(read_request_line(line), read)

    def test_refused(self) -> None:
        """What has no single reading, or a method or version that is not for us."""
        for line, status in (
            (b"", 400),
            (b"GET /", 400),
            (b"GET / HTTP/1.1 ", 400),
            (b"GET / HTTP/11", 400),
            (b"GET / HTTP/2.0", 505),
            (b"GET / HTTP/0.9", 505),
            (b"CONNECT a:443 HTTP/1.1", 405),
            (b"TRACE / HTTP/1.1", 405),
            (b"Get / HTTP/1.1", 400),
            (b"GET a HTTP/1.1", 400),
            (b"GET * HTTP/1.1", 400),
            (b"GET /#a HTTP/1.1", 400),
        ):
            self.assertEqual(self.assertRaises(Malformed, read_request_line, line).status, status, line)

    def test_empty_lines(self) -> None:
        """Empty lines are passed over, those of LF or CR alone are not."""
        for data, rest in (
            (b"", b""),
            (b"\r\n", b""),
            (b"\r\n\r\nGET", b"GET"),
            (b"\r\n\nGET", b"\nGET"),
            (b"GET\r\n\r\n", b"GET\r\n\r\n"),
            (b"\r", b"\r"),
        ):
            self.assertEqual(without_empty_lines(data), rest)


class RequestTests(SynchronousTestCase):
    """Header sections of requests."""

    @given(PAIRS)
    def test_round_trip(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """What is written is read, and nothing is seen in what says nothing to a proxy."""
        read = read_request_fields(section(tuple(pairs)), 100)
        self.assertEqual(list(read.items()), pairs)
        self.assertEqual((read.raw, read.lower), (section(tuple(pairs)), section(tuple(pairs)).lower()))
        self.assertEqual((read.spans, read.host, read.named), ([], None, frozenset()))

    def test_understood(self) -> None:
        """What a proxy needs of it."""
        read = fields(b"Host: A.example:80", b"connection: Close, X-A", b"Content-Length: 5", b"Expect: 100-Continue")
        self.assertEqual((read.host, read.host_name), (b"A.example:80", b"a.example"))
        self.assertEqual((read.close, read.keep_alive, read.named), (True, False, frozenset({b"x-a"})))
        self.assertEqual((read.content_length, read.chunked, read.expect), (5, False, True))
        read = fields(
            b"HOST:b", b"Connection: keep-alive, host", b"Transfer-Encoding: chunked", b"Upgrade: a", b"upgrade:b"
        )
        self.assertEqual((read.host, read.host_name, read.keep_alive, read.named), (b"b", b"b", True, frozenset()))
        self.assertEqual((read.content_length, read.chunked, read.upgrade), (None, True, b"a, b"))

    def test_spans(self) -> None:
        """The place of each field that a proxy looks at, the last one too."""
        read = fields(b"Host: a", b"Accept: b", b"User-Agent: c", b"TE:trailers")
        self.assertEqual(
            [(name, read.raw[start:end]) for name, start, end in read.spans if name != b"user-agent"],
            [(b"host", b"\r\nHost: a"), (b"te", b"\r\nTE:trailers")],
        )

    def test_underscore(self) -> None:
        """A name with an underscore is dropped with its field."""
        read = fields(b"Content_Length: 5", b"A: b", b"Host_: c", b"D:")
        self.assertEqual((read.raw, read.content_length), (b"\r\nA: b\r\nD:", None))

    def test_most(self) -> None:
        """Their number is bounded."""
        fields(b"a:", b"b:", most=2)
        self.assertEqual(self.assertRaises(Malformed, fields, b"a:", b"b:", b"c:", most=2).status, 431)

    def test_refused(self) -> None:
        """What is wrong is said."""
        for lines, detail in (
            ([b"A: b", b" c"], "a header line is folded"),
            ([b"A"], "a header line has no colon"),
            ([b""], "a header line has no colon"),
            ([b": b"], "a header field has no name"),
            ([b"A : b"], "there is a blank between a header field's name and its colon"),
            ([b"A\t: b"], "there is a blank between a header field's name and its colon"),
            ([b"A: b\x00"], "a header field's value has a control character"),
            ([b"A: b\nC: d"], "a header field's value has a control character"),
            ([b"A\xff: b"], "a header field's name is invalid"),
            ([b"Host: a", b"Host: a"], "Host is repeated"),
            ([b"Host: a/b"], "malformed host"),
            ([b"Host:"], "Host is empty"),
            ([b"Host: \t"], "Host is empty"),
            ([b"Connection: a b"], "the Connection field lists something that is no field name"),
            ([b"Content-Length: 1", b"content-length: 1"], "Content-Length is repeated"),
            ([b"Content-Length: 1", b"Transfer-Encoding: chunked"], "both Content-Length and Transfer-Encoding"),
        ):
            error = self.assertRaises(Malformed, fields, *lines)
            self.assertEqual((error.detail, error.status), (detail, 400))
        self.assertEqual(self.assertRaises(Malformed, fields, b"Expect: 200-ok").status, 417)
        self.assertEqual(self.assertRaises(Malformed, fields, b"Transfer-Encoding: br").status, 501)


class ResponseTests(SynchronousTestCase):
    """Heads of responses."""

    @given(PAIRS, st.integers(100, 999), st.sampled_from([b"", b"OK", b"Not\tquite \xff"]))
    def test_round_trip(self, pairs: list[tuple[bytes, bytes]], status: int, reason: bytes) -> None:
        """What is written is read."""
        head = read_response_head(b"HTTP/1.1 %d %b%b" % (status, reason, section(tuple(pairs))))
        self.assertEqual((head.status, head.reason, list(head.items())), (status, reason, pairs))

    def test_understood(self) -> None:
        """What a proxy needs of it."""
        head = response(b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Date: x", b"Connection: X-A, keep-alive", b"X_B: c")
        self.assertEqual((head.length, head.chunked, head.usual, head.dated), (5, False, True, True))
        self.assertEqual((head.named, head.persistent, head.marked), (frozenset({b"x-a"}), True, False))
        self.assertEqual(head.get(b"x_b"), b"c")
        head = response(b"HTTP/1.1 302", b"transfer-encoding: Chunked", b"Connection: close", b"Location: /")
        self.assertEqual((head.length, head.chunked, head.usual, head.dated), (None, True, False, False))
        self.assertEqual((head.reason, head.persistent, head.marked), (b"", False, True))
        self.assertTrue(response(b"HTTP/1.1 200 OK", b"REFRESH: 5").marked)
        self.assertTrue(response(b"HTTP/1.1 200 OK", b"X-Accel-Expires: 5").marked)

    def test_persistent(self) -> None:
        """HTTP/1.1 keeps its connection unless it says otherwise, HTTP/1.0 closes it (RFC 9112 9.3)."""
        for lines, persistent in (
            ([b"HTTP/1.1 200 OK"], True),
            ([b"HTTP/1.1 200 OK", b"Connection: Close"], False),
            ([b"HTTP/1.0 200 OK"], False),
            ([b"HTTP/1.0 200 OK", b"Connection: Keep-Alive"], True),
        ):
            self.assertIs(response(*lines).persistent, persistent)

    def test_no_body(self) -> None:
        """The length that a response without body declares is that of another one."""
        for status in (103, 204, 304):
            self.assertIsNone(response(b"HTTP/1.1 %d X" % status, b"Content-Length: 5").length)

    def test_ends_with_its_head(self) -> None:
        """RFC 9112 6.3 step 1: so it does whatever its fields say; where they are not clear, none of them is left."""
        for lines in (
            [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
            [b"Content-Length: 5", b"A: b", b"content-length: 5"],
            [b"Content-Length: 5", b"Content-Length: 6"],
            [b"Content-Length: x"],
            [b"Transfer-Encoding: gzip"],
        ):
            clear = [line for line in lines if line == b"A: b"]
            for status in (100, 103, 199, 204, 304):
                head = response(b"HTTP/1.1 %d X" % status, *lines)
                self.assertEqual((head.length, head.chunked, head.persistent), (None, False, False))
                self.assertEqual(head.raw, b"".join([b"\r\n" + line for line in clear]))
            data = b"\r\n".join([b"HTTP/1.1 200 OK", *lines])
            self.assertRaises(Malformed, read_response_head, data)
            self.assertEqual(list(read_response_head(data, bodiless=True).items()), [(b"A", b"b")] * len(clear))
        self.assertEqual(read_response_head(b"HTTP/1.1 200 OK\r\nContent-Length: 5", bodiless=True).length, 5)

    def test_length(self) -> None:
        """A length has one spelling in what is sent on."""
        for line in (
            b"content-LENGTH: 005",
            b"content-LENGTH:05",
            b"content-LENGTH:\t05 ",
            b"content-LENGTH:\t 5 \t",
            b"content-LENGTH: 5\t",
        ):
            head = response(b"HTTP/1.1 200 OK", b"A: b", line, b"C: d")
            self.assertEqual((head.length, head.raw), (5, b"\r\nA: b\r\ncontent-LENGTH: 5\r\nC: d"))
            self.assertEqual(head.get(b"content-length"), b"5")
        self.assertEqual(
            response(b"HTTP/1.1 304 X", b"A: b", b"Content-Length: 00").raw, b"\r\nA: b\r\nContent-Length: 0"
        )

    def test_version(self) -> None:
        """RFC 9110 2.5: a later minor version of HTTP/1 is read as HTTP/1.1."""
        for version, minor in ((b"1.0", 0), (b"1.1", 1), (b"1.2", 1), (b"1.9", 1)):
            head = response(b"HTTP/%b 200 OK" % version)
            self.assertEqual((head.minor, head.persistent), (minor, bool(minor)))

    def test_date_of_a_connection(self) -> None:
        """A Date that ends at this hop is none."""
        head = response(b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Date: x", b"Connection: date")
        self.assertEqual((head.dated, head.usual), (False, False))

    def test_refused(self) -> None:
        """What has no single reading."""
        for lines in (
            [b""],
            [b"HTTP/2 200 OK"],
            [b"HTTP/1.1 200 OK", b"A: b", b" c"],
            [b"HTTP/1.1 200 OK", b"A : b"],
            [b"HTTP/1.1 200 OK", b"A: b\x00"],
            [b"HTTP/1.1 200 OK", b"A: b\nC: d"],
            [b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Content-Length: 5"],
            [b"HTTP/1.1 200 OK", b"Content-Length: x"],
            [b"HTTP/1.1 200 OK", b"Content-Length: 5", b"Transfer-Encoding: chunked"],
            [b"HTTP/1.0 200 OK", b"Transfer-Encoding: chunked"],
            [b"HTTP/1.1 200 OK", b"Transfer-Encoding: gzip"],
            [b"HTTP/1.1 200 OK", b"Connection: a b"],
        ):
            self.assertRaises(Malformed, response, *lines)
        response(b"HTTP/1.1 200 OK", b"a:", most=1)
        self.assertRaises(Malformed, response, b"HTTP/1.1 200 OK", b"a:", b"b:", most=1)
        read_response_head(b"HTTP/1.1 200 OK" + b"\r\na:" * 1000)
        self.assertRaises(Malformed, read_response_head, b"HTTP/1.1 200 OK" + b"\r\na:" * 1001)


class StartTests(SynchronousTestCase):
    """What may be the start of a head."""

    def refused(self, check: Callable[[bytes, int], None], data: bytes, known: int) -> str:
        """Why it cannot be, or nothing."""
        try:
            check(data, known)
        except Malformed as error:
            return error.detail
        return ""

    def test_response_cut(self) -> None:
        """Wherever a head is cut it may go on, however much of it was looked at before."""
        for head in (
            b"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: gzip\r\n",
            b"HTTP/1.0 999\r\nTransfer-Encoding: chunked\r\nA:\r\n",
        ):
            for size in range(1, len(head) + 1):
                for known in range(size):
                    self.assertEqual(self.refused(check_response_start, head[:size], known), "", (head[:size], known))

    def test_response_refused(self) -> None:
        """A start that no head has is refused before the end of its line; so is a line end of another kind."""
        status, control, no_cr, no_lf = (
            "the status line is not understood",
            "there is a control character",
            "a line ends without CR",
            "a CR stands without LF",
        )
        for data, known, detail in (
            (b"I", 0, status),
            (b"\n", 0, status),
            (b"HTTP/2", 0, status),
            (b"HTTP/1.1 099", 0, status),
            (b"HTTP/1.1 200O", 12, status),
            (b"HTTP/1.1 2x", 10, status),
            (b"HTTP/1.1 200 \0", 13, control),
            (b"HTTP/1.1 200 OK\r\nA: \0", 17, control),
            (b"HTTP/1.1 200 OK\n", 15, no_cr),
            (b"HTTP/1.1 200 OK\rA", 16, no_lf),
            (b"HTTP/1.1 200 OK\rA", 15, no_lf),
            (b"HTTP/1.1 200 OK\r\n\rA", 18, no_lf),
            (b"HTTP/1.1 200 OK\r\n<html>\r\n", 17, "a header line has no colon"),
            (b"HTTP/1.1 200 OK\r\n<html>\r\nA", 25, ""),
        ):
            found = self.refused(check_response_start, data, known)
            self.assertEqual(found, detail, (data, known))

    def test_response_known(self) -> None:
        """What was looked at before is not looked at again."""
        for data, known, detail in (
            (b"HTTQ/1.1 200 OK", 12, "the status line is not understood"),
            (b"HTTQ/1.1 200 OK", 13, ""),
            (b"HTTP/1.1 200 \0K", 13, "there is a control character"),
            (b"HTTP/1.1 200 \0K", 14, ""),
            (b"HTTP/1.1 200 OK\nA", 15, "a line ends without CR"),
            (b"HTTP/1.1 200 OK\nA", 16, ""),
        ):
            self.assertEqual(self.refused(check_response_start, data, known), detail, (data, known))

    def test_request(self) -> None:
        """A request line is looked at before its end; behind it the end of each line is."""
        line, version = "the request line is not understood", "the HTTP version is not supported"
        for data, detail in (
            (b"", ""),
            (b"G", ""),
            (b"M-SEARCH", ""),
            (b"GET /\xff HTTP/1.1", ""),
            (b"GET / HTTP/1.1\r", ""),
            (b"GET / HTTP/1.1\r\n", ""),
            (b"GET / HTTP/1.0\r\nA", ""),
            (b"GET / HTTP/1.1\r\nA: \0", ""),
            (b"\x16\x03\x01", line),
            (b"GET /\0", line),
            (b"<html>", line),
            (b"\r\nGET", line),
            (b"GET /\r\n", line),
            (b"GET / HTTP/2.0\r\n", version),
            (b"GET /\n", "a line ends without CR"),
            (b"GET /\rA", "a CR stands without LF"),
            (b"GET / HTTP/1.1\r\nA\n", "a line ends without CR"),
        ):
            self.assertEqual(self.refused(check_request_start, data, data.find(b"\r\n")), detail, data)


class TrailerTests(SynchronousTestCase):
    """Trailer sections."""

    def test_read(self) -> None:
        """What no trailer may be is dropped (RFC 9110 6.5.1), and names with an underscore."""
        self.assertEqual(read_trailers(b""), ())
        self.assertEqual(
            read_trailers(b"\r\nX-Sum:  1 \r\nHost: a\r\nContent-LENGTH: 5\r\nX_Y: z\r\nETag:"),
            ((b"X-Sum", b"1"), (b"ETag", b"")),
        )

    def test_of_peer(self) -> None:
        """A blank before the colon makes a field that some read and some do not: a peer's is dropped (RFC 9112 5.1)."""
        self.assertEqual(read_trailers(b"\r\nX-Sum : 1\r\nA: b\r\nHost\t: a", of_peer=True), ((b"A", b"b"),))
        for block in (b"\r\nA", b"\r\n : b", b"\r\nA B : c", b"\r\nA: b\r\n c", b"\r\nA : b\x00"):
            self.assertRaises(Malformed, read_trailers, block, of_peer=True)

    def test_refused(self) -> None:
        """What cannot be read, what would be dropped too."""
        for block in (b"\r\nA", b"\r\nA: b\r\n c", b"\r\nHost : a", b"\r\nA: b\x00"):
            self.assertIn("a trailer field is malformed", self.assertRaises(Malformed, read_trailers, block).detail)

    def test_many(self) -> None:
        """The number of fields is bounded."""
        self.assertEqual(len(read_trailers(b"\r\nA:" * MAX_TRAILER_FIELDS)), MAX_TRAILER_FIELDS)
        for of_peer in (False, True):
            error = self.assertRaises(Malformed, read_trailers, b"\r\nA:" * (MAX_TRAILER_FIELDS + 1), of_peer=of_peer)
            self.assertEqual(error.status, 431)
