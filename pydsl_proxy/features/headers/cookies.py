"""Cookies that peers set, as clients are to keep them: nginx's ``proxy_cookie_domain``, ``_path`` and ``_flags``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, TypeAlias

from attrs import evolve, field, frozen

from pydsl_proxy.features.pass_through import Passing
from pydsl_proxy.interfaces import AttachedFilter, CompileContext, Filter, FilterOrder, Sink
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call
from pydsl_proxy.values.regex import Regex
from pydsl_proxy.wire.fields.cookies import Cookie, edited_cookies
from pydsl_proxy.wire.http.head import ResponseHead

Edit: TypeAlias = Callable[[Cookie], None]
FLAGS = ("secure", "httponly", "samesite")


@frozen
class CookieRule:
    """What one of the verbs on cookies asks for; *attribute* is what it rewrites, by the first of *rules* that fits."""

    nearness: ClassVar[FilterOrder] = FilterOrder.OWN

    attribute: Literal["domain", "path"]
    rules: tuple[tuple[str | Regex, str], ...]
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return call(f"rewrite_cookie_{self.attribute}", repr(dict(self.rules)))

    def attach(self, place: CompileContext) -> AttachedFilter | None:
        """The filter of this rule alone."""
        return joined((self,)).attach(place)

    @property
    def join(self) -> Callable[[Sequence[object]], Filter]:
        """Makes one filter of all rules of a location, so that what one has rewritten no other rewrites again."""
        return joined


@frozen
class CookieFlags:
    """What ``.set_cookie_flags()`` asks for; None leaves a flag as it is, False takes it away."""

    nearness: ClassVar[FilterOrder] = FilterOrder.OWN

    name: str | Regex | None
    secure: bool | None = field(default=None, kw_only=True)
    httponly: bool | None = field(default=None, kw_only=True)
    samesite: Literal["strict", "lax", "none", False] | None = field(default=None, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        name = [] if self.name is None else [repr(self.name)]
        flags = [f"{flag}={getattr(self, flag)!r}" for flag in FLAGS if getattr(self, flag) is not None]
        return call("set_cookie_flags", name, flags)

    def attach(self, place: CompileContext) -> AttachedFilter | None:
        """The filter of this rule alone."""
        return joined((self,)).attach(place)

    @property
    def join(self) -> Callable[[Sequence[object]], Filter]:
        """Makes one filter of all rules of a location."""
        return joined


def joined(features: Sequence[object]) -> Filter:
    """One filter for rules on cookies, the innermost first; for flags, what is said of fewer cookies goes before."""
    rules = [feature for feature in features if isinstance(feature, CookieRule)]
    flags = sorted([feature for feature in features if isinstance(feature, CookieFlags)], key=_breadth)
    edits = [
        _rewriting(attribute, [pair for rule in rules if rule.attribute == attribute for pair in rule.rules])
        for attribute in ("domain", "path")
        if any(rule.attribute == attribute for rule in rules)
    ]
    edits += [_flag(flag, flags) for flag in FLAGS if any(getattr(each, flag) is not None for each in flags)]
    return _CookieEditing(tuple(edits))


@frozen
class _CookieEditing:
    """A filter on heads."""

    nearness: ClassVar[FilterOrder] = FilterOrder.OWN

    edits: tuple[Edit, ...]

    def attach(self, place: CompileContext) -> AttachedFilter:
        """A sink that edits the head if it sets cookies."""
        edits = self.edits
        return lambda exchange, sink: _Sink(sink, edits)


class _Sink(Passing):
    __slots__ = ("_edits",)

    def __init__(self, next: Sink, edits: tuple[Edit, ...]) -> None:
        super().__init__(next)
        self._edits = edits

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Pass the response on, with its cookies edited."""
        self.next.start(edited_cookies(response, self._edits), data, end)


def _rewriting(attribute: str, pairs: Sequence[tuple[str | Regex, str]]) -> Edit:
    """Rewrites an attribute by the first rule that fits."""
    make = _domain if attribute == "domain" else _path
    rules = [make(old, new) for old, new in pairs]
    name = attribute.encode()

    def edit(cookie: Cookie) -> None:
        value = cookie.get(name)
        if value is None:
            return
        for rule in rules:
            new = rule(value)
            if new is not None:
                cookie.set(name, new or None)
                return

    return edit


def _domain(old: str | Regex, new: str) -> Callable[[bytes], bytes | None]:
    """The whole domain, in any case; a dot at its start does not count (nginx, RFC 6265 5.2.3)."""
    if isinstance(old, Regex):
        search = evolve(old, ignore_case=True).search(None)
        return lambda value: _expanded(search(value[value[:1] == b"." :]), new)
    whole, replacement = old.removeprefix(".").lower().encode(), new.removeprefix(".").encode()

    def rule(value: bytes) -> bytes | None:
        dot = value[:1] if value[:1] == b"." and replacement else b""
        return dot + replacement if value[value[:1] == b"." :].lower() == whole else None

    return rule


def _path(old: str | Regex, new: str) -> Callable[[bytes], bytes | None]:
    """The beginning of the path, or what a pattern finds in it."""
    if isinstance(old, Regex):
        search = old.search(None)
        return lambda value: _expanded_within(search(value), value, new)
    start, replacement = old.encode(), new.encode()
    return lambda value: replacement + value[len(start) :] if value.startswith(start) else None


def _expanded(match: re.Match[bytes] | None, new: str) -> bytes | None:
    return None if match is None else match.expand(new.encode())


def _expanded_within(match: re.Match[bytes] | None, value: bytes, new: str) -> bytes | None:
    return None if match is None else value[: match.start()] + match.expand(new.encode()) + value[match.end() :]


def _flag(flag: str, rules: Sequence[CookieFlags]) -> Edit:
    """Sets or takes away a flag by the first rule that speaks of it for the cookie."""
    name = flag.encode()
    spoken = [(_named(rule.name), getattr(rule, flag)) for rule in rules if getattr(rule, flag) is not None]

    def edit(cookie: Cookie) -> None:
        for is_meant, wanted in spoken:
            if is_meant(cookie):
                cookie.set(name, None if wanted is False else b"" if wanted is True else wanted.title().encode())
                return

    return edit


def _breadth(rule: CookieFlags) -> int:
    return 2 if rule.name is None else 1 if isinstance(rule.name, Regex) else 0


def _named(name: str | Regex | None) -> Callable[[Cookie], bool]:
    if name is None:
        return lambda cookie: True
    if isinstance(name, Regex):
        search = name.search(None)
        return lambda cookie: search(cookie.name) is not None
    only = name.encode()
    return lambda cookie: cookie.name == only
