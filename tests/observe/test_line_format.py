"""Tests of compiled formats."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pydsl_proxy.observe.escaping import escape_default
from pydsl_proxy.observe.format_parser import Part
from pydsl_proxy.observe.line_format import lines_of
from pydsl_proxy.observe.response_values import remote_user, status
from pydsl_proxy.values.value import client_address, header, method, path
from tests.observe.doubles import FakeExchange, ZoneTestCase, refused, seconds


def line(exchange: FakeExchange, *parts: Part) -> bytes:
    """The line of one exchange."""
    return lines_of(parts, escape_default, seconds)(exchange)


class LineTests(ZoneTestCase):
    """One line for an exchange."""

    def test_literals(self) -> None:
        """What the user wrote is written as it is."""
        self.assertEqual(line(FakeExchange(), '100% "é" %b {', status, "}"), '100% "é" %b {200}\n'.encode())

    def test_escaping(self) -> None:
        """What others sent is escaped."""
        self.assertEqual(line(FakeExchange(b'x-a: "%d\\'), "[", header("x-a"), "]"), b"[\\x22%d\\x5C]\n")

    def test_kept(self) -> None:
        """What follows from the header section is written once for each section, the rest for each request."""
        write = lines_of((header("x-a"), " ", method, " ", remote_user), escape_default, seconds)
        first, second = FakeExchange(b"x-a: 1"), FakeExchange(b"x-a: 2", method=b"PUT")
        self.assertEqual([write(first), write(second)], [b"1 GET -\n", b"2 PUT -\n"])
        second.fields = first.fields
        self.assertEqual(write(second), b"1 PUT -\n")
        self.assertEqual(len(first.fields.edited), 1)

    def test_two_formats(self) -> None:
        """Two logs of the same exchanges do not mix their lines."""
        exchange = FakeExchange(b"x-a: 1")
        one = lines_of((header("x-a"), status), escape_default, seconds)
        other = lines_of((status, header("x-a")), escape_default, seconds)
        self.assertEqual([one(exchange), other(exchange), one(exchange)], [b"1200\n", b"2001\n", b"1200\n"])

    def test_refused(self) -> None:
        """Of a request that could not be read, what is known is written."""
        parts = (client_address, " ", method, " ", path, " ", header("x-a"), " ", status)
        self.assertEqual(line(refused(b"GET / HTTP/1.1"), *parts), b"192.0.2.7 GET - - 400\n")
        self.assertEqual(line(refused(b"\xff"), *parts), b"192.0.2.7 - - - 400\n")

    @given(st.binary(), st.binary())
    def test_one_line(self, text: bytes, raw: bytes) -> None:
        """Nothing that is sent makes two lines of one."""
        exchange = FakeExchange(b"x-a: " + text.replace(b"\n", b"\r"))
        for each in (exchange, refused(raw)):
            self.assertEqual(line(each, method, header("x-a"), header("x-b")).count(b"\n"), 1)
