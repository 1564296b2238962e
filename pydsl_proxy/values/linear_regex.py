"""Patterns of RE2, whose time never grows faster than the subject; the library is not needed otherwise."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, cast

from pydsl_proxy.errors import ConfigError


class LinearPattern:
    """What a search needs of a :class:`re.Pattern`, from RE2; it sees octets."""

    def __init__(self, octets: bytes, ignore_case: bool) -> None:
        re2 = _library()
        options = re2.Options()
        # Octets, whatever they are: as UTF-8 a dot would stand for no octet that is not.
        options.encoding = re2.Options.Encoding.LATIN1
        options.dot_nl, options.case_sensitive, options.log_errors = True, not ignore_case, False
        try:
            compiled = re2.compile(octets, options)
        except re2.error as error:
            raise re.error(_text_of(error)) from None
        self.pattern = octets
        self.groups: int = compiled.groups
        self.groupindex: dict[str, int] = {name.decode("latin-1"): at for name, at in compiled.groupindex.items()}
        self._find: Any = compiled.search

    def search(self, subject: bytes) -> LinearMatch | None:
        """The leftmost match, the one that :mod:`re` finds."""
        found = self._find(subject)
        return None if found is None else LinearMatch(found, self.groupindex)


class LinearMatch:
    """What is used of a :class:`re.Match`."""

    __slots__ = ("_match", "_names", "end", "expand", "start")

    def __init__(self, match: Any, names: dict[str, int]) -> None:  # noqa: ANN401  # the library has no annotations
        self._match = match
        self._names = names
        self.start = match.start
        self.end = match.end
        self.expand = match.expand

    def __getitem__(self, group: int | str) -> bytes | None:
        """A group by its number or name."""
        return cast("bytes | None", self._match[self._names[group] if isinstance(group, str) else group])


def linear_pattern(octets: bytes, ignore_case: bool) -> re.Pattern[bytes]:
    """The pattern, used as one of :mod:`re`; raises :class:`re.error`, and ConfigError without the library."""
    return cast("re.Pattern[bytes]", LinearPattern(octets, ignore_case))


def _library() -> Any:  # noqa: ANN401  # it has no annotations
    try:
        return import_module("re2")
    except ImportError:
        raise ConfigError(
            "regex(re2=True): google-re2 has to be installed", hint="pip install 'pydsl_proxy[re2]'"
        ) from None


def _text_of(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
