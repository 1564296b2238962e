"""Checks of the lists that users give."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from pydsl_proxy.errors import ConfigError

T = TypeVar("T")


def listed(
    call: str, name: str, given: Iterable[T], example: str, read: Callable[[str], object] | None = None
) -> tuple[T, ...]:
    """The items of ``call(name=given)``; *example* is such a list as code.

    *read* raises :class:`ConfigError` for a text that is no item, and gives the number that a text stands for.  Without
    it a text is an item whatever is in it.

    :class:`ConfigError` is raised for a single text, which Python would take for the list of its letters, and for what
    has no items.
    """
    text = f"{call}({name}=…) must be a list, not {given!r}"
    if isinstance(given, str):
        code = f"[{_quoted(given)}]" if read is None else _words(given, read)
        raise ConfigError(text, hint=f"write {name}={code or example}")
    if isinstance(given, bytes):
        raise ConfigError(text, hint=f"write {name}={example}")
    try:
        return tuple(given)
    except TypeError:
        raise ConfigError(text, hint=f"write {name}={example}") from None


def _words(text: str, read: Callable[[str], object]) -> str | None:
    """The list of the words of *text* as code; None if *read* refuses one of them."""
    words = re.findall(r"[^\s,;\[\]'\"]+", text)
    try:
        items = [(word, read(word)) for word in words]
    except (ConfigError, ValueError):
        return None
    codes = [str(meant) if isinstance(meant, int) else _quoted(word) for word, meant in items]
    return f"[{', '.join(codes)}]" if codes else None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
