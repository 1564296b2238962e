"""HTTP Strict Transport Security (RFC 6797): browsers are told to come by https alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import count
from pydsl_proxy.features.headers.fields import RemoveField, SetField, Side
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import Constant

NAME = "Strict-Transport-Security"
# Mozilla's guideline: two years.  The browsers' preload list wants one at least, and all subdomains (hstspreload.org).
TWO_YEARS, YEAR = 63072000, 31536000

F = TypeVar("F")


@frozen
class OverHttps:
    """A text for requests that came over https, and none for others (RFC 6797 7.2)."""

    text: str

    def __call__(self, request: Request) -> str:
        return self.text if request.scheme == "https" else ""


@frozen
class Hsts(SetField):
    """What ``.hsts()`` asks for."""

    max_age: int = field(default=TWO_YEARS, kw_only=True)
    include_subdomains: bool = field(default=False, kw_only=True)
    preload: bool = field(default=False, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return call("hsts", options(self, "max_age", "include_subdomains", "preload"))


_FIELD = re.compile(r"\s*max-age=(\d+)\s*(;\s*includeSubDomains\s*)?(;\s*preload\s*)?;?\s*", re.IGNORECASE)


def hsts_of(max_age: int, include_subdomains: bool, preload: bool) -> Hsts:
    """The feature of the verb, its options checked."""
    if isinstance(max_age, str) and (found := _FIELD.fullmatch(max_age)) is not None:
        options = f"{', include_subdomains=True' if found[2] else ''}{', preload=True' if found[3] else ''}"
        raise ConfigError(
            f"hsts(): {max_age!r} is the whole field, which the verb makes", hint=f"write hsts({found[1]}{options})"
        )
    count("hsts(max_age=…)", max_age, least=0)
    if preload and not (include_subdomains and max_age >= YEAR):
        raise ConfigError(
            "hsts(preload=True): the browsers' list takes no host without its subdomains, nor for less than a year",
            hint="write .hsts(include_subdomains=True, preload=True)",
        )
    subdomains = "; includeSubDomains" if include_subdomains else ""
    value = OverHttps(f"max-age={max_age}{subdomains}{'; preload' if preload else ''}")
    return Hsts(Side.RESPONSE, NAME, value, max_age=max_age, include_subdomains=include_subdomains, preload=preload)


def settled(features: Iterable[F], https: bool | None) -> tuple[F | SetField | RemoveField, ...]:
    """*features* for a server of which it is known whether all requests come by https: then nothing is to be asked."""
    if https is None:
        return tuple(features)
    return tuple(_settled(each, https) if isinstance(each, Hsts) else each for each in features)


def _settled(hsts: Hsts, https: bool) -> SetField | RemoveField:
    if https:
        text = hsts.value.text if isinstance(hsts.value, OverHttps) else ""
        return SetField(Side.RESPONSE, NAME, Constant(text), origin=hsts.origin)
    return RemoveField(Side.RESPONSE, NAME, origin=hsts.origin)
