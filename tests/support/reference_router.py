"""nginx's choices told plainly and slowly, to compare the compiled ones with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from pydsl_proxy.config.matching import Exact, Match, Prefix, Regex, ServerName

T = TypeVar("T")


def choose_location(locations: Sequence[tuple[Match, T]], path: bytes) -> T | None:
    """The location for a normalised path, by the rules of nginx's ``location``."""
    for match, value in locations:
        if isinstance(match, Exact) and path == match.path.encode():
            return value
    prefixes = [
        (match, value)
        for match, value in locations
        if isinstance(match, Prefix) and path.startswith(match.path.encode())
    ]
    # max() keeps the first of equals.
    longest = max(prefixes, key=lambda found: len(found[0].path.encode()), default=None)
    if longest is not None and longest[0].stop:
        return longest[1]
    for match, value in locations:
        if isinstance(match, Regex):
            flags = re.IGNORECASE if match.ignore_case else 0
            if re.search(match.pattern.encode(), path, flags):
                return value
    return longest[1] if longest is not None else None


def choose_conditional(locations: Sequence[tuple[Match, bool | None, T]], path: bytes) -> T | None:
    """The location where some have a condition, that holds or does not; None stands for no condition.

    Of each match one location is left: the first whose condition holds, or the one without; it has the place of the
    first with that match.  Among these nginx's rules decide.
    """
    groups: list[tuple[Match, list[tuple[Match, bool | None, T]]]] = []
    for match, holds, value in locations:
        kind = Prefix(match.path) if isinstance(match, Prefix) else match
        for known, group in groups:
            if known == kind:
                group.append((match, holds, value))
                break
        else:
            groups.append((kind, [(match, holds, value)]))
    left = []
    for _, group in groups:
        chosen = [each for each in group if each[1]] + [each for each in group if each[1] is None]
        left += [(match, value) for match, _, value in chosen[:1]]
    return choose_location(left, path)


def choose_server(servers: Sequence[tuple[Sequence[ServerName], T]], default: T, host: bytes) -> T:
    """The server for a host, by the rules of nginx's ``server_name``."""
    text = host.decode("ascii")
    claims = [(name.text, value) for names, value in servers for name in names or [ServerName("")]]
    for claim, value in claims:
        if isinstance(claim, str) and claim in (text, "." + text):
            return value
    wildcards = [(claim, value) for claim, value in claims if isinstance(claim, str) and _covers(claim, text)]
    for at_start in (True, False):
        of_kind = [(claim, value) for claim, value in wildcards if claim.endswith(".*") is not at_start]
        if of_kind:
            return max(of_kind, key=lambda found: len(found[0].strip("*")))[1]
    for claim, value in claims:
        if isinstance(claim, Regex) and re.search(claim.pattern, text, re.IGNORECASE):
            return value
    return default


def _covers(claim: str, host: str) -> bool:
    if claim.startswith(("*.", ".")):
        return host.endswith(claim.removeprefix("*"))
    return claim.endswith(".*") and host.startswith(claim[:-1])


def normalise_by_states(path: bytes) -> bytes | None:
    """The state machine of nginx's ``ngx_http_parse_complex_uri``, an octet at a time; None for a bad request."""
    out = bytearray()
    state = "usual"
    rest = path
    while rest:
        octet, rest = rest[:1], rest[1:]
        literal = False
        if octet == b"%":
            if not re.match(rb"[0-9A-Fa-f]{2}", rest) or rest[:2] == b"00":
                return None
            octet, rest = bytes([int(rest[:2], 16)]), rest[2:]
            literal = octet in b"%#?"
        if literal or octet not in b"/.":
            out += octet
            state = "usual"
        elif octet == b".":
            out += octet
            state = {"slash": "dot", "dot": "dot dot"}.get(state, "usual")
        elif not _slash(out, state):
            return None
        else:
            state = "slash"
    # The end of the path ends a dot segment as a slash does.
    if state in ("dot", "dot dot") and not _slash(out, state):
        return None
    return bytes(out)


def _slash(out: bytearray, state: str) -> bool:
    """A slash, or the end, after what *state* says; False if it leads above the root."""
    if state == "usual":
        out += b"/"
    elif state == "dot":
        del out[-1:]
    elif state == "dot dot":
        parent = bytes(out[:-3]).rfind(b"/")
        if parent < 0:
            return False
        del out[parent + 1 :]
    return True
