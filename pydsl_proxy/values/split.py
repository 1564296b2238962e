"""A value that divides clients into shares of fixed size: nginx's ``split_clients``."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from math import isfinite

from attrs import Factory, field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.values.murmur import murmur_hash2
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import (
    Composed,
    ValueFunction,
    ValueSource,
    add_value_function,
    as_bytes,
    as_value,
    code_of,
    constant,
    text_of,
    value_for,
)

_WHOLE = 10000
_LARGEST_HASH = 0xFFFFFFFF


@frozen(repr=False)
class PercentageSplit(Composed):
    """What :func:`split_clients` gives; *shares* are texts and their percentage."""

    value: ValueFunction
    shares: tuple[tuple[str, float], ...]
    rest: str
    name: str = field(default="split_clients", init=False)
    argument: str | None = field(default=None, init=False)
    _read: ValueFunction = field(init=False, eq=False, default=Factory(text_of, takes_self=True))

    @property
    def inside(self) -> tuple[ValueFunction, ...]:
        """The value it is made of."""
        return (self.value,)

    def octets(self) -> Callable[[Request], bytes]:
        """The first share whose end lies above the hash of the value's text."""
        read = as_bytes(self.value)
        ends: list[int] = []
        for _, percent in self.shares:
            # nginx (ngx_http_split_clients): each share is rounded down by itself.
            ends.append((ends[-1] if ends else 0) + _hundredths(percent) * _LARGEST_HASH // _WHOLE)
        # The whole is more than the sum of its rounded shares: nginx gives what is left to the last one.
        full = sum(_hundredths(percent) for _, percent in self.shares) == _WHOLE
        rest = self.shares[-1][0] if full else self.rest
        texts = [text.encode("utf-8", "surrogateescape") for text in (*dict(self.shares), rest)]
        return lambda request: texts[bisect_right(ends, murmur_hash2(read(request)))]

    def __repr__(self) -> str:
        rest = f", rest={self.rest!r}" if self.rest else ""
        return f"split_clients({code_of(self.value)}, {dict(self.shares)!r}{rest})"


def split_clients(value: ValueSource, shares: Mapping[str, float], *, rest: str = "") -> PercentageSplit:
    """One of the texts of *shares*, always the same for the same *value*: nginx's ``split_clients``.

    *shares* are percentages with at most two decimals, as ``{"canary": 5, "beta": 12.5}``; *rest* is for all others
    (nginx's ``*``).  The hash is nginx's, so that clients keep their share when they move from it.
    :class:`ConfigError` is raised for shares that are more than the whole.
    """
    if not isinstance(shares, Mapping) or not shares:
        raise ConfigError(f"split_clients(): {shares!r} are no shares", hint='write {"canary": 5}, rest="stable"')
    key = value_for("split_clients()", value)
    if constant(key) is not None:
        hint = "write split_clients(client_address, …), or cookie('sid')"
        raise ConfigError(f"split_clients({value!r}): this is the same for every request", hint=hint)
    for text, percent in (*shares.items(), (rest, 0.01)):
        if not isinstance(text, str) or constant(as_value(text)) is None:
            raise ConfigError(f"split_clients(): {text!r} is no fixed text", hint='write {"canary": 5}')
        _check(text, percent)
    if sum(map(_hundredths, shares.values())) > _WHOLE:
        raise ConfigError(f"split_clients(): the shares come to {sum(shares.values()):g} percent, more than the whole")
    return PercentageSplit(key, tuple(shares.items()), rest)


def _check(text: str, percent: object) -> None:
    number = isinstance(percent, int | float) and not isinstance(percent, bool) and isfinite(percent)
    if not number or not 0 < percent <= 100:  # type: ignore[operator]  # it is a number
        raise ConfigError(f"split_clients(): the share of {text!r} is {percent!r}, not a percentage above 0")
    if abs(percent * 100 - round(percent * 100)) > 1e-6:  # type: ignore[operator]  # it is a number
        raise ConfigError(f"split_clients(): the share of {text!r} has more than two decimals: {percent!r}")


def _hundredths(percent: float) -> int:
    return round(percent * 100)


add_value_function(split_clients)
