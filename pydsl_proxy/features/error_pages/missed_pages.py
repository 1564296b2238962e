"""What the error log says of an error's page that cannot be had: the client sees the plain error alone."""

from __future__ import annotations

from typing import Protocol

from twisted.logger import Logger

from pydsl_proxy.errors.rate_limited import RateLimited, more
from pydsl_proxy.origin import Origin

log = Logger()


class Written(Protocol):
    """The verb that asks for the page."""

    @property
    def origin(self) -> Origin:
        """The line of the user's file."""

    def as_verb(self) -> str:
        """The call."""


class MissedPages:
    """One line each ten seconds, for all locations that inherit the verb; nginx logs each page."""

    __slots__ = ("_limit", "_written")

    def __init__(self, written: Written, limit: RateLimited) -> None:
        self._written = written
        self._limit = limit

    def note(self, target: bytes, why: str) -> None:
        """The page at *target* could not be had; *target* is empty where it could not be made."""
        if missed := self._limit.note():
            log.warn(
                "{origin}: {verb}: the page {target}could not be had: {why}{more}",
                origin=self._written.origin,
                verb=self._written.as_verb(),
                target=target.decode("ascii", "backslashreplace") + " " if target else "",
                why=why,
                more=more(missed),
            )
