"""What the error log was told."""

from __future__ import annotations

from types import TracebackType

from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer


@implementer(ILogObserver)
class LoggedLines(list[str]):
    """A context manager that is a list of the lines that modules below *namespace* log while it lasts."""

    def __init__(self, namespace: str = "pydsl_proxy") -> None:
        super().__init__()
        self._namespace = namespace

    def __enter__(self) -> LoggedLines:
        globalLogPublisher.addObserver(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        globalLogPublisher.removeObserver(self)

    def __call__(self, event: LogEvent) -> None:
        """Keep an event of those modules."""
        if str(event.get("log_namespace", "")).startswith(self._namespace):
            self.append(formatEvent(event))
