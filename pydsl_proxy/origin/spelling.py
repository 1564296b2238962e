"""Writing a config value as the code that makes it."""

from __future__ import annotations

from collections.abc import Iterable

import attrs


def options(value: attrs.AttrsInstance, *names: str) -> list[str]:
    """``name=value`` for those of the fields *names* that differ from their default."""
    fields = attrs.fields_dict(type(value))
    given = ((name, getattr(value, name)) for name in names)
    return [f"{name}={spelled(item)}" for name, item in given if item != fields[name].default]


def spelled(item: object) -> str:
    """The repr; a tuple as the list that a user would write."""
    return f"[{', '.join(map(repr, item))}]" if isinstance(item, tuple) else repr(item)


def call(name: str, *arguments: str | Iterable[str]) -> str:
    """A call with the given arguments, each of them spelled already."""
    flat = [each for one in arguments for each in ([one] if isinstance(one, str) else one)]
    return f"{name}({', '.join(flat)})"
