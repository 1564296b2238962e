"""What an ASGI application is, as types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TypeAlias

Receive: TypeAlias = Callable[[], Awaitable[dict[str, object]]]
Send: TypeAlias = Callable[[MutableMapping[str, object]], Awaitable[None]]
Application: TypeAlias = Callable[[dict[str, object], Receive, Send], Awaitable[None]]
