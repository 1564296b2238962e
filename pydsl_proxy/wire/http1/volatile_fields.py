"""Fields that change from request to request, set apart so that the rest of a header section is known again."""

from __future__ import annotations

from pydsl_proxy.wire.fields import cdn_loop
from pydsl_proxy.wire.http.grammar import CRLF, is_plain_section
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http1.reader import SEEN

# X-Request-Id, traceparent, X-Request-Start, a Cookie: more in one request are rare, and each costs a search.
MAX_NAMES = 4
# Sections to compare with, one for each user agent.
MAX_COMPARED = 64
# New lines of a section that is otherwise the same; more are another client's.
MAX_NEW = 2
# What the reader looks at, and what grows from hop to hop in a circle.
_LOOKED_AT = frozenset((*SEEN, cdn_loop.NAME))


class VolatileFields:
    """Learns which fields change, from sections that differ in little else.

    Clients repeat their header section but for a field or two, as ``X-Request-Id``.  With these set apart the rest is
    found in the memo, and reading takes a third of the instructions.  Only fields are set apart at which the proxy
    never looks itself.  One spelling of a name is learned, ``X-Request-Id`` or ``x-request-id``, so a search needs no
    lower case.
    """

    __slots__ = ("_compared", "_marks")

    def __init__(self) -> None:
        self._marks: tuple[bytes, ...] = ()
        self._compared: dict[bytes | None, bytes] = {}

    def split(self, block: bytes) -> tuple[bytes, bytes]:
        """The section without the fields that change, and these; empty if it has none, or one that is malformed.

        Of fields that are repeated only the first may be among them: see :meth:`keeps_order`.
        """
        rest, lines = block, b""
        for mark in self._marks:
            at = rest.find(mark)
            if at != -1:
                end = rest.find(CRLF, at + 2)
                if end == -1:
                    lines += rest[at:]
                    rest = rest[:at]
                else:
                    lines += rest[at:end]
                    rest = rest[:at] + rest[end:]
        if lines and is_plain_section(lines) is None:
            return block, b""
        return rest, lines

    def keeps_order(self, rest: RequestFields) -> bool:
        """Whether what was set apart may follow *rest*: of one name's fields the order must stay (RFC 9110 5.3)."""
        if rest.without is not self._marks:
            lower = rest.lower
            if any(mark.lower() in lower for mark in self._marks):
                return False
            rest.without = self._marks
        return True

    def learn(self, block: bytes, fields: RequestFields) -> None:
        """Compare a section that was not known with the last one of the same user agent."""
        agent, compared = fields.get(b"user-agent"), self._compared
        before = compared.get(agent)
        if before is None and len(compared) >= MAX_COMPARED:
            compared.clear()
        compared[agent] = block
        if before is None:
            return
        known = set(before.split(CRLF))
        new = [line for line in block.split(CRLF) if line not in known]
        if len(new) > MAX_NEW:
            return
        for line in new:
            name = line.partition(b":")[0]
            mark = b"\r\n%b:" % name
            if name.lower() not in _LOOKED_AT and b"_" not in name and mark in before and mark not in self._marks:
                # Two spellings of a name could come in either order, which has to stay.
                others = [other for other in self._marks if other.lower() != mark.lower()]
                self._marks = (mark, *others[: MAX_NAMES - 1])
