"""Tests of how text is written into a log."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.observe.escaping import escape_default, escape_json
from tests.support.cost import ONE_MILLISECOND, instructions


class DefaultTests(SynchronousTestCase):
    """As nginx's ``escape=default``."""

    def test_as_nginx(self) -> None:
        """Quotes, backslashes, controls and what is not ASCII are written in hexadecimal (observed on nginx 1.22.1)."""
        for text, written in (
            (b"/plain?a=1&b='c'", b"/plain?a=1&b='c'"),
            (b'/a"b\\c\xe4\x7f', rb"/a\x22b\x5Cc\xE4\x7F"),
            (b"\x16\x03\x01abc\x00", rb"\x16\x03\x01abc\x00"),
            (b"a\r\nb", rb"a\x0D\x0Ab"),
        ):
            self.assertEqual(escape_default(text), written)

    def test_cost(self) -> None:
        """No Python runs for an octet: a field of 30 KB that has to be escaped costs what a short one does."""
        for escape in (escape_default, escape_json):
            for text in (b"\xff", b"a\xff", b'"\\', "é".encode(), b"\xed\xb2\x80", b"\x01"):
                long = text * (30_000 // len(text))
                cost = instructions(lambda escape=escape, text=long: escape(text))  # type: ignore[misc]  # a lambda's own
                self.assertLess(cost, ONE_MILLISECOND / 20, text)

    def test_nothing(self) -> None:
        """What is empty is a dash."""
        self.assertEqual(escape_default(b""), b"-")

    @given(st.binary(min_size=1))
    def test_reversible(self, text: bytes) -> None:
        """The text can be had back, and the line and the quotes around it stay whole."""
        written = escape_default(text)
        self.assertTrue(written.decode("ascii").isprintable() and b'"' not in written)
        self.assertEqual(written.decode("unicode_escape").encode("latin-1"), text)


class JSONTests(SynchronousTestCase):
    """As the inside of a JSON string."""

    @given(st.text(st.characters(codec="utf-8")))
    def test_text(self, text: str) -> None:
        """A JSON parser reads the text that was sent."""
        written = escape_json(text.encode())
        self.assertNotIn(b"\n", written)
        self.assertEqual(json.loads(b'"%b"' % written), text)

    @given(st.binary())
    def test_bytes(self, text: bytes) -> None:
        """Whatever is sent, the line is JSON."""
        json.loads(b'"%b"' % escape_json(text))

    def test_not_utf8(self) -> None:
        """Bytes that are not UTF-8 can be told from those that are."""
        for text, written in (
            (b"caf\xe9", r"caf\xe9"),
            (b"\\udce9 \xe9\\", r"\udce9 \xe9" "\\"),
            (b"\xed\xb2\x80", r"\xed\xb2\x80"),
            ("\ue05c\U0010ffff\\".encode(), "\ue05c\U0010ffff\\"),
        ):
            self.assertEqual(json.loads(b'"%b"' % escape_json(text)), written)

    def test_nothing(self) -> None:
        """What is empty is empty."""
        self.assertEqual(escape_json(b""), b"")
