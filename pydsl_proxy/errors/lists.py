"""Checks of the lists that users give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pydsl_proxy.errors import ConfigError

T = TypeVar("T")


def listed(call: str, name: str, given: Iterable[T], example: str) -> tuple[T, ...]:
    """The items of ``call(name=given)``; *example* is such a list as code.

    :class:`ConfigError` is raised for a single text, which Python would take for the list of its letters, and for what
    has no items.
    """
    text = f"{call}({name}=…) must be a list, not {given!r}"
    if isinstance(given, str):
        raise ConfigError(text, hint=f'write {name}=["{given}"]')
    if isinstance(given, bytes):
        raise ConfigError(text, hint=f"write {name}={example}")
    try:
        return tuple(given)
    except TypeError:
        raise ConfigError(text, hint=f"write {name}={example}") from None
