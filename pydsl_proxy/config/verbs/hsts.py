"""Verbs on https."""

from __future__ import annotations

from typing import Self

from pydsl_proxy.config.verbs.base import Featured
from pydsl_proxy.features.headers.strict_transport import TWO_YEARS, hsts_of


class Securing(Featured):
    """What https clients are told."""

    __slots__ = ()

    def hsts(self, max_age: int = TWO_YEARS, *, include_subdomains: bool = False, preload: bool = False) -> Self:
        """Tell browsers to come by https alone for *max_age* seconds, two years by default (RFC 6797).

        The field ``Strict-Transport-Security`` is sent with every response to a request that came by https, and with
        none to another, also in place of a peer's.  *include_subdomains* holds for all hosts below this one; *preload*
        asks to be taken into the browsers' own lists, which is hard to take back.  nginx's
        ``add_header Strict-Transport-Security … always``.
        """
        return self._with(hsts_of(max_age, include_subdomains, preload))
