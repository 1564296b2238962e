"""Tests of the credentials of Basic authentication."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.fields.basic_credentials import read_basic

VISIBLE = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


class BasicTests(SynchronousTestCase):
    """What a client sends."""

    @given(VISIBLE.map(lambda user: user.replace(":", "")), VISIBLE, st.sampled_from(["Basic ", "basic   ", "BASIC "]))
    def test_read(self, user: str, password: str, scheme: str) -> None:
        """Any user without a colon and any password; the scheme in any case."""
        value = scheme.encode() + b64encode(f"{user}:{password}".encode())
        self.assertEqual(read_basic(value), (user.encode(), password.encode()))

    def test_padding(self) -> None:
        """Padding may be missing, as for nginx."""
        self.assertEqual(read_basic(b"Basic YTpiYw"), (b"a", b"bc"))
        self.assertEqual(read_basic(b"Basic YTpiYw=="), (b"a", b"bc"))

    def test_refused(self) -> None:
        """What is not user, colon and password, in base64 and without control characters, is nothing."""
        for value in (
            b"",
            b"Basic",
            b"Basic ",
            b"Bearer YTpi",
            b"Basic YTpi, Basic YTpi",
            b"Basic YTpi YTpi",
            b"Basic a-_b",
            b"Basic a",
            b"Basic " + b64encode(b"nocolon"),
            b"Basic " + b64encode(b"a:b\0c"),
            b"Basic " + b64encode(b"a\r\nx:b"),
            b"Basic " + b64encode(b"a:b\x7f"),
        ):
            self.assertIsNone(read_basic(value), value)
