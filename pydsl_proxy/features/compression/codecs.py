"""The content codings: gzip, and where their libraries are installed br and zstd."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Literal, Protocol, TypeAlias, get_args

Coding: TypeAlias = Literal["gzip", "br", "zstd"]
CODINGS: tuple[Coding, ...] = get_args(Coding)
LIBRARIES: dict[Coding, str] = {"br": "brotli", "zstd": "zstandard"}

# Facts, on 50 KB of JSON and of prose in reST (CPython 3.11, x86-64), as CPU time and as the encoded size in parts of
# the plain one:
#
# - zlib, level 1: 273 µs 0.206, 495 µs 0.379; level 6: 631 µs 0.165, 1718 µs 0.323.
# - igzip, level 1: 77 µs 0.182, 142 µs 0.373; level 3: 235 µs 0.180, 272 µs 0.354.
# - zlib-ng, level 1: 104 µs 0.253; level 2: 193 µs 0.183, so it is not asked for: igzip is better where speed counts,
#   and zlib good enough where it does not.  Both bindings are kept by the same people, with wheels for each Python.
# - brotli, level 3: 284 µs 0.160, 560 µs 0.342; level 4: 751 µs 0.156, 1359 µs 0.334.
# - zstd, level 3: 136 µs 0.163, 249 µs 0.342.
#
# So by default gzip has nginx's level, 1, and the others take no more time than that and save more.  What one of them
# holds while it works, by level: zlib 264 KiB, igzip 260 to 318 KiB, brotli 0.7 MiB (3) to 18 MiB (9), zstd 1.1 MiB
# (3) to 3.1 MiB (9).
DEFAULT_LEVELS: dict[Coding, int] = {"gzip": 1, "br": 3, "zstd": 3}
# igzip has no better ones; its level 3 takes less time than zlib's, and saves more.
MAX_IGZIP = 3
# 256 KiB: a window as large as most bodies.  A slow client holds a compressor for as long as it likes; with the
# windows and tables that zstd has for bodies without end, that would be 2 MiB (3) to 11 MiB (9).
WINDOW_BITS = 18
# zlib's with a header and a trailer of gzip: 32 KiB, the only one that every client knows.
GZIP_WINDOW = 16 + zlib.MAX_WBITS


class Encoding:
    """A body that is being encoded: three functions, each of which returns what is ready.

    ``take`` takes some of the body; ``flush`` brings out all of what was taken, ``finish`` also the end.
    """

    __slots__ = ("finish", "flush", "take")

    def __init__(self, take: Callable[[bytes], bytes], flush: Callable[[], bytes], finish: Callable[[], bytes]) -> None:
        self.take = take
        self.flush = flush
        self.finish = finish


class Coder(Protocol):
    """A content coding with its level."""

    @property
    def coding(self) -> bytes:
        """Its name."""

    def whole(self, body: bytes) -> bytes:
        """A complete body, encoded."""

    def begin(self) -> Encoding:
        """Encode a body that comes in pieces."""


def installed(coding: Coding) -> bool:
    """Whether *coding* can be had."""
    return coding not in LIBRARIES or find_spec(LIBRARIES[coding]) is not None


def coder(coding: Coding, level: int | None = None) -> Coder:
    """The coder of *coding*, whose library must be installed; *level* is 1 (fast) to 9 (small)."""
    if level is None:
        level = DEFAULT_LEVELS[coding]
    if coding == "br":
        return Brotli(level)
    if coding == "zstd":
        return Zstd(level)
    return Igzip(level) if level <= MAX_IGZIP and find_spec("isal") is not None else Gzip(level)


class Gzip:
    """gzip by the zlib of Python."""

    coding = b"gzip"

    def __init__(self, level: int) -> None:
        self._level = level

    def whole(self, body: bytes) -> bytes:
        """A complete body, encoded."""
        return zlib.compress(body, self._level, GZIP_WINDOW)

    def begin(self) -> Encoding:
        """Encode a body that comes in pieces."""
        encoding = zlib.compressobj(self._level, zlib.DEFLATED, GZIP_WINDOW)
        return Encoding(encoding.compress, partial(encoding.flush, zlib.Z_SYNC_FLUSH), encoding.flush)


class Igzip:
    """gzip by igzip of Intel's ISA-L, which takes a quarter of zlib's time."""

    coding = b"gzip"

    def __init__(self, level: int) -> None:
        from isal import isal_zlib

        self._compress = partial(isal_zlib.compress, level=level, wbits=GZIP_WINDOW)
        self._begin = partial(isal_zlib.compressobj, level, isal_zlib.DEFLATED, GZIP_WINDOW)
        self._sync = isal_zlib.Z_SYNC_FLUSH

    def whole(self, body: bytes) -> bytes:
        """A complete body, encoded."""
        return self._compress(body)

    def begin(self) -> Encoding:
        """Encode a body that comes in pieces."""
        encoding = self._begin()
        return Encoding(encoding.compress, partial(encoding.flush, self._sync), encoding.flush)


class _Compressor(Protocol):
    """What brotli offers for a body that comes in pieces."""

    def process(self, data: bytes, /) -> bytes:
        """Take some."""

    def flush(self) -> bytes:
        """Bring out what was taken."""

    def finish(self) -> bytes:
        """Bring out the end."""


class Brotli:
    """RFC 7932."""

    coding = b"br"

    def __init__(self, level: int) -> None:
        import brotli  # type: ignore[import-untyped]  # it has no annotations

        self._compress: Callable[[bytes], bytes] = partial(brotli.compress, quality=level, lgwin=WINDOW_BITS)
        self._begin: Callable[[], _Compressor] = partial(brotli.Compressor, quality=level, lgwin=WINDOW_BITS)

    def whole(self, body: bytes) -> bytes:
        """A complete body, encoded."""
        return self._compress(body)

    def begin(self) -> Encoding:
        """Encode a body that comes in pieces."""
        encoding = self._begin()
        return Encoding(encoding.process, encoding.flush, encoding.finish)


class Zstd:
    """RFC 8878; RFC 9659 has windows of at most 8 MiB."""

    coding = b"zstd"

    def __init__(self, level: int) -> None:
        from zstandard import COMPRESSOBJ_FLUSH_BLOCK, ZstdCompressionParameters, ZstdCompressor

        parameters = ZstdCompressionParameters.from_level(level, source_size=1 << WINDOW_BITS)
        self._make = partial(ZstdCompressor, compression_params=parameters)
        # It has memory for one body at a time, which is enough for those that are here as a whole.
        self._compressor = ZstdCompressor(level)
        self._block = COMPRESSOBJ_FLUSH_BLOCK

    def whole(self, body: bytes) -> bytes:
        """A complete body, encoded."""
        return self._compressor.compress(body)

    def begin(self) -> Encoding:
        """Encode a body that comes in pieces."""
        encoding = self._make().compressobj()
        return Encoding(encoding.compress, partial(encoding.flush, self._block), encoding.flush)
