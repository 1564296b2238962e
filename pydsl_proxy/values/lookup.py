"""A value that follows from another one by a table: nginx's ``map``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import overload

from attrs import Factory, field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.values.regex import Regex, check_unicode
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import (
    Composed,
    ValueFunction,
    ValueSource,
    add_value_function,
    as_bytes,
    code_of,
    constant,
    text_of,
    value_for,
)


@frozen(repr=False)
class Lookup(Composed):
    """What :func:`map_value` gives."""

    value: ValueFunction
    cases: tuple[tuple[str | Regex, ValueFunction], ...]
    default: ValueFunction
    ignore_case: bool
    name: str = field(default="map_value", init=False)
    argument: str | None = field(default=None, init=False)
    _read: ValueFunction = field(init=False, eq=False, default=Factory(text_of, takes_self=True))

    @property
    def inside(self) -> tuple[ValueFunction, ...]:
        """The values it is made of."""
        return (self.value, *(result for _, result in self.cases), self.default)

    def octets(self) -> Callable[[Request], bytes]:
        """The text's place in the table is looked up, then the patterns are tried in their order."""
        read, fold, default = as_bytes(self.value), self.ignore_case, as_bytes(self.default)
        known = {_folded(key.encode(), fold): as_bytes(result) for key, result in self.cases if isinstance(key, str)}
        searches = [(key.search(), as_bytes(result)) for key, result in self.cases if isinstance(key, Regex)]

        def look_up(request: Request) -> bytes:
            text = read(request)
            found = known.get(_folded(text, fold))
            if found is None:
                found = next((result for search, result in searches if search(text) is not None), default)
            return found(request)

        return look_up

    def __repr__(self) -> str:
        cases = ", ".join(f"{key!r}: {code_of(result)}" for key, result in self.cases)
        default = "" if constant(self.default) == "" else f", default={code_of(self.default)}"
        option = ", ignore_case=True" if self.ignore_case else ""
        return f"map_value({code_of(self.value)}, {{{cases}}}{default}{option})"


@overload
def map_value(
    value: ValueSource, cases: Mapping[str, ValueSource], *, default: ValueSource = ..., ignore_case: bool = ...
) -> Lookup: ...


@overload
def map_value(
    value: ValueSource, cases: Mapping[str | Regex, ValueSource], *, default: ValueSource = ..., ignore_case: bool = ...
) -> Lookup: ...


def map_value(
    value: ValueSource,
    cases: Mapping[str, ValueSource] | Mapping[str | Regex, ValueSource],
    *,
    default: ValueSource = "",
    ignore_case: bool = False,
) -> Lookup:
    """The entry of *cases* for *value*, or *default*: nginx's ``map``.

    A key is a text, or a :func:`~pydsl_proxy.regex` that is searched in the value.  A text that is equal wins, then
    the first regex that is found.  An entry is a text, a value, an f-string or a function of the request.  With
    *ignore_case* the case of ASCII letters does not matter for texts, as it never does in nginx.
    :class:`ConfigError` is raised for what is no value.
    """
    if not isinstance(cases, Mapping) or not cases:
        raise ConfigError(f"map_value(): {cases!r} is no table", hint='write map_value(host, {"a.example": "a"})')
    listed = tuple((_key(key), _value(f"map_value(): {key!r}", result)) for key, result in cases.items())
    texts = [_folded(key.encode(), ignore_case) for key, _ in listed if isinstance(key, str)]
    if len(texts) > len(set(texts)):
        raise ConfigError("map_value(): two keys differ only in case", hint="leave ignore_case out, or one of them")
    return Lookup(_value("map_value()", value), listed, _value("map_value(default=…)", default), ignore_case)


def _key(key: object) -> str | Regex:
    if isinstance(key, Regex):
        return key
    if not isinstance(key, str):
        raise ConfigError(f"map_value(): the key {key!r} is neither a text nor a regex", hint=f"write {str(key)!r}")
    if constant(_value("map_value()", key)) is None:
        raise ConfigError(f"map_value(): the key {key!r} has a value in it; what is looked up must be known now")
    check_unicode("map_value(): the key", key)
    return key


def _value(what: str, source: ValueSource) -> ValueFunction:
    return value_for(what, source)


def _folded(text: bytes, fold: bool) -> bytes:
    return text.lower() if fold else text


add_value_function(map_value)
