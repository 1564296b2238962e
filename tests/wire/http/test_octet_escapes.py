"""Tests of octets that are written as hexadecimal digits."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.octet_escapes import escaper, unquote
from tests.support.cost import ONE_MILLISECOND, instructions

VISIBLE = bytes(range(0x21, 0x7F))
SAFE = (
    VISIBLE,
    VISIBLE.translate(None, b'"#%\\'),
    VISIBLE.translate(None, b"%") + b" ",
    VISIBLE.translate(None, b"\\"),
)
#: Octets that one of the ways through the codec could take for its own.
TEXTS = st.one_of(st.binary(), st.text('\\xXuUnNrRtTeE05cC"% \n\r\t\0\x7f').map(str.encode))


class EscaperTests(SynchronousTestCase):
    """Octets that may not stand as they are."""

    @given(TEXTS, st.sampled_from(SAFE), st.sampled_from([b"%", b"\\x"]))
    def test_each(self, text: bytes, safe: bytes, mark: bytes) -> None:
        """Each is written by itself, and no other changes."""
        expected = b"".join([bytes((octet,)) if octet in safe else mark + b"%02X" % octet for octet in text])
        self.assertEqual(escaper(safe, mark)(text), expected)

    def test_cost(self) -> None:
        """No Python runs for an octet, however many there are, and of whatever kinds."""
        for text in (b"\xff", b"a\xff", b'"\\', b"\n\r\t\0", b"%", bytes(range(256))):
            for mark in (b"%", b"\\x"):
                escape = escaper(VISIBLE.translate(None, b'"%\\'), mark)
                long = text * (30_000 // len(text))
                # The first use of a codec imports its module.
                escape(long)
                self.assertLess(instructions(lambda escape=escape, text=long: escape(text)), ONE_MILLISECOND / 20)  # type: ignore[misc]  # a lambda's own


class UnquoteTests(SynchronousTestCase):
    """Percent-escapes that are read back."""

    @given(st.one_of(TEXTS, st.text("%%%%01afAF\\xu{}N+é").map(str.encode)))
    def test_each(self, text: bytes) -> None:
        """As the standard library reads them: what is no escape stays."""
        self.assertEqual(unquote(text), unquote_to_bytes(text))

    def test_cost(self) -> None:
        """No Python runs for an escape, well-formed or not."""
        for text in (b"%41", b"%4", b"%", b"%zz%41", b"\\%5c"):
            long = text * (30_000 // len(text))
            self.assertLess(instructions(lambda text=long: unquote(text)), ONE_MILLISECOND / 20)  # type: ignore[misc]  # a lambda's own
