"""Params of the user's own: what ``params=`` takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin.spelling import spelled
from pydsl_proxy.values.value import ValueFunction, ValueSource, as_bytes, code_of, constant, value_for
from pydsl_proxy.wire.cgi.params import Param

CustomParams: TypeAlias = "Mapping[str, ValueSource | None]"
"""Names to values; None leaves a param out that is sent otherwise."""

Checked: TypeAlias = "tuple[tuple[str, ValueFunction | None], ...]"

# RFC 3875 has names of letters, digits and underscores; others are no variables of a shell.
_is_name = re.compile("[A-Za-z_][A-Za-z0-9_]*").fullmatch


def own_params(verb: str, given: CustomParams | None) -> Checked:
    """*given*, checked; *verb* is the function that takes them."""
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"{verb}(params=…) must be a dictionary, not {given!r}", hint='write params={"APP_ENV": "production"}'
        )
    return tuple((_name(verb, name), _value(verb, name, value)) for name, value in given.items())


def _name(verb: str, name: object) -> str:
    if not isinstance(name, str) or not _is_name(name):
        raise ConfigError(f"{verb}(params=…): {name!r} is not the name of a param", hint="write it as APP_ENV")
    if name == "CONTENT_LENGTH":
        raise ConfigError(f"{verb}(params=…): {name} says where the request ends; the proxy writes it itself")
    return name


def _value(verb: str, name: str, source: ValueSource | None) -> ValueFunction | None:
    if source is None:
        return None
    value = value_for(f"{verb}(params=…): {name}", source)
    if "\0" in (constant(value) or ""):
        raise ConfigError(f"{verb}(params=…): {name}: a value has no NUL")
    return value


def as_rules(params: Checked) -> list[Param]:
    """What the writer of params takes."""
    return [
        (name.encode(), None if value is None else text if (text := constant(value)) is not None else as_bytes(value))
        for name, value in params
    ]


def spelled_params(params: Checked) -> list[str]:
    """The argument as a user would write it, if there is need for it."""
    if not params:
        return []
    pairs = [f"{spelled(name)}: {None if value is None else code_of(value)}" for name, value in params]
    return [f"params={{{', '.join(pairs)}}}"]
