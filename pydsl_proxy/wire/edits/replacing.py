"""A request's header section with some of its fields replaced, for the one exchange that it belongs to."""

from __future__ import annotations

from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http1.reader import read_request_fields

# What was understood of a request, or put there by its site or a step: that is so whatever other fields it has.  All
# else follows from the bytes, and what is not found anew would bring the replaced fields back.
_UNDERSTOOD = (
    "host",
    "host_name",
    "content_length",
    "chunked",
    "close",
    "keep_alive",
    "expect",
    "upgrade",
    "server",
)
# The client's were counted when they were read; what is added comes from a head that is bounded too.
_MOST = 1_000_000


class Replacing:
    """Takes the fields called *names* (in lower case) out of sections, and puts others in their place."""

    __slots__ = ("_cut", "names")

    def __init__(self, names: frozenset[bytes]) -> None:
        self.names = names
        self._cut = FieldRules((), names)

    def replaced(self, fields: RequestFields, added: bytes = b"") -> RequestFields:
        """*fields* with the section *added* instead of those called so; the same object if nothing changes.

        Framing, host and the like stay what they were; ``Connection`` does not name what is added (RFC 9110 7.6.1: a
        client could have it removed).  Raises :class:`~pydsl_proxy.wire.http.grammar.Malformed` if *added* is no
        section.
        """
        raw = self._cut.edit(fields)
        if not added and len(raw) == len(fields.raw):
            return fields
        made = read_request_fields(raw + added, _MOST)
        for name in _UNDERSTOOD:
            setattr(made, name, getattr(fields, name))
        made.named = fields.named - self.names
        return made
