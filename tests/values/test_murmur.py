"""Tests of MurmurHash2."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.values.murmur import murmur_hash2


def by_octets(data: bytes) -> int:
    """``ngx_murmur_hash2``, an octet at a time."""
    m, whole = 0x5BD1E995, 0xFFFFFFFF
    h = len(data)
    while len(data) >= 4:
        k = data[0] | data[1] << 8 | data[2] << 16 | data[3] << 24
        k = k * m & whole
        k ^= k >> 24
        k = k * m & whole
        h = h * m & whole
        h ^= k
        data = data[4:]
    if len(data) == 3:
        h ^= data[2] << 16
    if len(data) >= 2:
        h ^= data[1] << 8
    if len(data) >= 1:
        h ^= data[0]
        h = h * m & whole
    h ^= h >> 13
    h = h * m & whole
    return h ^ h >> 15


class MurmurTests(SynchronousTestCase):
    """The hash of ``split_clients``; that nginx has the same is in the tests of shares."""

    @given(st.binary(max_size=40))
    def test_reference(self, data: bytes) -> None:
        """It is what the steps of the definition come to."""
        self.assertEqual(murmur_hash2(data), by_octets(data))

    def test_empty(self) -> None:
        """The seed and the length are 0."""
        self.assertEqual(murmur_hash2(b""), 0)
