"""Tests of the choice of a content coding."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.fields.content_codings import LONGEST, chosen_coding

OURS = (b"zstd", b"br", b"gzip")


class ChosenCodingTests(SynchronousTestCase):
    """Accept-Encoding."""

    def check(self, table: dict[bytes | None, bytes | None]) -> None:
        """Each field value gets its coding."""
        self.assertEqual({accepted: chosen_coding(accepted, OURS) for accepted in table}, table)

    def test_plain(self) -> None:
        """The first of ours that is named; nothing where none is, or the field is missing or empty."""
        self.check(
            {
                b"gzip": b"gzip",
                b"gzip, deflate, br": b"br",
                b"gzip, deflate, br, zstd": b"zstd",
                b"deflate": None,
                b"": None,
                b" , ,": None,
                None: None,
            }
        )

    def test_spelling(self) -> None:
        """Codings and weights have no case; blanks and empty members are passed over; x-gzip is gzip."""
        self.check(
            {
                b"GZip": b"gzip",
                b"x-gzip": b"gzip",
                b"deflate,,gzip": b"gzip",
                b" gzip ;\tQ=0.5 ,deflate": b"gzip",
                b"br;q=1.000": b"br",
                b"gzip;q=1.": b"gzip",
            }
        )

    def test_weights(self) -> None:
        """The highest weight wins, and 0 refuses."""
        self.check(
            {
                b"gzip;q=0": None,
                b"gzip;q=0.000": None,
                b"gzip;q=0.001": b"gzip",
                b"br;q=0.5, gzip;q=0.8": b"gzip",
                b"br;q=0.8, gzip;q=0.8": b"br",
                b"zstd;q=0, br;q=0, gzip": b"gzip",
            }
        )

    def test_star(self) -> None:
        """A star stands for all that is not named."""
        self.check(
            {
                b"*": b"zstd",
                b"*;q=0": None,
                b"gzip, *;q=0": b"gzip",
                b"zstd;q=0, *": b"br",
                b"gzip;q=1.0, *;q=0.5": b"gzip",
                b"identity, *": b"zstd",
            }
        )

    def test_identity(self) -> None:
        """A client that likes its bytes plain gets them so; one that refuses them loses nothing by it."""
        self.check(
            {
                b"identity": None,
                b"identity;q=1, gzip;q=0.5": None,
                b"identity;q=0.5, gzip;q=1": b"gzip",
                b"identity, gzip": b"gzip",
                b"identity;q=0": None,
                b"gzip, identity;q=0": b"gzip",
            }
        )

    def test_malformed(self) -> None:
        """What cannot be read is passed over; of a coding named twice the first counts."""
        self.check(
            {
                b"gzip;q=2": None,
                b"gzip;q=0.1234": None,
                b"gzip;q=-1": None,
                b"gzip;q": None,
                b"gzip;level=9": None,
                b"gz ip": None,
                b"gzip;q=bad, br": b"br",
                b"gzip;q=0, gzip": None,
                b"gzip, gzip;q=0": b"gzip",
                b"\xff\xfe": None,
            }
        )

    def test_long(self) -> None:
        """A list that no client needs is not read."""
        self.assertIsNone(chosen_coding(b"gzip," * LONGEST, OURS))

    @given(st.binary(max_size=80) | st.text("gzipbrstd*identity;q=01.5, \t", max_size=60).map(str.encode))
    def test_anything(self, accepted: bytes) -> None:
        """No field value raises, and what is chosen is ours."""
        self.assertIn(chosen_coding(accepted, OURS), (None, *OURS))
