"""Noticing every location and stream that is opened while a file is loaded, so that lost ones are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from attrs import Factory, define

from pydsl_proxy.origin import Origin


@define
class Noticed:
    """The locations opened so far, in order, as (origin, code), and the ids of the origins that got a handler.

    A location keeps the very origin object with which it was opened, through all its changes: that is its identity.
    """

    pause: Callable[[], None]
    opened: list[tuple[Origin, str]] = Factory(list)
    closed: set[int] = Factory(set)


_NOTICED: Final[ContextVar[Noticed | None]] = ContextVar("noticed", default=None)


@contextmanager
def noticing(pause: Callable[[], None]) -> Iterator[Noticed]:
    """Notice what is opened in the block; *pause* is called each time."""
    noticed = Noticed(pause)
    token = _NOTICED.set(noticed)
    try:
        yield noticed
    finally:
        _NOTICED.reset(token)


def notice_opened(origin: Origin, code: str) -> None:
    """A location was opened by *code*."""
    if (noticed := _NOTICED.get()) is not None:
        noticed.opened.append((origin, code))
        noticed.pause()


def notice_closed(origin: Origin) -> None:
    """The location that was opened at *origin* got its handler."""
    if (noticed := _NOTICED.get()) is not None:
        noticed.closed.add(id(origin))
