"""Tests of how long a body is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.framing import Framing, content_length, is_chunked, response_framing
from pydsl_proxy.wire.http.grammar import Malformed

#: More digits than Python's int() reads.
ZEROS = ([b"0" * 5000 + b"9" * 18], 10**18 - 1)


class LengthTests(SynchronousTestCase):
    """Content-Length."""

    def test_lengths(self) -> None:
        """None is declared, or one number; zeros at its start are not counted."""
        for values, length in (([], None), ([b"0"], 0), ([b"0042"], 42), ([b"9" * 18], 10**18 - 1), ZEROS):
            self.assertEqual(content_length(values), length)

    def test_refused(self) -> None:
        """A second one, equal or not, and what is not all digits."""
        for values in (
            [b"5", b"5"],
            [b"5", b"6"],
            [b"5, 5"],
            [b"+5"],
            [b"-5"],
            [b"0x5"],
            [b""],
            [b"9" * 19],
            [b"5 "],
            [b"0 5"],
        ):
            self.assertEqual(self.assertRaises(Malformed, content_length, values).status, 400)


class CodingTests(SynchronousTestCase):
    """Transfer-Encoding."""

    def test_chunked(self) -> None:
        """Chunked, in any case, is the one coding that is understood."""
        self.assertFalse(is_chunked([], None))
        self.assertFalse(is_chunked([], 5))
        self.assertTrue(is_chunked([b"CHUNKed"], None))

    def test_refused(self) -> None:
        """Others are not implemented; with a length, or repeated, it is ambiguous."""
        for codings, length, status in (
            ([b"chunked"], 0, 400),
            ([b"gzip"], 5, 400),
            ([b"chunked", b"chunked"], None, 400),
            ([b"gzip, chunked"], None, 501),
            ([b"identity"], None, 501),
            ([b""], None, 501),
        ):
            self.assertEqual(self.assertRaises(Malformed, is_chunked, codings, length).status, status)


class ResponseTests(SynchronousTestCase):
    """RFC 9112 6.3, for responses."""

    def test_steps(self) -> None:
        """No body, chunks, a length, or all until the close: in this order."""
        for method, status, length, chunked, framing in (
            (b"HEAD", 200, 5, False, Framing.NONE),
            (b"HEAD", 200, None, True, Framing.NONE),
            (b"GET", 204, 5, False, Framing.NONE),
            (b"GET", 304, None, True, Framing.NONE),
            (b"GET", 103, None, False, Framing.NONE),
            (b"GET", 200, None, True, Framing.CHUNKED),
            (b"GET", 200, 0, False, Framing.LENGTH),
            (b"POST", 500, None, False, Framing.CLOSE),
        ):
            self.assertIs(response_framing(method, status, length, chunked), framing)
