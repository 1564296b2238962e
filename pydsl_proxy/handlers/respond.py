"""The handler that answers with a status and a text of its own."""

from __future__ import annotations

import re

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.not_text import check_no_object
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.values.value import ValueFunction, ValueSource, as_bytes, body_for, code_of, constant, literal_code
from pydsl_proxy.wire.http.grammar import is_value
from pydsl_proxy.wire.http.statuses import has_no_body

_TEXT = "text/plain; charset=utf-8"


def _body(source: bytes | ValueSource) -> bytes | ValueFunction:
    if isinstance(source, bytes):
        return source
    value = body_for("respond()", source)
    text = constant(value)
    return value if text is None else text.encode("utf-8", "surrogateescape")


@frozen
class Respond:
    """A complete response: nginx's ``return CODE "text"``.

    A text is sent as UTF-8; a body may be a value or a function of the request.
    """

    status: int
    body: bytes | ValueFunction = field(default=b"", converter=_body)
    content_type: str = field(default=_TEXT, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _check_status(self.status, self.body)
        if has_no_body(self.status) and self.body != b"":
            raise ConfigError(
                f"respond(): a response with status {self.status} has no body", hint=f"write .respond({self.status})"
            )
        check_no_object("respond(): ", str(self.content_type))
        if not _is_media_type(self.content_type):
            raise ConfigError(
                f"respond(): {self.content_type!r} is not a media type", hint='write content_type="application/json"'
            )

    def as_verb(self) -> str:
        """The call that makes this."""
        arguments = [repr(self.status)]
        if self.body != b"":
            arguments.append(_code(self.body))
        if self.content_type != _TEXT:
            arguments.append(f"content_type={self.content_type!r}")
        return f"respond({', '.join(arguments)})"

    def compile(self, place: CompileContext) -> Handle:
        """A handle that answers at once; it does not wait for the request's body."""
        status, body = self.status, self.body
        typed = ((b"Content-Type", self.content_type.encode()),)
        if isinstance(body, bytes):
            fixed, fields = body, typed if body else ()

            def respond(exchange: Exchange) -> None:
                exchange.respond(status, fixed, fields)

            return respond
        read = as_bytes(body)

        def respond_with_value(exchange: Exchange) -> None:
            exchange.respond(status, read(exchange.request), typed)

        return respond_with_value


def _is_media_type(given: object) -> bool:
    return isinstance(given, str) and given.isascii() and given != "" and bool(is_value(given.encode()))


def _check_status(status: int, body: object) -> None:
    if isinstance(status, bool) or not isinstance(status, int):
        raise ConfigError(f"respond(): the status must be a number, not {status!r}", hint='write .respond(200, "ok")')
    if status == 444:
        raise ConfigError("respond(444): closing without an answer is nginx's own; it is not available in this version")
    if not 200 <= status <= 599:
        raise ConfigError(f"respond(): {status} is not a status between 200 and 599")
    if status in (301, 302, 303, 307, 308):
        text = body.decode(errors="replace") if isinstance(body, bytes) else ""
        url = text if re.fullmatch(r"(?:https?:/)?/[!#-\[\]-~]+", text) else "https://example.com/"
        hint = f'write .redirect_to("{url}", {status})'
        raise ConfigError(f"respond({status}): a redirect needs a Location", hint=hint)


def _code(body: bytes | ValueFunction) -> str:
    if not isinstance(body, bytes):
        return code_of(body)
    try:
        return literal_code(body.decode())
    except UnicodeDecodeError:
        return repr(body)
