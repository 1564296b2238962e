"""Header fields that are set or removed, on requests to peers and on responses to clients."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TypeAlias

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call
from pydsl_proxy.values.value import ValueFunction, ValueSource, code_of, constant, value_for
from pydsl_proxy.wire.http.grammar import is_token, is_value
from pydsl_proxy.wire.http.hop_by_hop import HOP_BY_HOP

# Lower-case name, name as written, and the value: text if it is always the same, None to remove the field.
FieldRule: TypeAlias = "tuple[bytes, bytes, str | ValueFunction | None]"
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"trailer"))


class Side(enum.Enum):
    """Which head a field stands in; the value is the word in the verbs."""

    REQUEST = "request"
    RESPONSE = "response"


@frozen
class SetField:
    """What ``.set_request_header()`` and ``.set_response_header()`` ask for: one field of the name."""

    side: Side
    name: str
    value: ValueFunction
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return call(f"set_{self.side.value}_header", repr(self.name), code_of(self.value))


@frozen
class RemoveField:
    """What ``.remove_request_header()`` and ``.hide_response_header()`` ask for: no field of this name."""

    side: Side
    name: str
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return call(f"{_REMOVING[self.side]}_{self.side.value}_header", repr(self.name))


_REMOVING = {Side.REQUEST: "remove", Side.RESPONSE: "hide"}


def set_field(side: Side, name: str, value: ValueSource) -> SetField:
    """The feature of a verb that sets a field, its name and value checked."""
    verb = f"set_{side.value}_header"
    _check_name(side, verb, name)
    return SetField(side, name, _value(verb, name, value))


def remove_field(side: Side, name: str) -> RemoveField:
    """The feature of a verb that removes a field, its name checked."""
    verb = f"{_REMOVING[side]}_{side.value}_header"
    _check_name(side, verb, name)
    if side is Side.REQUEST and name.lower() == "host":
        # RFC 9112 3.2: a server must refuse an HTTP/1.1 request without one.
        raise ConfigError(
            "a request without Host is refused by its peer", hint='set it: .set_request_header("Host", "…")'
        )
    return RemoveField(side, name)


def rules_of(features: Iterable[object], side: Side) -> tuple[FieldRule, ...]:
    """What *features*, from the outermost to the innermost, come to: one rule a name, the innermost one.

    A name keeps the place at which it was first spoken of.
    """
    rules: dict[bytes, FieldRule] = {}
    for feature in features:
        if isinstance(feature, SetField) and feature.side is side:
            text = constant(feature.value)
            name = feature.name.encode()
            rules[name.lower()] = (name.lower(), name, feature.value if text is None else text)
        elif isinstance(feature, RemoveField) and feature.side is side:
            name = feature.name.encode()
            rules[name.lower()] = (name.lower(), name, None)
    return tuple(rules.values())


def _check_name(side: Side, verb: str, name: str) -> None:
    if not isinstance(name, str):
        raise ConfigError(f"{verb}(): a header name must be a string, not {name!r}")
    raw = name.encode("utf-8", "replace")
    if not is_token(raw):
        hint = f'write "{name.strip().rstrip(":")}"' if is_token(raw.strip().rstrip(b":")) else None
        raise ConfigError(f"{verb}(): {name!r} is not a header name (RFC 9110 5.1)", hint=hint)
    if raw.lower() in _FRAMING:
        raise ConfigError(f"{verb}(): {name} says where the message ends; the proxy writes it itself")
    if raw.lower() in HOP_BY_HOP:
        upgrade = raw.lower() in (b"upgrade", b"connection") and side is Side.REQUEST
        raise ConfigError(
            f"{verb}(): {name} is for one connection only (RFC 9110 7.6.1); the proxy writes it itself",
            hint='leave it out; for WebSockets write .proxy_to(…, websocket="tunnel")' if upgrade else "leave it out",
        )
    if side is Side.RESPONSE and raw.lower() == b"host":
        raise ConfigError(f"{verb}(): a response has no Host", hint='write .set_request_header("Host", …)')


def _value(verb: str, name: str, source: ValueSource) -> ValueFunction:
    value = value_for(f"{verb}({name!r})", source)
    text = constant(value)
    if text is not None and not is_value(text.encode("utf-8", "surrogateescape")):
        raise ConfigError(f"{verb}({name!r}): {text!r} has a line end or another control character")
    return value
