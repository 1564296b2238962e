"""Status codes: their reason phrases, and which of them have no body."""

from __future__ import annotations

from http import HTTPStatus

REASONS: dict[int, bytes] = {status.value: status.phrase.encode() for status in HTTPStatus}
# nginx's own, for the access log only: the client left before it was answered.
CLIENT_CLOSED = 499
# RFC 9110 15.5.22.
UPGRADE_REQUIRED = 426


def reason(status: int) -> bytes:
    """The reason phrase, empty for an unregistered status."""
    return REASONS.get(status, b"")


def has_no_body(status: int) -> bool:
    """RFC 9112 6.3 step 1: a response with this status ends with its head."""
    return status in (204, 304) or status < 200
