"""SCGI: how an upstream of its applications is spoken to."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.connectors.cgi.connection import CgiConnection, Spoken
from pydsl_proxy.connectors.cgi.params import Checked, CustomParams, as_rules, own_params, spelled_params
from pydsl_proxy.connectors.preflight import connecting, needs_length
from pydsl_proxy.interfaces import Attempt, ConnectionPool, Dial, Exchange
from pydsl_proxy.origin.spelling import call
from pydsl_proxy.wire.cgi.params import CgiParams
from pydsl_proxy.wire.cgi.scgi_header import header, pair
from pydsl_proxy.wire.http.memo import Memo


@frozen(repr=False)
class Scgi:
    """A connector, made by :func:`scgi`."""

    over_tls: ClassVar[bool] = False
    needs_length: ClassVar[bool] = True

    params: Checked = field(default=(), kw_only=True)

    def __repr__(self) -> str:
        return call("scgi", spelled_params(self.params))

    def compile(self, home: ConnectionPool, dial: Dial) -> Callable[[Attempt], Callable[[], None]]:
        """See :class:`~pydsl_proxy.interfaces.Connector`."""
        # The length and the name of the protocol stand in the header already.
        own = [*as_rules(self.params), (b"CONTENT_LENGTH", None), (b"SCGI", None)]
        params = CgiParams(pair, None, own)

        def write(exchange: Exchange, head: bytes) -> bytes:
            return header(b"".join(params.parts(exchange, head)), exchange.fields.content_length or 0)

        spoken = Spoken(home, Memo(), write, needs_length, status_line=True)
        return connecting(dial, needs_length, lambda attempt: CgiConnection(spoken, attempt))


def scgi(*, params: CustomParams | None = None) -> Scgi:
    """SCGI, for ``upstream("app", "127.0.0.1:4000", via=scgi())``; nginx's ``scgi_pass``.

    ``PATH_INFO`` is the path of the request, ``SCRIPT_NAME`` is empty.  *params* adds others, or changes these, as in
    :func:`fastcgi`.  Each request has a connection of its own.  A body of unknown length is buffered, as there.
    """
    return Scgi(params=own_params("scgi", params))
