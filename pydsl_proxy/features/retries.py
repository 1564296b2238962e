"""When a request is tried again at another peer."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias, get_args

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.lists import listed
from pydsl_proxy.errors.numbers import count, seconds
from pydsl_proxy.origin import NO_ORIGIN, Origin, here
from pydsl_proxy.origin.spelling import call, options

#: ``connect``: no connection could be made; ``error``: that, or it broke before the response head was complete;
#: ``timeout``: of any of the three times; ``invalid_header``: the response head could not be read; a number: the peer
#: answered with this status.  They are those of nginx's ``proxy_next_upstream``, and ``connect``, which is new.
RetryCondition: TypeAlias = Literal["connect", "error", "timeout", "invalid_header", 403, 404, 429, 500, 502, 503, 504]
_CONDITIONS: Final[tuple[str | int, ...]] = get_args(RetryCondition)


@frozen
class Retry:
    """What ``.retry()`` asks for.

    ``tries`` counts the first one; None is one for each peer.  ``timeout`` is in seconds from the first try, None is
    without end.  Unless ``non_idempotent``, a POST, LOCK or PATCH that a peer may have acted on is not repeated.
    """

    tries: int | None = None
    on: tuple[RetryCondition, ...] = field(default=("error", "timeout"), kw_only=True)
    timeout: float | None = field(default=None, kw_only=True)
    non_idempotent: bool = field(default=False, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        tries = [] if self.tries is None else [repr(self.tries)]
        return call("retry", tries, options(self, "on", "timeout", "non_idempotent"))


#: Where ``.retry()`` is not used: a connection that could not be made, for any request; one that broke before the
#: answer, for a request that changes nothing (RFC 9110 9.2.1), which the compiler knows by this very object.
DEFAULT_RETRY: Final = Retry(on=("connect",), origin=NO_ORIGIN)


def retry(tries: int | None, *, on: Iterable[RetryCondition], timeout: float | None, non_idempotent: bool) -> Retry:
    """The feature of ``.retry()``, its arguments checked."""
    if tries is not None and tries == 0:
        raise ConfigError(
            "retry(0): the first try counts too", hint="write .retry(1) for no retry, .retry() for one try a peer"
        )
    if tries is not None:
        count("retry(tries)", tries, least=1)
    if timeout is not None:
        seconds("retry(timeout=…)", timeout)
    if isinstance(on, str) and on in ("off", "non_idempotent"):
        raise _unknown(on)
    example = f"[{on}]" if on in _CONDITIONS and isinstance(on, int) else '["error", "timeout"]'
    conditions = listed("retry", "on", on, example, _meant)
    for condition in conditions:
        if not isinstance(condition, str | int) or isinstance(condition, bool) or condition not in _CONDITIONS:
            raise _unknown(condition)
    return Retry(tries, on=conditions, timeout=timeout, non_idempotent=bool(non_idempotent))


def retry_of(features: Iterable[object]) -> Retry:
    """The innermost ``.retry()`` of *features*, which stand from the outermost inwards; it replaces outer ones."""
    policy = DEFAULT_RETRY
    for feature in features:
        if isinstance(feature, Retry):
            policy = feature
    return policy


def _meant(word: str) -> str | int:
    """The condition that a *word* is; nginx has statuses as ``http_503``."""
    number = word.removeprefix("http_")
    meant = int(number) if number.isascii() and number.isdecimal() else word
    if meant not in _CONDITIONS:
        raise _unknown(word)
    return meant


def _unknown(condition: object) -> ConfigError:
    known = ", ".join(map(repr, _CONDITIONS))
    hint = f"the conditions are {known}"
    text = str(condition)
    if text.removeprefix("http_").isdecimal() and int(text.removeprefix("http_")) in _CONDITIONS:
        hint = f"write {text.removeprefix('http_')}"
    elif text == "off":
        hint = "write .retry(1) for no retry"
    elif text == "non_idempotent":
        hint = "write non_idempotent=True beside on=…"
    elif near := difflib.get_close_matches(text, [word for word in _CONDITIONS if isinstance(word, str)], 1):
        hint = f"write {near[0]!r}"
    return ConfigError(f"retry(on=…): {condition!r} is not a condition", hint=hint)
