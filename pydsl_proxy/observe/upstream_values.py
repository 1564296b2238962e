"""The attempts of an exchange as nginx lists them: in order, joined by a comma and a blank."""

from __future__ import annotations

from collections.abc import Callable

from pydsl_proxy.observe.logged_exchange import LoggedAttempt, LoggedExchange


def _listed(
    of_attempt: Callable[[LoggedAttempt], str], without_peer: Callable[[str, int], str]
) -> Callable[[LoggedExchange], bytes]:
    """One text for each attempt; if no peer could be chosen, what is said of the upstream and the error's status."""

    def read(exchange: LoggedExchange) -> bytes:
        attempt = exchange.attempt
        if attempt is None:
            error = exchange.error
            if error is None or error.upstream is None:
                return b""
            return without_peer(error.upstream, error.status).encode()
        text = of_attempt(attempt)
        while (attempt := attempt.previous) is not None:
            text = f"{of_attempt(attempt)}, {text}"
        return text.encode("utf-8", "surrogateescape")

    return read


#: The peers; or the upstream's name.
addresses = _listed(lambda attempt: attempt.peer.name, lambda upstream, status: upstream)
#: What they answered.
statuses = _listed(lambda attempt: str(attempt.status or "-"), lambda upstream, status: str(status))
#: Seconds that each took.
times = _listed(lambda attempt: f"{attempt.took:.3f}", lambda upstream, status: "0.000")
