"""Fields of peers' responses by which the proxy is not to be steered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call

STEERING: Final = (
    "X-Accel-Redirect",
    "X-Accel-Limit-Rate",
    "X-Accel-Buffering",
    "X-Accel-Expires",
    "X-Accel-Charset",
)


@frozen
class IgnoreFields:
    """What ``.ignore_response_header()`` asks for; the names as nginx writes them."""

    names: tuple[str, ...]
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return call("ignore_response_header", map(repr, self.names))


def ignore(names: Iterable[str]) -> IgnoreFields:
    """The feature for *names*, in whatever case."""
    known = {name.lower(): name for name in STEERING}
    found = []
    for name in names:
        if not isinstance(name, str) or name.lower() not in known:
            hint = f"one of {', '.join(STEERING)}; .hide_response_header() keeps a field from clients"
            raise ConfigError(f"ignore_response_header(): no response field {name!r} steers the proxy", hint=hint)
        found.append(known[name.lower()])
    if not found:
        hint = 'write .ignore_response_header("X-Accel-Redirect")'
        raise ConfigError("ignore_response_header(): which field is to be ignored?", hint=hint)
    return IgnoreFields(tuple(found))


def ignored_fields(features: Iterable[object]) -> frozenset[bytes]:
    """The lower-case names that *features* ask to ignore, all of them together."""
    return frozenset(
        name.lower().encode() for feature in features if isinstance(feature, IgnoreFields) for name in feature.names
    )
