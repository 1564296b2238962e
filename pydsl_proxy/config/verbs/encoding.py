"""Verbs on the encoding of response bodies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pydsl_proxy.config.verbs.base import Featured
from pydsl_proxy.features.compression.codecs import Coding
from pydsl_proxy.features.compression.compression import MIN_LENGTH, TYPES, compression


class Encodings(Featured):
    """Compression."""

    __slots__ = ()

    def compress(
        self,
        *encodings: Coding | None,
        types: Iterable[str] = TYPES,
        min_length: int = MIN_LENGTH,
        level: int | None = None,
        flush: bool = False,
    ) -> Self:
        """Compress response bodies for the clients that accept it; ``.compress(None)`` lifts an outer one.

        *encodings* are ``"zstd"``, ``"br"`` and ``"gzip"``; of those that a client likes alike the first one is taken.
        Without them, zstd if it is installed, and gzip; the libraries of zstd and br come with
        ``pydsl_proxy[compression]``.  *types* are media types, with ``*`` for any letters; by default text, JSON, XML,
        JavaScript, WebAssembly, SVG, and fonts and icons that are not compressed already.  *min_length* is in bytes,
        1024 by default, for bodies whose length is known.  *level* is from 1, the fastest, to 9, the smallest: 1 for
        gzip by default, 3 for the others.  *flush* sends what a peer writes at once, and lets event streams be
        compressed; without it bytes wait in the compressor for 50 ms at most.

        ``Vary: Accept-Encoding`` is added, a strong ``ETag`` made weak, ``Accept-Ranges`` removed.  Left alone is what
        has a Content-Encoding, a digest or ``no-transform``, what answers a range request, what goes to a client of
        HTTP/1.0, and a 206.  nginx's ``gzip``, ``gzip_types``, ``gzip_min_length``, ``gzip_comp_level`` and
        ``gzip_vary``.
        """
        return self._with(compression(*encodings, types=types, min_length=min_length, level=level, flush=flush))
