"""Rewritten targets: nginx's ``rewrite``."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.values.regex import Regex
from pydsl_proxy.values.rewrite_template import as_replacement
from pydsl_proxy.values.value import ValueFunction, code_of
from pydsl_proxy.wire.http.uri import BadPath, split_target, unresolved

_URLS = (b"http://", b"https://")


@frozen
class Rewrite:
    """What ``.rewrite()`` asks for; *redirect* is a status, or None."""

    # They stand one after the other, and the first that matches counts.
    together: ClassVar[bool] = True

    pattern: Regex
    replacement: ValueFunction
    last: bool = field(default=False, kw_only=True)
    redirect: int | None = field(default=None, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        has_options = self.pattern.ignore_case or self.pattern.backtracking
        pattern = self.pattern if has_options else self.pattern.pattern
        return call("rewrite", repr(pattern), code_of(self.replacement), options(self, "last", "redirect"))

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """A search in the path; what is not found goes to the next one."""
        return _Rewriting(self, inner)


class _Rewriting:
    """One rewrite, compiled; ``after`` is what follows the last one of the location."""

    __slots__ = ("_inner", "_last", "_redirect", "_replace", "_search", "after")

    def __init__(self, feature: Rewrite, inner: Handle) -> None:
        self._search = feature.pattern.search(414)
        self._replace = as_replacement(feature.replacement)
        self._last = feature.last
        self._redirect = feature.redirect
        self._inner = inner
        self.after: Handle = inner.after if isinstance(inner, _Rewriting) else inner

    def __call__(self, exchange: Exchange) -> None:
        """Rewrite the exchange's target, or leave it to the next one."""
        match = self._search(exchange.path)
        if match is None:
            self._inner(exchange)
            return
        target = _with_query(self._replace(match, exchange.request), exchange)
        url = target.lower().startswith(_URLS)
        if url or self._redirect is not None:
            if target.startswith(b"//"):
                # What a group begins with must not become a host (CWE-601).
                target = b"/" + target.lstrip(b"/")
            exchange.respond(self._redirect or 302, b"", ((b"Location", target),))
            return
        if unresolved(target):
            # A group took a dot segment from the middle of a name, as of "/c../x": it would lead out of the new path.
            raise BadPath("the rewritten path has a dot segment")
        if self._last:
            if not target.startswith(b"/"):
                # What a group begins with must not name a location, as of "/r@admin" with r"\1".
                raise BadPath("the rewritten target is not a path")
            exchange.redirect(target)
        else:
            exchange.retarget(target)
            self.after(exchange)


def _with_query(target: bytes, exchange: Exchange) -> bytes:
    """*target* with the request's query appended, unless it ends with a question mark, which goes."""
    if target.endswith(b"?"):
        return target[:-1]
    _, query = split_target(exchange.peer_target)
    if not query:
        return target
    return target + (b"&" if b"?" in target else b"?") + query
