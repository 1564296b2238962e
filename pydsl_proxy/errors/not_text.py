"""Objects that are no text, though Python would write one of them into a string."""

from __future__ import annotations

import inspect
import re
from typing import Final, NoReturn

from pydsl_proxy.errors import ConfigError

# What str() writes of a function, or of another object that has no text.
_OBJECT: Final = re.compile(
    r"<(?:(?:function|bound method|built-in (?:function|method)|method|coroutine|generator) |class ')[^\n]*?>"
    r"|<module '[^'\n]*' [f(][^\n]*?>"
    r"|<[^<>\n]* at 0x[0-9a-fA-F]+>"
)


class NotText:
    """A part of a configuration, which does not stand in an f-string."""

    __slots__ = ()

    def __format__(self, spec: str) -> NoReturn:
        raise ConfigError(
            f"{self!r} is no text and no value, and stands in an f-string",
            hint="write a value such as host or header('x-tenant') there, or the text itself",
        )


def check_no_object(what: str, text: str) -> None:
    """Raise :class:`ConfigError`, which begins with *what*, if *text* has what Python writes of an object."""
    if "<" in text and (found := _OBJECT.search(text)):
        raise ConfigError(
            f"{what}{found[0]!r} is what Python writes of an object: a function in an f-string is not called",
            hint="write a function of the request for the whole text: lambda request: f'a-{name(request)}'",
        )


def is_coroutine_function(given: object) -> bool:
    """Whether *given*, a function or an instance that is called, gives something that is to be awaited."""
    return any(
        inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each)
        for each in (given, getattr(given, "__call__", None))  # noqa: B004
    )
