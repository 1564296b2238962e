"""The paths that other programs may take a request's path for.

Paths are matched as nginx matches them: decoded first, then cleaned of dots.  Others clean first and decode then, or do
not clean at all; servers of Java pass over what follows a semicolon in a segment, and those of Windows take a backslash
for a slash.  Where a location is guarded, a client must not reach it by a path that only the peer takes for it.
"""

from __future__ import annotations

import re

from pydsl_proxy.wire.http.octet_escapes import unquote
from pydsl_proxy.wire.http.uri import BadPath, resolve

#: Whether there may be more than one reading.
is_ambiguous = re.compile(rb"[;\\]|/\.|%(?:2[eEfF]|3[bB]|5[cC])").search
#: More segments than any path has that is to be looked at in this way.
MAX_SEGMENTS = 256
_segment_ends = re.compile(rb"[/\\]|%(?:2[fF]|5[cC])")
_backslash = re.compile(rb"\\|%5[cC]")
_parameter = re.compile(rb"(?:;|%3[bB])[^/]*+")
_dot = re.compile(rb"%2[eE]")
_slashes = re.compile(rb"//++")


def readings(path: bytes) -> set[bytes]:
    """The readings of an undecoded path, decoded.

    Raises :class:`~pydsl_proxy.wire.http.uri.BadPath` for a path of too many segments.
    """
    if len(_segment_ends.split(path, MAX_SEGMENTS)) > MAX_SEGMENTS:
        raise BadPath(f"an ambiguous path of more than {MAX_SEGMENTS} segments")
    found: set[bytes] = set()
    for spelled in {path, _backslash.sub(b"/", path)}:
        for segments in {spelled, _parameter.sub(b"", spelled)}:
            decoded = unquote(segments)
            cleaned = resolve(_dot.sub(b".", segments), clamp=True)
            found.update(
                (_slashes.sub(b"/", decoded), resolve(decoded, clamp=True), _slashes.sub(b"/", unquote(cleaned)))
            )
    return found
