"""Targets without the prefix under which an application is mounted."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.wire.http.uri import BadPath, escape, normalise, split_target


@frozen
class StripPrefix:
    """What ``.strip_prefix()`` asks for; *prefix* has no slash at its end (Traefik's ``StripPrefix``)."""

    overrides: ClassVar[bool] = True

    prefix: str
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return f"strip_prefix({self.prefix!r})"

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Cut the prefix off, where it ends at a segment's end."""
        prefix = self.prefix.encode()

        def strip_prefix(exchange: Exchange) -> None:
            rest = exchange.path[len(prefix) :]
            if exchange.path.startswith(prefix) and rest[:1] in (b"", b"/"):
                exchange.retarget(_stripped(exchange.peer_target, prefix, rest or b"/"))
                # By it an application knows the prefix of the links that it makes, wherever the target goes from here.
                exchange.identity = exchange.identity.under(prefix)
            inner(exchange)

        return strip_prefix


def _stripped(target: bytes, prefix: bytes, rest: bytes) -> bytes:
    """*target* without *prefix*: as the client wrote it, if that is the same path as *rest*."""
    path, query = split_target(target)
    raw = path[len(prefix) :] or b"/"
    if not path.startswith(prefix) or raw[:1] != b"/" or _normal(raw) != rest:
        raw = escape(rest)
    return raw if query is None else raw + b"?" + query


def _normal(raw: bytes) -> bytes | None:
    try:
        return normalise(raw)
    except BadPath:
        return None
