"""What a scope may ask for beside its handler, and how scopes within scopes add up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self

import attrs
from attrs import field, frozen

from pydsl_proxy.config.fields import Side, remove_field, rules_of, set_field
from pydsl_proxy.config.numbers import size as checked_size
from pydsl_proxy.config.retries import Retry, RetryCondition, retry, retry_of
from pydsl_proxy.config.timeouts import Timeouts, set_timeouts, timeouts_of
from pydsl_proxy.interfaces import Step
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.steps.limit_body import LimitBody
from pydsl_proxy.wire.field_rules import Rule
from pydsl_proxy.wire.values import ValueSource

__all__ = [
    "Feature",
    "Retry",
    "RetryCondition",
    "Scope",
    "Timeouts",
    "merged",
    "request_rules",
    "response_rules",
    "retry_of",
    "steps_of",
    "timeouts_of",
]


class Feature(Protocol):
    """One thing that a scope asks for: a frozen value that remembers its line."""

    @property
    def origin(self) -> Origin:
        """The call that made this."""

    def as_verb(self) -> str:
        """That call as code, without the dot."""


@frozen(kw_only=True)
class Scope:
    """What has features: ``http(...)``, a server, or a location.

    They hold for all that the scope contains, wherever in the chain they are written.  Inner scopes add to outer ones,
    and win over them where both speak of the same thing: one header name, one timeout, the retries, the body's limit.
    """

    features: tuple[Feature, ...] = ()
    origin: Origin = field(eq=False, repr=False, factory=here)

    def _with(self, feature: Feature) -> Self:
        return attrs.evolve(self, features=(*self.features, feature))

    def _verbs(self) -> str:
        return "".join(f".{feature.as_verb()}" for feature in self.features)

    def set_request_header(self, name: str, value: ValueSource) -> Self:
        """Send peers the field *name* with *value*, in place of the client's fields of that name.

        *value* is a text, a value such as ``host``, an f-string of them, or a function of the request; a field whose
        value comes out empty is not sent.  nginx's ``proxy_set_header``.
        """
        return self._with(set_field(Side.REQUEST, name, value))

    def remove_request_header(self, name: str) -> Self:
        """Send peers no field *name*, neither the client's nor one set further out."""
        return self._with(remove_field(Side.REQUEST, name))

    def set_response_header(self, name: str, value: ValueSource) -> Self:
        """Send clients the field *name* with *value*, in place of the peer's fields of that name.

        nginx's ``add_header … always``, but it replaces, and an inner scope does not lose what outer ones set.
        """
        return self._with(set_field(Side.RESPONSE, name, value))

    def hide_response_header(self, name: str) -> Self:
        """Send clients no field *name*, neither the peer's nor one set further out.  nginx's ``proxy_hide_header``."""
        return self._with(remove_field(Side.RESPONSE, name))

    def timeouts(self, *, connect: float | None = None, send: float | None = None, read: float | None = None) -> Self:
        """Wait so many seconds for a peer: to be connected (5 unless told), between writes and between reads (60).

        Each is inherited by itself.
        """
        return self._with(set_timeouts(connect=connect, send=send, read=read))

    def retry(
        self,
        tries: int | None = None,
        *,
        on: Iterable[RetryCondition] = ("error", "timeout"),
        timeout: float | None = None,
        non_idempotent: bool = False,
    ) -> Self:
        """Try a request again at the next peer: *tries* in all, or each peer once, for *timeout* seconds at most.

        *on* lists what counts as a failure: ``"connect"``, ``"error"``, ``"timeout"``, ``"invalid_header"``, or a
        status of 403, 404, 429, 500, 502, 503 or 504.  A POST, LOCK or PATCH that was sent is repeated only if
        *non_idempotent*.  Without this verb a connection that could not be made is tried elsewhere, whatever the
        request, and one that broke before the answer for GET, HEAD and OPTIONS, which ask for no change.
        """
        return self._with(retry(tries, on=on, timeout=timeout, non_idempotent=non_idempotent))

    def limit_body(self, size: int | None) -> Self:
        """Refuse request bodies of more than *size* bytes, as ``8 * MiB``, with 413; None lifts an outer limit."""
        return self._with(LimitBody(None if size is None else checked_size("limit_body(size)", size)))


def merged(*scopes: Scope) -> tuple[Feature, ...]:
    """The features of *scopes*, from the outermost to the innermost."""
    return tuple(feature for scope in scopes for feature in scope.features)


def request_rules(features: Iterable[Feature]) -> tuple[Rule, ...]:
    """What happens to the header fields of requests; see :func:`~pydsl_proxy.config.fields.rules_of`."""
    return rules_of(features, Side.REQUEST)


def response_rules(features: Iterable[Feature]) -> tuple[Rule, ...]:
    """What happens to the header fields of responses; see :func:`~pydsl_proxy.config.fields.rules_of`."""
    return rules_of(features, Side.RESPONSE)


def steps_of(features: Iterable[Feature]) -> tuple[Step, ...]:
    """The steps that *features* come to, the first to run first: the innermost limit of the body."""
    limit = None
    for feature in features:
        if isinstance(feature, LimitBody):
            limit = feature
    return () if limit is None or limit.size is None else (limit,)
