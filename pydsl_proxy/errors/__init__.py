"""What can go wrong: errors in a configuration, told to its author, and errors of one exchange."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

from pydsl_proxy.origin import Origin, here

# A generated file may have one mistake ten thousand times; each excerpt is read and parsed anew.
MAX_RENDERED: Final = 100


class ConfigError(Exception):
    """A mistake in the configuration: what is wrong, where, and what to write instead.

    *origin* is by default the line of the user's code that is running now.  *hint* is a text that can be pasted.
    A *warning* does not stop the configuration from being used.
    """

    def __init__(
        self, message: str, *, origin: Origin | None = None, hint: str | None = None, warning: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.origin = here() if origin is None else origin
        self.hint = hint
        self.warning = warning

    def render(self) -> str:
        """The message with its place, the source line, carets under the expression, and the hint."""
        kind = "warning: " if self.warning else ""
        lines = [f"{self.origin}: {kind}{self.message}" if self.origin.file else kind + self.message]
        excerpt = self.origin.excerpt()
        if excerpt:
            lines.append(excerpt)
        if self.hint is not None:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.render()


class ConfigErrors(Exception):
    """All the mistakes that were found in one configuration, in the order of the file."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(errors)
        super().__init__(*self.errors)

    def render(self) -> str:
        """Each error as it renders itself, an empty line between them; of very many the first ones."""
        texts = [error.render() for error in self.errors[:MAX_RENDERED]]
        if len(self.errors) > MAX_RENDERED:
            texts.append(f"and {len(self.errors) - MAX_RENDERED} more")
        return "\n\n".join(texts)

    def __str__(self) -> str:
        return self.render()


class Source(enum.Enum):
    """Whose fault an error of an exchange is; it decides between 4xx, 502/504 and 500."""

    CLIENT = "client"
    PEER = "peer"
    US = "us"


class ProxyError(Exception):
    """Why an exchange, or one attempt of it, failed.

    *status* is what the client is answered if nothing better is at hand, *cause* a short word for the access log
    (``connect_refused``, ``read_timeout`` …), *message* a sentence for the error log.  A *retryable* error happened
    before the peer can have acted on the request.  *upstream* names the group in which no peer could be chosen.
    """

    __slots__ = ("cause", "message", "retryable", "source", "status", "upstream")

    def __init__(
        self,
        source: Source,
        status: int,
        cause: str,
        message: str,
        *,
        retryable: bool = False,
        upstream: str | None = None,
    ) -> None:
        super().__init__(message)
        self.source = source
        self.status = status
        self.cause = cause
        self.message = message
        self.retryable = retryable
        self.upstream = upstream

    def __repr__(self) -> str:
        again = ", retryable=True" if self.retryable else ""
        return f"ProxyError({self.source}, {self.status}, {self.cause!r}, {self.message!r}{again})"
