"""Tests of the content codings."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.features.compression.codecs import CODINGS, Brotli, Coder, Gzip, Igzip, Zstd, coder, installed
from tests.support.decoding import decoded, decoder, need

_pieces = st.lists(st.binary(max_size=200) | st.integers(1, 5000).map(lambda size: b"ab" * size), max_size=6)
_bodies = st.binary(max_size=3000) | st.integers(0, 100_000).map(lambda size: b"x" * size)

IGZIP = 'isal is not installed: pip install "pydsl_proxy[fast]"'


def coders() -> list[Coder]:
    """Each that can be had; there are two for gzip."""
    return [Gzip(1), *(coder(each) for each in CODINGS if installed(each))]


class RuleTests(SynchronousTestCase):
    """What holds of each coding."""

    @given(body=_bodies)
    def test_whole(self, body: bytes) -> None:
        """What was encoded as a whole is decoded to what it was, and so is the next one."""
        for each in coders():
            for _ in range(2):
                self.assertEqual(decoded(each.coding.decode(), each.whole(body)), body)

    @given(pieces=_pieces)
    def test_pieces(self, pieces: list[bytes]) -> None:
        """So is what came in pieces, however it was split, and two that are made at the same time."""
        for each in coders():
            one, other = each.begin(), each.begin()
            first = second = b""
            for piece in pieces:
                first += one.take(piece)
                second += other.take(piece[::-1]) + other.flush()
            self.assertEqual(decoded(each.coding.decode(), first + one.finish()), b"".join(pieces))
            reversed_pieces = b"".join([piece[::-1] for piece in pieces])
            self.assertEqual(decoded(each.coding.decode(), second + other.finish()), reversed_pieces)

    @given(pieces=_pieces)
    def test_flush(self, pieces: list[bytes]) -> None:
        """After a flush a client can read all that was taken."""
        for each in coders():
            encoding, read = each.begin(), decoder(each.coding.decode())
            for piece in pieces:
                self.assertEqual(read(encoding.take(piece) + encoding.flush()), piece)

    def test_idle_flush(self) -> None:
        """Flushing twice does no harm."""
        for each in coders():
            encoding = each.begin()
            data = encoding.take(b"a") + encoding.flush() + encoding.flush() + encoding.take(b"b") + encoding.finish()
            self.assertEqual(decoded(each.coding.decode(), data), b"ab")

    def test_bounded(self) -> None:
        """A compressor keeps back no more than a bounded part of what it took, however long the body."""
        for each in coders():
            encoding, random = each.begin(), Random(1)
            kept, most = 0, 0
            for _ in range(64):
                piece = random.randbytes(64 * 1024)
                kept += len(piece) - len(encoding.take(piece))
                most = max(most, kept)
            self.assertLess(most, 1024 * 1024, each)

    def test_smaller(self) -> None:
        """Text becomes a fraction."""
        text = b'{"name": "ada", "score": 12.5}, ' * 1000
        for each in coders():
            self.assertLess(len(each.whole(text)), len(text) / 20, each)

    def test_repeatable(self) -> None:
        """A header of gzip names no file and no time: the same body is always encoded the same."""
        for each in coders():
            if each.coding == b"gzip":
                encoding = each.begin()
                for data in (each.whole(b"a"), encoding.take(b"a") + encoding.finish()):
                    self.assertEqual(data[:8], b"\x1f\x8b\x08\0\0\0\0\0")


class CoderTests(SynchronousTestCase):
    """Which one is made."""

    def test_levels(self) -> None:
        """Every coding knows the levels from 1 to 9, and is no worse for a higher one."""
        text = Path(__file__).read_bytes()
        for coding in filter(installed, CODINGS):
            sizes = [len(coder(coding, level).whole(text)) for level in range(1, 10)]
            self.assertLess(sizes[-1], sizes[0], coding)

    def test_igzip(self) -> None:
        """igzip stands in for zlib where it is as good: it has no levels above 3."""
        self.assertIsInstance(coder("gzip", 4), Gzip)
        if not isinstance(coder("gzip", 3), Igzip):
            self.skipTest(IGZIP)
        self.assertIsInstance(coder("gzip"), Igzip)

    def test_without_igzip(self) -> None:
        """Without its library it is zlib."""
        self.patch(sys, "modules", {**sys.modules, "isal": None})
        self.assertIsInstance(coder("gzip"), Gzip)

    def test_installed(self) -> None:
        """gzip is always there; another only with its library."""
        self.patch(sys, "modules", {**sys.modules, "brotli": None})
        self.assertTrue(installed("gzip"))
        self.assertFalse(installed("br"))

    def test_brotli(self) -> None:
        """br is brotli."""
        need("br")
        self.assertIsInstance(coder("br"), Brotli)

    def test_zstd(self) -> None:
        """zstd is zstandard."""
        need("zstd")
        self.assertIsInstance(coder("zstd"), Zstd)
