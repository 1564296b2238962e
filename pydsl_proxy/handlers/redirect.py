"""The handler that sends the client to another URL."""

from __future__ import annotations

import re

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import redirect_status
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.values.value import (
    Text,
    Value,
    ValueFunction,
    ValueSource,
    as_bytes,
    code_of,
    constant,
    request_uri,
    value_for,
)
from pydsl_proxy.wire.http.uri import visible

STATUSES = (301, 302, 303, 307, 308)

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Values that bring a path of their own.
_PATHS = ("request_uri", "path", "query_string")


def _url(source: ValueSource) -> ValueFunction:
    value = value_for("redirect_to()", source)
    start = constant(value)
    if start is not None:
        _check(start)
    elif isinstance(value, Text) and isinstance(value.parts[0], str):
        _check_start(value.parts[0], source)
    return value


@frozen
class Redirect:
    """A redirect to *url*.

    A URL without a path, as ``https://example.com`` or ``f"https://{host}"``, keeps the path and query of the request,
    as one wants it from http to https; one with a path, be it ``/``, is taken as it is.
    """

    url: ValueFunction = field(converter=_url)
    status: int = 302

    def __attrs_post_init__(self) -> None:
        if isinstance(self.status, bool) or self.status not in STATUSES:
            meant = redirect_status(self.status)
            known = ", ".join(map(str, STATUSES))
            hint = f"the statuses are {known}" if meant is None else f"write redirect_to({code_of(self.url)}, {meant})"
            raise ConfigError(f"redirect_to(): {self.status!r} is not a redirect", hint=hint)

    def as_verb(self) -> str:
        """The call that makes this."""
        status = "" if self.status == 302 else f", {self.status}"
        return f"redirect_to({code_of(self.url)}{status})"

    def compile(self, place: CompileContext) -> Handle:
        """A handle that answers at once, with an empty body."""
        status = self.status
        url = self._with_path()
        text = constant(url)
        if text is not None:
            fields = ((b"Location", visible(text.encode("utf-8", "surrogateescape"))),)

            def redirect(exchange: Exchange) -> None:
                exchange.respond(status, b"", fields)

            return redirect
        read = as_bytes(url)

        def redirect_by_value(exchange: Exchange) -> None:
            exchange.respond(status, b"", ((b"Location", visible(read(exchange.request))),))

        return redirect_by_value

    def _with_path(self) -> ValueFunction:
        """The URL, followed by the request's own path and query if it has none."""
        text = constant(self.url)
        parts = (text,) if text is not None else self.url.parts if isinstance(self.url, Text) else ()
        if not parts or not isinstance(parts[0], str) or not (scheme := _SCHEME.match(parts[0])):
            return self.url
        rest = [parts[0][scheme.end() :], *parts[1:]]
        if any(part.name in _PATHS if isinstance(part, Value) else re.search("[/?#]", part) for part in rest):
            return self.url
        return Text((*parts, request_uri))


def _check(url: str) -> None:
    if re.search(r"[\x00-\x20\x7f]", url):
        raise ConfigError(f"redirect_to(): {url!r} has a space or a control character", hint="write %20 for a space")
    scheme = _SCHEME.match(url)
    if scheme and scheme.end() == len(url):
        raise ConfigError(f"redirect_to(): {url!r} has no host", hint=f'write "{url}example.com"')
    _check_start(url, url)


def _check_start(start: str, url: object) -> None:
    if not start.startswith("/") and not _SCHEME.match(start):
        if isinstance(url, str) and url == start and "." in url.partition("/")[0]:
            hint = f'write "https://{url}"'
        else:
            hint = 'begin with "https://", or with "/" for a path on the same host'
        raise ConfigError(f"redirect_to(): {start!r} is neither a URL nor a path", hint=hint)
