"""Verbs that stand between slow clients and peers, and on how peers steer the proxy."""

from __future__ import annotations

from os import PathLike
from typing import Self

from pydsl_proxy.config.verbs.base import Featured
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import count
from pydsl_proxy.errors.numbers import size as checked_size
from pydsl_proxy.features.accel_fields import ignore
from pydsl_proxy.features.buffering.requests import BufferRequest
from pydsl_proxy.features.buffering.responses import BufferResponse
from pydsl_proxy.spooling import MEMORY, SIZE, checked_spool


class Buffering(Featured):
    """What waits for whom."""

    __slots__ = ()

    def buffer_response(
        self, size: int | None = SIZE, *, memory: int = MEMORY, spool: str | PathLike[str] | bool | None = True
    ) -> Self:
        """Take responses of peers as fast as they come, and give them to clients at the clients' pace.

        While a client keeps up nothing is held.  What it does not take in time waits: up to *memory* bytes in memory
        (64 KiB), and in a temporary file without a name what makes *size* bytes in all (1 GiB).  Beyond that the peer
        waits.  *spool* is the directory of the file, by default the system's; False is no file, so that the peer waits
        when *memory* is full.  As soon as the peer has sent all, its connection is free for others.

        ``text/event-stream`` and responses with ``X-Accel-Buffering: no`` are never held.  None for *size* lifts an
        outer one.  nginx's ``proxy_buffering``, ``proxy_buffers``, ``proxy_max_temp_file_size`` and
        ``proxy_temp_path``, but that it begins by sending, not by filling buffers.
        """
        sizes = _sizes("buffer_response", size, memory, spool)
        return self._with(BufferResponse(sizes, memory=memory, spool=checked_spool("buffer_response", spool)))

    def buffer_request(
        self, size: int | None = SIZE, *, memory: int = MEMORY, spool: str | PathLike[str] | bool | None = True
    ) -> Self:
        """Read a request's body as a whole before a peer is chosen, so that no peer waits for a slow client.

        Up to *memory* bytes of it are kept in memory (64 KiB), the rest in a temporary file without a name.  A body of
        more than *size* bytes (1 GiB) is answered with 413, one whose length is declared before it is read.  *spool* is
        the directory of the file, by default the system's; False is no file, so that no body may be larger than
        *memory*.  If the file cannot be written the answer is 500.

        A peer is sent the body with its length, also where the client sent chunks, whose trailers are dropped; and all
        of it can be sent again to another peer, see :meth:`retry`.  None for *size* lifts an outer one.  nginx's
        ``proxy_request_buffering``, ``client_max_body_size``, ``client_body_buffer_size`` and
        ``client_body_temp_path``.
        """
        sizes = _sizes("buffer_request", size, memory, spool)
        return self._with(BufferRequest(sizes, memory=memory, spool=checked_spool("buffer_request", spool)))

    def ignore_response_header(self, *names: str) -> Self:
        """Do not let peers steer the proxy by the fields *names*, as ``"X-Accel-Redirect"``.

        Those of outer scopes are ignored too.  For peers that are not trusted to send a client anywhere inside the
        proxy.  Clients never see these fields, ignored or not.  nginx's ``proxy_ignore_headers``.
        """
        return self._with(ignore(names))


def _sizes(verb: str, size: int | None, memory: int, spool: str | PathLike[str] | bool | None) -> int | None:
    """The size, if all of the sizes are some."""
    if size is None:
        if memory != MEMORY or spool is not True:
            raise ConfigError(
                f"{verb}(None, …): None lifts an outer {verb}(), and nothing else can be told",
                hint=f"for buffers of the default size write {verb}(memory=…)",
            )
        return None
    count(f"{verb}(memory=…)", checked_size(f"{verb}(memory=…)", memory), least=1)
    return count(f"{verb}(size)", checked_size(f"{verb}(size)", size), least=1)
