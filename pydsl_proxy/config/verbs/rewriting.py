"""Verbs that send requests elsewhere: rewritten paths, error pages, copies, and the cookies that go with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydsl_proxy.config.error_page_arguments import error_page
from pydsl_proxy.config.matching import Named
from pydsl_proxy.config.rewrite_arguments import cookie_flags, cookie_rules, mirror, rewrite, strip_prefix
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.config.verbs.base import Featured
from pydsl_proxy.units import KiB
from pydsl_proxy.values.regex import Regex
from pydsl_proxy.values.value import ValueSource


class Rewriting(Featured):
    """Paths, pages, copies and cookies."""

    __slots__ = ()

    def strip_prefix(self, prefix: str) -> Self:
        """Send peers the target without *prefix*: of ``/api/users``, ``/users``, and of ``/api``, ``/``.

        The prefix ends where a segment of the path ends: ``"/api"`` leaves ``/apiary`` as it is.  The rest goes
        through byte for byte, if the client wrote the prefix as it is here; else, as for ``/x/../%61pi/users``, it is
        cleaned and escaped anew.  Peers are told the prefix as ``X-Forwarded-Prefix`` (Traefik's), and what they say
        of their own place in ``Location`` and ``Refresh`` is mapped back as for ``proxy_to(…, path=…)``.
        """
        return self._with(strip_prefix(prefix))

    def rewrite(
        self, pattern: str | Regex, replacement: ValueSource, *, last: bool = False, redirect: int | None = None
    ) -> Self:
        r"""Where *pattern* is found in the path, make *replacement* the target: nginx's ``rewrite``.

        In ``.rewrite(r"^/old/(.*)$", r"/new/\1")`` ``\1`` and ``\g<name>`` are groups of the pattern, which is searched
        in the decoded, cleaned path; an f-string may have values, and a function of the request gives the whole
        target.  The replacement is a target as a client would send it; what is put into it is escaped.  The
        request's query is appended, unless the replacement ends with ``?``.

        The request goes on in this location, and peers get the new target (nginx's ``break``); with *last* a location
        is searched anew, at most ten times, then the answer is 500; with *redirect* the client is sent there, with 301,
        302, 303, 307 or 308.  A replacement that begins with ``http://`` or ``https://`` redirects, with 302 unless
        told.  Of several rewrites the first that matches counts.
        """
        return self._with(rewrite(pattern, replacement, last=last, redirect=redirect))

    def error_page(
        self,
        *statuses: int,
        to: ValueSource | Named | None = None,
        body: str | bytes | ValueSource | None = None,
        content_type: str = "text/html; charset=utf-8",
        status: int | Literal["target"] | None = None,
        intercept: bool = False,
    ) -> Self:
        """Answer errors with one of *statuses* by a page: nginx's ``error_page``.

        *to* is a path, which is asked for by GET inside the proxy; a :func:`~pydsl_proxy.named` location, which gets
        the request as it is, with its method and body; or a URL, to which the client is redirected.  Or there is a
        *body*, of *content_type*.  The response keeps the status of the error, unless *status* is another one (nginx's
        ``=200``) or ``"target"``, that of the page (nginx's ``=``).

        Errors are those of the proxy itself, and answers without a text, as ``.respond(404)``.  With *intercept* they
        are also what peers and applications answer (nginx's ``proxy_intercept_errors``).  If the page cannot be had,
        the answer is the plain one.  An inner page wins over outer ones for its statuses.
        """
        return self._with(
            error_page(statuses, to=to, body=body, content_type=content_type, status=status, intercept=intercept)
        )

    def mirror(
        self,
        upstream: Upstream | str,
        *,
        percent: float = 100,
        body: int = 64 * KiB,
        in_flight: int = 64,
    ) -> Self:
        """Send a copy of *percent* of the requests to another upstream, and drop its answers: nginx's ``mirror``.

        The original is neither delayed nor failed by it.  A request whose body has more than *body* bytes is not
        copied; 0 copies requests without a body only.  While *in_flight* copies are under way, no other is made.
        """
        return self._with(mirror(upstream, percent=percent, body=body, in_flight=in_flight))

    def rewrite_cookie_domain(self, domains: Mapping[str | Regex, str]) -> Self:
        """Replace the ``Domain`` of cookies that peers set, by the first of *domains* that fits.

        A key is the whole domain, in any case and without a dot at its start, or a :func:`~pydsl_proxy.regex`, whose
        groups the new one may have as ``\\\\1``.  The empty text takes the attribute away.  nginx's
        ``proxy_cookie_domain``.
        """
        return self._with(cookie_rules("domain", domains))

    def rewrite_cookie_path(self, paths: Mapping[str | Regex, str]) -> Self:
        """Replace the beginning of the ``Path`` of cookies that peers set, by the first of *paths* that fits.

        A key is a prefix, or a :func:`~pydsl_proxy.regex` for the part to replace.  nginx's ``proxy_cookie_path``.
        """
        return self._with(cookie_rules("path", paths))

    def set_cookie_flags(
        self,
        name: str | Regex | None = None,
        *,
        secure: bool | None = None,
        httponly: bool | None = None,
        samesite: Literal["strict", "lax", "none", False] | None = None,
    ) -> Self:
        """Add or, with False, take away flags of the cookies that peers set: of those called *name*, or of all.

        Of several rules the innermost, then the first, that speaks of a flag counts.  nginx's ``proxy_cookie_flags``.
        """
        return self._with(cookie_flags(name, secure=secure, httponly=httponly, samesite=samesite))
