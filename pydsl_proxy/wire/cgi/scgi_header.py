"""The netstring that begins a request of SCGI; the body follows it as it is."""

from __future__ import annotations


def pair(name: bytes, value: bytes) -> bytes:
    """A name and its value, each ended by NUL, of which they have none."""
    return b"%b\0%b\0" % (name, value)


def header(pairs: bytes, length: int) -> bytes:
    """The header of a request with a body of *length* bytes, which stands first, and there is always one."""
    content = b"CONTENT_LENGTH\0%d\0SCGI\x001\0%b" % (length, pairs)
    return b"%d:%b," % (len(content), content)
