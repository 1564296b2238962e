"""The format of a log as its user writes it: a text with values in it."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from attrs import frozen

from pydsl_proxy.observe.response_values import CLOSE, OPEN, OUTCOMES, Outcome
from pydsl_proxy.values.value import Constant, Text, Value, as_value

Part: TypeAlias = str | Value | Outcome

_BY_NAME: Final = {each.name: each for each in OUTCOMES}
_split: Final = re.compile(f"{OPEN}({'|'.join(_BY_NAME)}){CLOSE}").split


@frozen(repr=False)
class Template:
    """A text with values of the request and of the response in it; *parts* are non-empty literals and values."""

    parts: tuple[Part, ...]

    def __repr__(self) -> str:
        codes = [repr(part) for part in self.parts if not isinstance(part, str)]
        if any("\\" in code or '"' in code for code in codes):  # neither may stand in {} before Python 3.12
            return " + ".join(map(repr, self.parts))
        return 'f"' + "".join(map(_in_f_string, self.parts)) + '"'


def parse(source: str) -> tuple[Part, ...]:
    """The parts of a text with marked values.

    :class:`~pydsl_proxy.errors.ConfigError` is raised if a value in it was cut or changed by a string operation.
    """
    parts: list[Part] = []
    for place, piece in enumerate(_split(source)):
        # What a pattern with one group splits off stands at the odd places.
        if place % 2:
            parts.append(_BY_NAME[piece])
        elif piece:
            parts += _of_request(piece)
    return tuple(parts)


def _of_request(text: str) -> tuple[str | Value, ...]:
    value = as_value(text)
    if isinstance(value, Text):
        return value.parts
    return (value,) if isinstance(value, Value) else (value.text,) if isinstance(value, Constant) else ()


def _in_f_string(part: Part) -> str:
    if not isinstance(part, str):
        return f"{{{part!r}}}"
    literal = repr(part)
    inside = literal[1:-1] if literal[0] == '"' else literal[1:-1].replace('"', '\\"')
    return inside.replace("{", "{{").replace("}", "}}")
