"""Catching the mistake that a piece of configuration makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

from pydsl_proxy.errors import ConfigError

P = ParamSpec("P")


def mistake(make: Callable[P, object], *args: P.args, **options: P.kwargs) -> tuple[str, str | None]:
    """The message and the hint of the ConfigError that the call raises."""
    try:
        made = make(*args, **options)
    except ConfigError as error:
        return error.message, error.hint
    raise AssertionError(f"accepted: {made!r}")
