"""What a user's function may see of the messages of a WebSocket, and what it may say of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeAlias

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.values.request import Request

# RFC 6455 7.4: what an endpoint may send of its own accord.
_CODES = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013))


@frozen
class WebSocketMessage:
    """A message on its way: *data* is a ``str`` if it is text, ``bytes`` if it is binary."""

    data: str | bytes
    #: Whether the client has sent it, not the peer.
    from_client: bool
    #: The request with which the WebSocket began.
    request: Request = field(repr=False)


@frozen
class close_websocket:  # written as a call, as all of the DSL is
    """What a function for messages returns to end the WebSocket, with a close code (RFC 6455 7.4) for both sides.

    *code* is 1000 to 1013 as registered, or 3000 to 4999; *reason* has at most 123 bytes.
    """

    code: int = 1008
    reason: str = ""

    def __attrs_post_init__(self) -> None:
        if self.code not in _CODES and not 3000 <= self.code <= 4999:
            raise ConfigError(
                f"close_websocket(): {self.code!r} is no code to close with",
                hint="1008 is a violation of a policy; applications have 4000 to 4999",
            )
        if len(self.reason.encode()) > 123:
            raise ConfigError("close_websocket(): the reason has more than 123 bytes", hint="say it in fewer")


Verdict: TypeAlias = "str | bytes | close_websocket | None"
OnMessage: TypeAlias = Callable[[WebSocketMessage], Verdict]
"""Says of a message what is sent on: its ``data``, or other data; None drops it."""


def check_hook(what: str, hook: object) -> None:
    """Raise ConfigError if *hook*, which *what* is, is no function that a message can be given to."""
    if not callable(hook):
        raise ConfigError(f"{what}: {hook!r} is no function", hint="write on_message=check, a function")
    if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(type(hook).__call__):
        raise ConfigError(
            f"{what}: {hook!r} is a coroutine function, and nobody awaits what it returns",
            hint="write it with def, without async; what takes time is for the peer, or for .asgi(…)",
        )
    try:
        inspect.signature(hook).bind(None)
    except TypeError:
        raise ConfigError(
            f"{what}: {hook!r} cannot be called with a message", hint="write a function of one argument, the message"
        ) from None
    except ValueError:
        # Some built-in functions do not tell what they take.
        pass


def said(verdict: Verdict) -> tuple[bytes, bool] | close_websocket | None:
    """*verdict* as what is sent, the octets and whether they are binary.

    Raises TypeError if it is none, and UnicodeEncodeError if it is text that UTF-8 has no octets for.
    """
    if verdict is None or isinstance(verdict, close_websocket):
        return verdict
    if isinstance(verdict, str):
        return verdict.encode(), False
    if isinstance(verdict, bytes):
        return verdict, True
    raise TypeError(f"{verdict!r} is neither str, bytes, close_websocket(…) nor None")
