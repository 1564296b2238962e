"""The filter that ``.compress()`` asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Final

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.lists import listed
from pydsl_proxy.errors.numbers import count, size
from pydsl_proxy.features.compression.codecs import CODINGS, LIBRARIES, Coding, coder, installed
from pydsl_proxy.features.compression.compressor import Compressing
from pydsl_proxy.features.compression.policy import Choices
from pydsl_proxy.interfaces import AttachedFilter, CompileContext, Exchange, FilterOrder, Sink
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.wire.fields.media_types import is_media_type, type_matcher

#: What compresses well; images, video, archives and WOFF fonts are compressed already.
TYPES: Final = (
    "text/*",
    "application/json",
    "application/*+json",
    "application/x-ndjson",
    "application/javascript",
    "application/x-javascript",
    "application/xml",
    "application/*+xml",
    "application/wasm",
    "application/vnd.ms-fontobject",
    "font/ttf",
    "font/otf",
    "image/svg+xml",
    "image/x-icon",
    "image/vnd.microsoft.icon",
    "image/bmp",
)
#: A smaller response goes out in one packet of 1,460 bytes with its head, compressed or not.  nginx's 20 makes some
#: bodies longer; Caddy has 512, Traefik 1024.
MIN_LENGTH: Final = 1024
#: Of the codings that are installed and that a client likes alike, the first one.  Caddy's, too: br is asked for by who
#: wants it, it takes four times igzip's time to save a tenth more.
PREFERENCE: Final[tuple[Coding, ...]] = ("zstd", "gzip")

_EVENTS = "text/event-stream"


@frozen
class Compress:
    """What ``.compress()`` asks for; without *encodings* those that are installed, and None lifts an outer one."""

    overrides: ClassVar[bool] = True
    nearness: ClassVar[FilterOrder] = FilterOrder.ENCODE

    encodings: tuple[Coding, ...] | None = ()
    types: tuple[str, ...] = field(default=TYPES, kw_only=True)
    min_length: int = field(default=MIN_LENGTH, kw_only=True)
    level: int | None = field(default=None, kw_only=True)
    flush: bool = field(default=False, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        encodings = ["None"] if self.encodings is None else map(repr, self.encodings)
        return call("compress", encodings, options(self, "types", "min_length", "level", "flush"))

    def attach(self, place: CompileContext) -> AttachedFilter | None:
        """What compresses the responses of a place.

        Where the place writes or hides Content-Encoding itself, the bytes are what it says that they are.
        """
        if self.encodings is None or b"content-encoding" in place.response_rules.removed:
            return None
        choices, clock = place.kept(self, self._choices), place.clock

        def compress(exchange: Exchange, sink: Sink) -> Sink:
            return Compressing(sink, exchange, choices, clock)

        return compress

    def _choices(self) -> Choices:
        encodings = self.encodings or tuple(filter(installed, PREFERENCE))
        coders = [coder(each, self.level) for each in encodings]
        matches = type_matcher(self.types, () if self.flush else (_EVENTS,))
        return Choices(coders, matches, min_length=self.min_length, flush=self.flush)


def compression(
    *encodings: Coding | None, types: Iterable[str], min_length: int, level: int | None, flush: bool
) -> Compress:
    """The feature of ``.compress()``, its arguments checked."""
    if encodings == (None,):
        return Compress(None)
    checked = tuple(map(_checked_encoding, encodings))
    if len(set(checked)) < len(checked):
        raise ConfigError(f"compress(): an encoding is named twice in {', '.join(map(repr, encodings))}")
    if level is not None and count("compress(level=…)", level, least=1) > 9:
        raise ConfigError(f"compress(level=…) must be 9 or less, not {level}: 1 is the fastest, 9 the smallest")
    if not isinstance(flush, bool):
        raise ConfigError(f"compress(flush=…) must be True or False, not {flush!r}")
    return Compress(
        checked,
        types=_checked_types(types, flush),
        min_length=size("compress(min_length=…)", min_length),
        level=level,
        flush=flush,
    )


def _checked_encoding(encoding: Coding | None) -> Coding:
    if encoding not in CODINGS:
        names = ", ".join(map(repr, CODINGS))
        raise ConfigError(f"compress(): {encoding!r} is none of the encodings {names}", hint=_instead_of(encoding))
    if not installed(encoding):
        raise ConfigError(
            f"compress({encoding!r}): the library {LIBRARIES[encoding]} is not installed",
            hint='pip install "pydsl_proxy[compression]"',
        )
    return encoding


def _instead_of(encoding: object) -> str | None:
    if isinstance(encoding, list | tuple):
        if any("/" in str(each) for each in encoding):
            return f"write .compress(types={list(encoding)!r})"
        return f"write .compress({', '.join(map(repr, encoding))})"
    if encoding is False:
        return "write .compress(None), which lifts an outer one"
    if isinstance(encoding, str) and "/" in encoding:
        return f"write .compress(types=[{encoding!r}])"
    if isinstance(encoding, str) and len(words := re.findall(r"[^\s,]+", encoding)) > 1:
        return f"write .compress({', '.join(map(repr, words))})" if set(words) <= set(CODINGS) else None
    meant = {"brotli": "br", "zstandard": "zstd", "gz": "gzip", "deflate": "gzip"}.get(str(encoding).lower())
    return None if meant is None else f'write .compress("{meant}")'


def _checked_types(types: Iterable[str], flush: bool) -> tuple[str, ...]:
    checked = listed("compress", "types", types, '["text/*"]', lambda each: _checked_types([each], flush))
    if not checked:
        raise ConfigError("compress(types=…) is empty: nothing would be compressed", hint="write .compress(None)")
    for each in checked:
        if not isinstance(each, str) or not is_media_type(each):
            hint = 'write types=["*/*"] for all of them' if each == "*" else "write it without parameters"
            raise ConfigError(f"compress(types=…): {each!r} is not a media type", hint=hint)
        if each.lower() == _EVENTS and not flush:
            raise ConfigError(
                f"compress(types=…): {_EVENTS!r} is compressed only if each event is sent at once",
                hint=f"write types=[{each!r}], flush=True",
            )
    return checked
