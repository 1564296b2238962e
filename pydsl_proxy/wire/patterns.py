"""Regular expressions as users write them: over text, and searched in octets."""

from __future__ import annotations

import json
import re
from typing import Final

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError

#: nginx's words before the pattern of a location.
MODIFIER: Final = re.compile(r"(=|~\*|~|\^~)(\s*)(.*)", re.DOTALL)


@frozen(repr=False)
class Regex:
    """A pattern of :mod:`re`, searched anywhere in the path (nginx's ``~``; ``~*`` with *ignore_case*).

    It sees the decoded path as UTF-8 octets: a dot is one octet, ``\\w`` and *ignore_case* know ASCII letters only,
    and a ``[…]`` holds ASCII only.
    """

    pattern: str
    ignore_case: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _check_regex(self)

    def __repr__(self) -> str:
        return f"regex({self.pattern!r}{', ignore_case=True' if self.ignore_case else ''})"

    def compile(self) -> re.Pattern[bytes]:
        """The pattern over octets."""
        return re.compile(_over_octets(self.pattern), re.IGNORECASE if self.ignore_case else 0)


def regex(pattern: str, *, ignore_case: bool = False) -> Regex:
    """Match where :func:`re.search` finds *pattern*: in the decoded path, or as a server's name in the host.

    Regexes are tried in the order of the file, after exact matches; the first that is found wins (nginx's ``~``, and
    ``~*`` with *ignore_case*).  Hosts are always compared without case.  :class:`ConfigError` is raised for a pattern
    that does not compile.
    """
    return Regex(pattern, ignore_case=ignore_case)


def call_for(modifier: str, rest: str) -> str:
    """The call that says what nginx says with *modifier*."""
    if modifier == "=":
        return f"exact({quoted(rest)})"
    if modifier == "^~":
        return f"prefix({quoted(rest)}, stop=True)"
    return f"regex({quoted_raw(rest)}{', ignore_case=True' if modifier == '~*' else ''})"


def check_unicode(what: str, text: str) -> None:
    """Refuse lone surrogates, which UTF-8 has no octets for."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{what} {text!r} is not valid Unicode at position {error.start}") from None


def _check_regex(match: Regex) -> None:
    pattern: object = match.pattern
    if isinstance(pattern, re.Pattern):
        raise compiled_regex("regex", pattern)
    if type(pattern) is not str:
        raise ConfigError(f"a regex must be a plain str, not {type(pattern).__name__}")
    modifier = MODIFIER.fullmatch(pattern)
    if modifier and modifier[2]:
        raise ConfigError(
            f"regex {pattern!r} begins with nginx's modifier {modifier[1]!r}",
            hint=f"write {call_for(modifier[1], modifier[3])}",
        )
    check_unicode("regex", pattern)
    try:
        # Over text first: the position that an error names counts characters.
        re.compile(pattern)
        match.compile()
    except re.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        raise ConfigError(f"regex {pattern!r} does not compile: {error.msg}{where}") from None
    except OverflowError as error:  # a{99999999999}
        raise ConfigError(f"regex {pattern!r} does not compile: {error}") from None


_REGEX_TOKEN = re.compile(r"\\?([^\x00-\x7f])|\\.|(\[\^?\]?(?:\\.|[^\]\\])*\])", re.DOTALL)


def _over_octets(pattern: str) -> bytes:
    """The pattern for UTF-8 octets: a character of several octets is a group, so that ``é+`` repeats all of it."""

    def token(found: re.Match[str]) -> str:
        if found[2] and not found[2].isascii():
            raise ConfigError(
                f"regex {pattern!r} has a non-ASCII character in [...], which would match single octets of it",
                hint="write the characters as alternatives: (?:é|è)",
            )
        return f"(?:{found[1]})" if found[1] else found[0]

    return _REGEX_TOKEN.sub(token, pattern).encode()


def compiled_regex(what: str, pattern: re.Pattern[str] | re.Pattern[bytes]) -> ConfigError:
    """The error of a pattern that :mod:`re` compiled already."""
    flag = ", ignore_case=True" if pattern.flags & re.IGNORECASE else ""
    text = pattern.pattern.decode(errors="replace") if isinstance(pattern.pattern, bytes) else str(pattern.pattern)
    return ConfigError(f"{what} is a compiled pattern of re", hint=f"write regex({quoted_raw(text)}{flag})")


def quoted(text: str) -> str:
    """A literal for a hint, in double quotes as a formatter has it; JSON's strings are Python's too."""
    return json.dumps(text, ensure_ascii=False)


def quoted_raw(text: str) -> str:
    """A raw string literal if there is a backslash to save, and a raw literal can hold the text."""
    if "\\" in text and '"' not in text and not text.endswith("\\") and text.isprintable():
        return f'r"{text}"'
    return quoted(text)
