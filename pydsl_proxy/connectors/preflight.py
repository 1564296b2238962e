"""Requests that a peer is not asked, because its protocol cannot carry them, or it has nothing for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from pydsl_proxy.interfaces import Attempt, Dial, Exchange
from pydsl_proxy.wire.http1.response_writer import error_page, own_response

if TYPE_CHECKING:
    from twisted.internet.protocol import Protocol

Refusal: TypeAlias = Callable[[Exchange], "int | None"]
"""The status that answers an exchange in place of the peer; None to ask the peer."""


def needs_length(exchange: Exchange) -> int | None:
    """411 for a body of unknown length: an application reads as much as CONTENT_LENGTH says, and drops the rest."""
    return 411 if exchange.fields.chunked else None


def answer(attempt: Attempt, status: int) -> None:
    """Answer for the peer, which is not to blame."""
    body, fields = error_page(status)
    attempt.answered(own_response(status, body, fields), b"" if attempt.exchange.method == b"HEAD" else body, True)


def connecting(
    dial: Dial, refusal: Refusal, build: Callable[[Attempt], Protocol]
) -> Callable[[Attempt], Callable[[], None]]:
    """What opens a connection for an attempt, unless *refusal* has an answer."""

    def connect(attempt: Attempt) -> Callable[[], None]:
        status = refusal(attempt.exchange)
        if status is None:
            return dial(attempt, lambda: build(attempt))
        answer(attempt, status)
        return _nothing

    return connect


def _nothing() -> None:
    """There is nothing to cancel."""
