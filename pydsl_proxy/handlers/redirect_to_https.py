"""The handler that sends the client to the same place by https."""

from __future__ import annotations

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError, ProxyError, Source
from pydsl_proxy.errors.numbers import redirect_status
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.wire.http.uri import visible

STATUSES = (301, 302, 307, 308)


@frozen
class ToHttps:
    """A redirect to the request's own host, path and query by https: nginx's ``return 301 https://$host$request_uri``.

    A request without a host, which only HTTP/1.0 allows, is answered 400: nobody knows where to.
    """

    status: int = 301
    port: int | None = field(default=None, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if isinstance(self.status, bool) or self.status not in STATUSES:
            meant, known = redirect_status(self.status), ", ".join(map(str, STATUSES))
            hint = f"write redirect_to_https({meant})" if meant in STATUSES else f"they are {known}"
            raise ConfigError(f"redirect_to_https(): {self.status!r} is not its status", hint=hint)
        port = self.port
        if port is not None and (isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536):
            raise ConfigError(
                f"redirect_to_https(port=…): {port!r} is not between 1 and 65535",
                hint=f"write port={port}" if isinstance(port, str) and port.isdecimal() else None,
            )

    def as_verb(self) -> str:
        """The call that makes this."""
        status = [] if self.status == 301 else [repr(self.status)]
        return call("redirect_to_https", status, options(self, "port"))

    def compile(self, place: CompileContext) -> Handle:
        """A handle that answers at once, with an empty body."""
        status = self.status
        port = b"" if self.port in (None, 443) else b":%d" % (self.port or 443)

        def redirect_to_https(exchange: Exchange) -> None:
            host = exchange.fields.host_name
            if not host:
                error = ProxyError(Source.CLIENT, 400, "no_host", "a request without Host cannot be sent to https")
                exchange.fail(error)
                return
            target = exchange.request.request_uri.encode("utf-8", "surrogateescape")
            exchange.respond(status, b"", ((b"Location", visible(b"https://" + host + port + target)),))

        return redirect_to_https
