"""Which content coding a client is sent: ``Accept-Encoding``, as RFC 9110 (12.5.3) has it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydsl_proxy.wire.http.grammar import TOKEN

# A member of the list, in lower case: a coding or "*", and its weight.
_read_member = re.compile(
    rb"[ \t]*+(" + TOKEN + rb"++)[ \t]*+(?:;[ \t]*+q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*+)?"
).fullmatch
# RFC 9110 8.4.1.3: a recipient should take x-gzip for gzip.
_ALIASES = {b"x-gzip": b"gzip"}
# Browsers send 25 bytes; what is longer than this is no list of codings, and not worth the time to read it.
LONGEST = 1024


def chosen_coding(accepted: bytes | None, available: Sequence[bytes]) -> bytes | None:
    """The one of *available* that the client likes best, of several alike the first; None if there is none.

    A client that sends no such field is sent no coding, though the RFC would allow any: it may be a simple tool.  A
    member that cannot be read is passed over; of a coding named twice the first counts.  What is not named has the
    weight of ``*``, or none.  A client that names ``identity`` and likes it better gets it.
    """
    if accepted is None or len(accepted) > LONGEST:
        return None
    weights: dict[bytes, float] = {}
    for member in accepted.lower().split(b","):
        match = _read_member(member)
        if match is not None:
            name = match[1]
            weights.setdefault(_ALIASES.get(name, name), 1.0 if match[2] is None else float(match[2]))
    others = weights.get(b"*", 0.0)
    best = max(available, key=lambda coding: weights.get(coding, others))
    weight = weights.get(best, others)
    return best if weight and weight >= weights.get(b"identity", 0.0) else None
