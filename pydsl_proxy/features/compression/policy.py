"""What is worked out once for a response's head, and for a request's fields: what to compress, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pydsl_proxy.features.compression.codecs import Coder
from pydsl_proxy.wire.edits.encoded_head import encoded, forbids_transforming, may_be_encoded, not_modified, varied
from pydsl_proxy.wire.fields.content_codings import chosen_coding
from pydsl_proxy.wire.http.head import RequestFields, ResponseHead

# Heads of peers that are remembered.  They tell the time, so few are in use at once.
MAX_KNOWN: Final = 64


class Heads:
    """The heads that may stand for one of a peer's, each made when it is first asked for."""

    __slots__ = ("_encoded", "_response", "_varied")

    def __init__(self, response: ResponseHead) -> None:
        self._response = response
        self._varied: ResponseHead | None = None
        self._encoded: dict[bytes, ResponseHead] = {}

    @property
    def varied(self) -> ResponseHead:
        """That of the body as it is."""
        if self._varied is None:
            self._varied = varied(self._response)
        return self._varied

    def encoded(self, coding: bytes) -> ResponseHead:
        """That of the body in *coding*, without a length."""
        head = self._encoded.get(coding)
        if head is None:
            head = self._encoded[coding] = encoded(self._response, coding)
        return head


class Choices:
    """What one ``.compress()`` makes of responses and requests.

    ``min_length`` is in bytes of a body, ``flush`` whether each write of a peer goes out at once.  What was made of a
    request's fields is kept with them, what was made of a response's head in a dictionary of bounded size.
    """

    def __init__(
        self, coders: Sequence[Coder], matches: Callable[[bytes], bool], *, min_length: int, flush: bool
    ) -> None:
        self.min_length = min_length
        self.flush = flush
        self._matches = matches
        self._coders = {coder.coding: coder for coder in coders}
        self._codings = tuple(self._coders)
        self._known: dict[ResponseHead, Heads | None] = {}

    def heads(self, response: ResponseHead) -> Heads | None:
        """The heads of a response that is compressed for those who want it; None for another."""
        known = self._known
        try:
            return known[response]
        except KeyError:
            if len(known) >= MAX_KNOWN:
                known.clear()
            heads = known[response] = Heads(response) if self._fits(response) else None
            return heads

    def _fits(self, response: ResponseHead) -> bool:
        if response.length is not None and response.length < self.min_length:
            return False
        media_type = response.get(b"content-type")
        return media_type is not None and self._matches(media_type) and may_be_encoded(response)

    def not_modified(self, response: ResponseHead, fields: RequestFields, *, encodes: bool) -> ResponseHead:
        """A 304 as it is in place of a compressed 200; *encodes* says that the client can be sent one.

        Its Content-Type is hardly ever there, so all are taken for one that is compressed.
        """
        media_type = response.get(b"content-type")
        if media_type is not None and not self._matches(media_type):
            return response
        return not_modified(response, fields, wanted=encodes and self.coder(fields) is not None)

    def coder(self, fields: RequestFields) -> Coder | None:
        """The coder of the coding that a client wants."""
        coding = fields.edited.get(self)
        if coding is None:
            coding = fields.edited[self] = self._wanted(fields) or b""
        return self._coders.get(coding)

    def _wanted(self, fields: RequestFields) -> bytes | None:
        # A client that resumes a download counts the bytes of what it has.
        if b"\r\nrange:" in fields.lower or forbids_transforming(fields):
            return None
        return chosen_coding(fields.get(b"accept-encoding"), self._codings)
