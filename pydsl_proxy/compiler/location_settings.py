"""What the features of a location come to apart from its steps and filters; equal features share one of it."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.compiler.accel_rate import slowing
from pydsl_proxy.config.features import Feature, last_of, request_rules, response_rules
from pydsl_proxy.features.accel_fields import ignored_fields
from pydsl_proxy.features.headers.fields import FieldRule
from pydsl_proxy.features.headers.interim import passes_interim
from pydsl_proxy.features.retries import DEFAULT_RETRY, Retry, retry_of
from pydsl_proxy.features.rewriting.strip_prefix import StripPrefix
from pydsl_proxy.features.timeouts import timeouts_of
from pydsl_proxy.runtime.site import ALWAYS_DROPPED
from pydsl_proxy.runtime.upstream.accel import AccelHeaders
from pydsl_proxy.runtime.upstream.retry import RetryPolicy
from pydsl_proxy.values.value import as_bytes
from pydsl_proxy.wire.http.field_rules import FieldRules, Rule
from pydsl_proxy.wire.http1.request_writer import RequestWriter


class Terms:
    """What some features come to; nothing of it changes, and nothing of it knows a location."""

    __slots__ = ("passes_interim", "request_rules", "response_rules", "retry", "steering", "stripped", "timeouts")

    def __init__(self, features: tuple[Feature, ...], clock: IReactorTime) -> None:
        self.request_rules = FieldRules(_in_octets(request_rules(features)))
        self.response_rules = FieldRules(_in_octets(response_rules(features)), ALWAYS_DROPPED)
        self.timeouts = timeouts_of(features)
        self.retry = _policy(retry_of(features))
        self.steering = AccelHeaders(ignored_fields(features), slowing(clock))
        self.stripped = last_of(StripPrefix, features)
        self.passes_interim = passes_interim(features)


def _in_octets(rules: tuple[FieldRule, ...]) -> list[Rule]:
    return [(name, shown, as_bytes(value) if callable(value) else value) for name, shown, value in rules]


class TermsTable:
    """The terms of one configuration; those of *previous* are taken over for equal features."""

    def __init__(self, clock: IReactorTime, previous: TermsTable | None = None) -> None:
        self._clock = clock
        self._made: dict[tuple[Feature, ...], Terms] = {}
        self._before = {} if previous is None else previous._made
        self._writers: dict[tuple[Terms, bytes, bytes, bytes], RequestWriter] = {}

    def of(self, features: tuple[Feature, ...]) -> Terms:
        """The terms of *features*."""
        try:
            known = self._made.get(features)
            if known is None:
                known = self._before.get(features) or Terms(features, self._clock)
                self._made[features] = known
        except TypeError:
            # A value of the user's own need not be hashable.
            return Terms(features, self._clock)
        return known

    def writer(self, terms: Terms, host: bytes, upgrade: bytes, added: bytes = b"") -> RequestWriter:
        """What writes the heads of requests; *host* and what follows as :class:`RequestWriter` has them."""
        known = self._writers.get((terms, host, upgrade, added))
        if known is None:
            known = RequestWriter(terms.request_rules, host, upgrade, added)
            self._writers[terms, host, upgrade, added] = known
        return known

    def complete(self) -> None:
        """Forget those of the previous configuration."""
        self._before = {}


def _policy(retry: Retry) -> RetryPolicy:
    if retry is DEFAULT_RETRY:
        # A connection that could not be made, for any request; a broken one, for a request that changes nothing.
        return RetryPolicy(("connect", "error"), safe_only=True)
    return RetryPolicy(retry.on, tries=retry.tries, timeout=retry.timeout, non_idempotent=retry.non_idempotent)
