"""Heads of responses, kept for the next time that they come."""

from __future__ import annotations

from typing import Protocol

from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.memo import Memo


class ReadHead(Protocol):
    """Reads a head; raises Malformed."""

    def __call__(self, head: bytes, /, *, bodiless: bool) -> ResponseHead:
        """*bodiless* says that it answers a request whose response ends with the head."""


def read_and_keep(memo: Memo[ResponseHead], read: ReadHead, head: bytes, method: bytes) -> ResponseHead:
    """The head that answers *method*, which the memo does not know; raises Malformed."""
    try:
        response = read(head, bodiless=False)
    except Malformed:
        if method != b"HEAD":
            raise
        # Not kept: it is good for no other method.
        return read(head, bodiless=True)
    memo.keep(head, response)
    return response
