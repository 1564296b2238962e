"""The uwsgi protocol: how an upstream of uWSGI is spoken to."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.connectors.cgi.connection import CgiConnection, Spoken
from pydsl_proxy.connectors.cgi.params import Checked, CustomParams, as_rules, own_params, spelled_params
from pydsl_proxy.connectors.preflight import connecting, needs_length
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import count
from pydsl_proxy.interfaces import Attempt, ConnectionPool, Dial, Exchange
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.wire.cgi.params import CgiParams
from pydsl_proxy.wire.cgi.uwsgi_packet import packet, pair
from pydsl_proxy.wire.http.memo import Memo


@frozen(repr=False)
class Uwsgi:
    """A connector, made by :func:`uwsgi`."""

    over_tls: ClassVar[bool] = True
    needs_length: ClassVar[bool] = True

    params: Checked = field(default=(), kw_only=True)
    modifier1: int = field(default=0, kw_only=True)
    modifier2: int = field(default=0, kw_only=True)

    def __repr__(self) -> str:
        return call("uwsgi", spelled_params(self.params), options(self, "modifier1", "modifier2"))

    def compile(self, home: ConnectionPool, dial: Dial) -> Callable[[Attempt], Callable[[], None]]:
        """See :class:`~pydsl_proxy.interfaces.Connector`."""
        params, one, two = CgiParams(pair, None, as_rules(self.params)), self.modifier1, self.modifier2

        def write(exchange: Exchange, head: bytes) -> bytes:
            return packet(b"".join(params.parts(exchange, head)), one, two)

        spoken = Spoken(home, Memo(), write, needs_length, status_line=True)
        return connecting(dial, needs_length, lambda attempt: CgiConnection(spoken, attempt))


def uwsgi(*, params: CustomParams | None = None, modifier1: int = 0, modifier2: int = 0) -> Uwsgi:
    """The uwsgi protocol, for ``upstream("app", "127.0.0.1:3031", via=uwsgi())``; nginx's ``uwsgi_pass``.

    ``PATH_INFO`` is the path of the request, ``SCRIPT_NAME`` is empty.  *params* adds others, or changes these, as in
    :func:`fastcgi`.  *modifier1* and *modifier2* choose a plugin of uWSGI's; 0 is WSGI.  Each request has a connection
    of its own.  A body of unknown length is buffered, as in :func:`fastcgi`.
    """
    for name, value in (("modifier1", modifier1), ("modifier2", modifier2)):
        count(f"uwsgi({name}=…)", value, least=0)
        if value > 255:
            raise ConfigError(f"uwsgi({name}=…) is one octet, at most 255, not {value}")
    return Uwsgi(params=own_params("uwsgi", params), modifier1=modifier1, modifier2=modifier2)
