"""Tests of the patterns of HTTP/1.1."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.grammar import (
    Malformed,
    is_digits,
    is_plain_section,
    is_token,
    is_value,
    read_any_line,
    read_chunk_size,
    read_field,
    read_peer_chunk_size,
    read_status_line,
    read_usual_line,
)

TCHAR = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
OCTETS = [bytes([octet]) for octet in range(256)]


class MalformedTests(SynchronousTestCase):
    """The error of what has no single reading."""

    def test_status(self) -> None:
        """It is the client's fault in a way that 400 says, unless told otherwise."""
        self.assertEqual((Malformed("so").status, Malformed("so").detail, str(Malformed("so"))), (400, "so", "so"))
        self.assertEqual(Malformed("so", 414).status, 414)


class OctetTests(SynchronousTestCase):
    """Which octets may stand where, all 256 of them."""

    def test_token(self) -> None:
        """RFC 9110 5.6.2."""
        self.assertEqual(
            b"".join(octet for octet in OCTETS if is_token(octet)), b"".join(sorted(OCTETS[o] for o in TCHAR))
        )
        self.assertIsNone(is_token(b""))

    def test_value(self) -> None:
        """RFC 9110 5.5: no control but the tab."""
        allowed = {0x09, *range(0x20, 0x7F), *range(0x80, 0x100)}
        self.assertEqual({octet[0] for octet in OCTETS if is_value(octet)}, allowed)
        self.assertTrue(is_value(b""))

    def test_section(self) -> None:
        """A plain section has names without an underscore, and the same values."""
        named = {octet[0] for octet in OCTETS if is_plain_section(b"\r\n%b:" % octet)}
        self.assertEqual(named, set(TCHAR) - {ord("_")})
        valued = {octet[0] for octet in OCTETS if is_plain_section(b"\r\na:b%bc\r\nd:" % octet)}
        self.assertEqual(valued, {octet[0] for octet in OCTETS if is_value(octet)})
        for octet in OCTETS:
            if octet not in (b":", b"_"):
                self.assertEqual(bool(read_field(octet + b":x")), bool(is_plain_section(b"\r\n%b:x" % octet)))

    def test_target(self) -> None:
        """A target is visible ASCII; the usual one has no fragment either."""
        visible = set(range(0x21, 0x7F))
        self.assertEqual({o[0] for o in OCTETS if read_any_line(b"GET /%b HTTP/1.1" % o)}, visible)
        self.assertEqual({o[0] for o in OCTETS if read_usual_line(b"GET /%b HTTP/1.1" % o)}, visible - {ord("#")})

    def test_reason(self) -> None:
        """A reason phrase is a value."""
        for octet in OCTETS:
            self.assertEqual(bool(read_status_line(b"HTTP/1.1 200 " + octet)), bool(is_value(octet)))


class LineTests(SynchronousTestCase):
    """First lines."""

    def test_sections(self) -> None:
        """A section has CRLF before each field and nothing after the last."""
        for good in (b"", b"\r\na:", b"\r\na: b\t ", b"\r\na:b\r\nC: \xff"):
            self.assertTrue(is_plain_section(good), good)
        for bad in (b"a:b", b"\r\na:b\r\n", b"\r\n", b"\r\na", b"\r\n:b", b"\r\na :b", b"\na:b", b"\r\na:b\r\n c"):
            self.assertIsNone(is_plain_section(bad), bad)

    def test_usual_line(self) -> None:
        """It is what nearly all clients send; TRACE and CONNECT are for the slow reader, which refuses them."""
        match = read_usual_line(b"GET /a?b=c HTTP/1.1")
        assert match is not None
        self.assertEqual(match.groups(), (b"GET", b"/a?b=c"))
        self.assertTrue(read_usual_line(b"TRACEX / HTTP/1.1"))
        for other in (
            b"TRACE / HTTP/1.1",
            b"CONNECT / HTTP/1.1",
            b"get / HTTP/1.1",
            b"GET / HTTP/1.0",
            b"GET http://a/ HTTP/1.1",
            b"OPTIONS * HTTP/1.1",
            b"GET  / HTTP/1.1",
            b"GET / HTTP/1.1\r",
            b"GET / HTTP/1.1\n",
        ):
            self.assertIsNone(read_usual_line(other), other)

    def test_status_line(self) -> None:
        """A reason may be absent, and the blank before it."""
        for line, groups in (
            (b"HTTP/1.1 200 OK", (b"1", b"200", b"OK")),
            (b"HTTP/1.0 404 Not  Found", (b"0", b"404", b"Not  Found")),
            (b"HTTP/1.1 200 ", (b"1", b"200", b"")),
            (b"HTTP/1.1 599", (b"1", b"599", None)),
            (b"HTTP/1.2 600 X", (b"2", b"600", b"X")),
            (b"HTTP/1.9 999", (b"9", b"999", None)),
        ):
            match = read_status_line(line)
            assert match is not None
            self.assertEqual(match.groups(), groups)
        for line in (b"HTTP/1.1 099 X", b"HTTP/1.10 200 OK", b"HTTP/2.0 200", b"HTTP/2 200", b"HTTP/1.1 200OK", b""):
            self.assertIsNone(read_status_line(line), line)


class NumberTests(SynchronousTestCase):
    """Sizes."""

    def test_digits(self) -> None:
        """Digits of ASCII, eighteen at most: below 2^63 whatever they are."""
        self.assertTrue(is_digits(b"0") and is_digits(b"9" * 18))
        for bad in (b"", b"9" * 19, b"+1", b"-1", b" 1", b"1 ", b"0x1", b"1_0", b"1\n", "٣".encode()):
            self.assertIsNone(is_digits(bad), bad)

    def test_chunk_size(self) -> None:
        """RFC 9112 7.1: hexadecimal digits, and extensions in their grammar."""
        for line, size in (
            (b"0", b"0"),
            (b"fF", b"fF"),
            (b"0" * 16, b"0" * 16),
            (b"2;a", b"2"),
            (b"2 ;a = b\t;c", b"2"),
            (b'2;a="b;\\"c\\\\"', b"2"),
        ):
            match = read_chunk_size(line)
            assert match is not None
            self.assertEqual(match[1], size)
        for line in (
            b"",
            b"0" * 17,
            b"2 ",
            b" 2",
            b"0x2",
            b"2;",
            b"2;a=",
            b'2;a="',
            b'2;a="\\',
            b"2;a b",
            b"2;a\n",
            b"g",
        ):
            self.assertIsNone(read_chunk_size(line), line)

    def test_peer_chunk_size(self) -> None:
        """Of a peer blanks behind the size are passed over, and extensions of any kind."""
        for line in (b"2", b"2 ", b"2\t", b"2 \t ", b"2;", b"2 ;", b"2;;", b"2;a b", b'2;a="', b"2;a=b", b"2; \xff"):
            match = read_peer_chunk_size(line)
            assert match is not None
            self.assertEqual(match[1], b"2")
        for line in (
            b"",
            b"0" * 17,
            b" 2",
            b"2 2",
            b"0x2",
            b"+2",
            b"-2",
            b"2,",
            b"2;a\n",
            b"2;a\r",
            b"2\x0b",
            b"2;\0",
            b"g",
        ):
            self.assertIsNone(read_peer_chunk_size(line), line)
