"""Tasks of applications in a loop that is the reactor's own: none of them ends the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from types import TracebackType
from typing import Any, TypeAlias, cast

from twisted.logger import Logger

log = Logger()

# Whether a task is an application's; those that it makes inherit that.
_is_contained: ContextVar[bool] = ContextVar("pydsl_proxy_contained", default=False)

Work: TypeAlias = Coroutine[Any, Any, Any]
Factory: TypeAlias = Callable[..., "asyncio.Future[Any]"]


def contain(loop: asyncio.AbstractEventLoop) -> None:
    """Have tasks that an application makes in *loop* fail where they would end the process."""
    before: Factory | None = loop.get_task_factory()
    if getattr(before, "contains", False):
        return

    def make(loop: asyncio.AbstractEventLoop, work: Work, **options: object) -> asyncio.Future[Any]:
        context = cast("Context | None", options.get("context"))
        if _is_contained.get() if context is None else context.get(_is_contained, False):
            work = _Contained(work)
        return asyncio.Task(work, loop=loop, **cast(Any, options)) if before is None else before(loop, work, **options)

    make.contains = True  # type: ignore[attr-defined]  # by which it is known again
    loop.set_task_factory(cast("Any", make))


def mark(context: Context) -> Context:
    """*context*, for the tasks of an application."""
    context.run(_is_contained.set, True)
    return context


class _Contained(Coroutine[Any, Any, Any]):
    """A coroutine for whose ``sys.exit()`` asyncio does not end the loop: it is logged, and an error like others."""

    __slots__ = ("_work",)

    def __init__(self, work: Work) -> None:
        self._work = work

    def send(self, value: object) -> object:
        """Go on."""
        try:
            return self._work.send(value)
        except (SystemExit, KeyboardInterrupt) as error:
            raise self._failed() from error

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
    ) -> object:
        """Raise within it."""
        try:
            # With one argument, as asyncio calls it; three are deprecated.
            return self._work.throw(cast("BaseException", kind))
        except (SystemExit, KeyboardInterrupt) as error:
            raise self._failed() from error

    def close(self) -> None:
        """End it."""
        self._work.close()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._work.__await__()

    def __getattr__(self, name: str) -> object:
        # What debuggers and libraries ask of a coroutine: its name and its frame.
        value: object = getattr(self._work, name)
        return value

    def _failed(self) -> RuntimeError:
        text = "an application of asyncio tried to end the process, which others share"
        log.failure("{text}", text=text)
        return RuntimeError(text)
