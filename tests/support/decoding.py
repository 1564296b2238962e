"""Content codings undone, by other means than those that made them where there are such."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

from twisted.trial.unittest import SkipTest

from pydsl_proxy.features.compression.codecs import LIBRARIES, Coding, installed


def need(coding: Coding) -> None:
    """Skip the test where *coding* cannot be had."""
    if not installed(coding):
        raise SkipTest(f'{LIBRARIES[coding]} is not installed: pip install "pydsl_proxy[compression]"')


def decoded(coding: str, data: bytes) -> bytes:
    """A complete body."""
    if coding == "gzip":
        return gzip.decompress(data)
    if coding == "br":
        import brotli  # type: ignore[import-untyped]  # it has no annotations

        whole: bytes = brotli.decompress(data)
        return whole
    return decoder(coding)(data)


def decoder(coding: str) -> Callable[[bytes], bytes]:
    """What decodes a body piece by piece: all that the bytes so far come to."""
    if coding == "gzip":
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress
    if coding == "br":
        import brotli

        process: Callable[[bytes], bytes] = brotli.Decompressor().process
        return process
    from zstandard import ZstdDecompressor

    return ZstdDecompressor().decompressobj().decompress
