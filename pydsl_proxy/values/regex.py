"""Regular expressions as users write them: over text, and searched in octets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final, TypeAlias

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.not_text import NotText
from pydsl_proxy.values.linear_regex import linear_pattern
from pydsl_proxy.values.regex_cost import EXPONENTIAL, begins_with_anything, cost_of
from pydsl_proxy.wire.http.grammar import Malformed

#: nginx's words before the pattern of a location.
MODIFIER: Final = re.compile(r"(=|~\*|~|\^~)(\s*)(.*)", re.DOTALL)


#: The longest subject, in octets, that is given to a pattern whose time grows faster than the subject.
MAX_SUBJECT: Final = 4096

Search: TypeAlias = Callable[[bytes], "re.Match[bytes] | None"]
"""What finds a pattern in a subject."""


@frozen(repr=False)
class Regex(NotText):
    """A pattern of :mod:`re`, searched anywhere in the path (nginx's ``~``; ``~*`` with *ignore_case*).

    It sees the decoded path as UTF-8 octets: a dot is one octet, ``\\w`` and *ignore_case* know ASCII letters only,
    and a ``[…]`` holds ASCII only.  A dot is any octet, a line end too, and ``$`` is the end and nothing before it: a
    path may have a ``%0A``.
    """

    pattern: str
    ignore_case: bool = field(default=False, kw_only=True)
    backtracking: bool = field(default=False, kw_only=True)
    re2: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _check_regex(self)

    def __repr__(self) -> str:
        options = ("ignore_case", "backtracking", "re2")
        return f"regex({self.pattern!r}{''.join([f', {each}=True' for each in options if getattr(self, each)])})"

    @property
    def _flags(self) -> int:
        return re.DOTALL | re.IGNORECASE if self.ignore_case else re.DOTALL

    def compile(self) -> re.Pattern[bytes]:
        """The pattern over octets."""
        if self.re2:
            return linear_pattern(_over_octets(self.pattern, re2=True), self.ignore_case)
        return re.compile(_over_octets(self.pattern), self._flags)

    def search(self, too_long: int | None = 400) -> Search:
        """The function that searches; where time may grow faster than the subject, that is bounded by MAX_SUBJECT.

        A longer one raises :class:`~pydsl_proxy.wire.http.grammar.Malformed` with the status *too_long*; if that is
        None, nothing is found in it.
        """
        if self.re2:
            return self.compile().search
        octets, flags = _over_octets(self.pattern), self._flags
        compiled = re.compile(octets, flags)
        find = compiled.match if begins_with_anything(octets, flags) else compiled.search
        return find if cost_of(octets, flags).searching < 2 else _bounded(find, too_long)


def _bounded(find: Search, too_long: int | None) -> Search:
    def search(subject: bytes) -> re.Match[bytes] | None:
        if len(subject) <= MAX_SUBJECT:
            return find(subject)
        if too_long is None:
            return None
        raise Malformed(f"more than {MAX_SUBJECT} octets for a pattern", too_long)

    return search


def regex(pattern: str, *, ignore_case: bool = False, backtracking: bool = False, re2: bool = False) -> Regex:
    """Match where :func:`re.search` finds *pattern*: in the decoded path, or as a server's name in the host.

    Regexes are tried in the order of the file, after exact matches; the first that is found wins (nginx's ``~``, and
    ``~*`` with *ignore_case*).  Hosts are always compared without case.

    :class:`ConfigError` is raised for a pattern that does not compile, and for one with which a client could stop the
    proxy: if several of its repeats match the same text, the time grows with a power of the subject's length, or
    exponentially.  *backtracking* takes it nevertheless.  With *re2* the pattern is one of the library RE2, which takes
    any in linear time and has no backreferences, lookaround or possessive repeats; it is in the extra ``re2``.
    """
    return Regex(pattern, ignore_case=ignore_case, backtracking=backtracking, re2=re2)


def call_for(modifier: str, rest: str) -> str:
    """The call that says what nginx says with *modifier*."""
    if modifier == "=":
        return f"exact({quoted(rest)})"
    if modifier == "^~":
        return f"prefix({quoted(rest)}, stop=True)"
    return f"regex({quoted_raw(as_python(rest))}{', ignore_case=True' if modifier == '~*' else ''})"


def as_python(pattern: str) -> str:
    """A pattern of PCRE in the words of :mod:`re`, which has ``(?P<name>…)`` for ``(?<name>…)``."""
    return re.sub(r"(?<!\\)\(\?<(?=[A-Za-z_])", "(?P<", pattern)


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
    for name in ("backtracking", "re2"):
        if not isinstance(getattr(match, name), bool):
            raise ConfigError(f"regex({name}=…) must be True or False, not {getattr(match, name)!r}")
    if match.re2:
        _check_re2(match)
        return
    try:
        # Over text first: the position that an error names counts characters.
        re.compile(pattern)
        compiled = match.compile()
    except re.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        raise ConfigError(f"regex {pattern!r} does not compile: {error.msg}{where}") from None
    except OverflowError as error:  # a{99999999999}
        raise ConfigError(f"regex {pattern!r} does not compile: {error}") from None
    if not match.backtracking:
        check_cost(f"regex {pattern!r}", compiled, f"regex({quoted_raw(pattern)}, …, backtracking=True)")


def _check_re2(match: Regex) -> None:
    if match.backtracking:
        raise ConfigError("regex(): RE2 does not backtrack", hint="leave backtracking=True out")
    try:
        match.compile()
    except re.error as error:
        hint = "RE2 has no backreferences, lookaround, atomic groups or possessive repeats, and \\z for \\Z"
        raise ConfigError(f"regex {match.pattern!r} does not compile with RE2: {error.msg}", hint=hint) from None


def check_cost(what: str, compiled: re.Pattern[bytes], way_out: str) -> None:
    """Raise a ConfigError if the time that a search takes grows faster than its subject; *way_out* is another call."""
    power = cost_of(compiled.pattern, compiled.flags).matching
    if power < 2:
        return
    growth = "doubles with each octet" if power == EXPONENTIAL else f"grows with the power {power} of its length"
    hint = "write [^/]* for what ends at a slash, and no repeat of what is a repeat already"
    raise ConfigError(
        f"{what} has repeats that match the same text: where it is not found the time {growth}, and a client can stop "
        "the proxy with a long path",
        hint=f"{hint}; or {way_out}" if way_out else hint,
    )


_REGEX_TOKEN = re.compile(r"\\?([^\x00-\x7f])|\\.|(\[\^?\]?(?:\\.|[^\]\\])*\])|(\$)", re.DOTALL)
_MULTILINE = re.compile(r"\(\?[a-zA-Z]*m")


def _over_octets(pattern: str, re2: bool = False) -> bytes:
    """The pattern for UTF-8 octets: a character of several octets is a group, so that ``é+`` repeats all of it.

    RE2 takes octets for Latin-1, where those above 127 have a case too, and its ``$`` is the end alone.
    """
    group, end = ("(?-i:", "$") if re2 else ("(?:", r"\Z")
    multiline = _MULTILINE.search(pattern) is not None

    def token(found: re.Match[str]) -> str:
        if found[2] and not found[2].isascii():
            raise ConfigError(
                f"regex {pattern!r} has a non-ASCII character in [...], which would match single octets of it",
                hint="write the characters as alternatives: (?:é|è)",
            )
        if found[3]:
            # As it is, it would be before a line end too.
            return found[3] if multiline else end
        return f"{group}{found[1]})" if found[1] else found[0]

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
