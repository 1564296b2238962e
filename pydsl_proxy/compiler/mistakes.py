"""What compiling a configuration goes through: steps between which others have their turn, and mistakes found."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

from pydsl_proxy.errors import ConfigError

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]
"""Work that pauses again and again, each time after a short while; its value comes at its end."""


class Mistakes:
    """The mistakes of a configuration, each of them once, however many locations share what is wrong."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self.found: list[ConfigError] = []

    def add(self, error: ConfigError) -> None:
        """Note *error*, if it is not known.

        Its traceback is dropped: the frames refer to all that is being compiled, and to this list.
        """
        raised: BaseException | None = error
        while raised is not None:
            raised.__traceback__ = None
            raised = raised.__cause__ or raised.__context__
        text = error.render()
        if text not in self._texts:
            self._texts.add(text)
            self.found.append(error)
