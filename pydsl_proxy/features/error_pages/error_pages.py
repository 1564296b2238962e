"""Pages in the place of errors: nginx's ``error_page``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Literal, TypeAlias

from attrs import field, frozen

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.errors.rate_limited import RateLimited
from pydsl_proxy.features.error_pages.error_responses import PageHead, is_plain, kept_fields, page
from pydsl_proxy.features.error_pages.missed_pages import MissedPages
from pydsl_proxy.features.error_pages.status_override import StatusOverride
from pydsl_proxy.features.pass_through import Passing
from pydsl_proxy.interfaces import AttachedFilter, CompileContext, Exchange, FilterOrder, Sink
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.values.target_template import as_target
from pydsl_proxy.values.value import ValueFunction, as_bytes, code_of, constant, literal_code
from pydsl_proxy.wire.edits.page_request import page_request, unconditional
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.head import ResponseHead

REDIRECTS = (301, 302, 303, 307, 308)

# Answers in the place of a response.
Answer: TypeAlias = Callable[[Exchange, Sink, ResponseHead], None]


@frozen
class ErrorPage:
    """What ``.error_page()`` asks for; ``to`` is a target, ``@name`` or a URL, or there is a ``body``.

    Only what failed here is replaced, unless it is to *intercept* what peers and applications answer.
    """

    nearness: ClassVar[FilterOrder] = FilterOrder.INTERCEPT

    statuses: tuple[int, ...]
    to: ValueFunction | None = field(default=None, kw_only=True)
    body: ValueFunction | None = field(default=None, kw_only=True)
    content_type: str = field(default="text/html; charset=utf-8", kw_only=True)
    status: int | Literal["target"] | None = field(default=None, kw_only=True)
    intercept: bool = field(default=False, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    @property
    def name(self) -> str | None:
        """The ``@name`` of the location that it leads to."""
        text = None if self.to is None else constant(self.to)
        return text if text is not None and text.startswith("@") else None

    @property
    def leads_to(self) -> tuple[str, ...]:
        """The named locations that it leads to."""
        return () if self.name is None else (self.name,)

    def as_verb(self) -> str:
        """The call that made this."""
        given = []
        if self.to is not None:
            given.append(f"to={code_of(self.to) if self.name is None else f'named({self.name[1:]!r})'}")
        if self.body is not None:
            text = constant(self.body)
            given.append(f"body={code_of(self.body) if text is None else literal_code(text)}")
        return call("error_page", map(repr, self.statuses), given, options(self, "content_type", "status", "intercept"))

    def attach(self, place: CompileContext) -> AttachedFilter:
        """A sink that looks at the status; an error within an error page is answered plainly."""
        missed = MissedPages(self, place.kept(self, partial(RateLimited, place.clock.seconds)))
        rule = _Rule(frozenset(self.statuses), self.intercept, self.name is not None, self._answer(missed))

        def attach(exchange: Exchange, sink: Sink) -> Sink | None:
            return None if exchange.lasting else _Watching(exchange, sink, rule)

        return attach

    def _answer(self, missed: MissedPages) -> Answer:
        if self.body is not None:
            return _text(as_bytes(self.body), self.content_type.encode(), self.status)
        assert self.to is not None
        text = constant(self.to)
        if self.name is not None:
            return _named(self.name.encode(), self.status, missed)
        if text is not None and text.startswith("/"):
            return _target(as_target(self.to), self.status, missed)
        inside = _target(as_target(self.to), self.status, missed)
        return _either(inside, _url(as_target(self.to), self.status), self.to)


@frozen
class _Rule:
    """An error page, compiled; *resends* says that the request goes elsewhere with its body."""

    statuses: frozenset[int]
    intercept: bool
    resends: bool
    answer: Answer


class _Watching(Passing):
    """Lets pass what is no error of the kind."""

    __slots__ = ("_exchange", "_rule", "_tried")

    def __init__(self, exchange: Exchange, next: Sink, rule: _Rule) -> None:
        super().__init__(next)
        self._exchange = exchange
        self._rule = rule
        self._tried = False

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Pass the response on, or have it replaced: then its body is not taken any more."""
        exchange, rule = self._exchange, self._rule
        if response.status not in rule.statuses or not self._replaces(response, data, end):
            self.next.start(response, data, end)
            return
        self._tried = True
        if exchange.error is None:
            text = f"a page takes the place of an answer {response.status}"
            exchange.error = ProxyError(Source.PEER, response.status, "error_page", text)
        running, exchange.running = exchange.running, None
        if running is not None:
            running.cancel(exchange.error)
        exchange.go_on(lambda exchange: rule.answer(exchange, self.next, response))

    def _replaces(self, response: ResponseHead, data: bytes, end: bool) -> bool:
        exchange, rule = self._exchange, self._rule
        # The page itself could not be had, and there is no page for that; or it is one already.
        if self._tried or exchange.lasting or isinstance(response, PageHead):
            return False
        if not is_plain(response, data, failed=exchange.error is not None) and not rule.intercept:
            return False
        # The source of the rest must be stopped.
        return (end or exchange.running is not None) and not (rule.resends and not exchange.rewind_body())


def _text(read: Callable[..., bytes], content_type: bytes, status: int | str | None) -> Answer:
    """A body of our own."""

    def answer(exchange: Exchange, sink: Sink, response: ResponseHead) -> None:
        body = read(exchange.request)
        fields = ((b"Content-Type", content_type), *kept_fields(response))
        head = page(status if isinstance(status, int) else response.status, body, fields)
        sink.start(head, b"" if exchange.method == b"HEAD" else body, True)

    return answer


def _url(target: Callable[..., bytes], status: int | str | None) -> Answer:
    """A redirect of the client; nginx: 302, unless it is told another status of a redirect."""
    redirect = status if isinstance(status, int) and status in REDIRECTS else 302

    def answer(exchange: Exchange, sink: Sink, response: ResponseHead) -> None:
        sink.start(page(redirect, b"", ((b"Location", target(exchange.request)),)), b"", True)

    return answer


def _named(name: bytes, status: int | str | None, missed: MissedPages) -> Answer:
    """The request as it is, with its method and body, in another location."""

    def answer(exchange: Exchange, sink: Sink, response: ResponseHead) -> None:
        restating = StatusOverride(exchange, response, status, missed)
        restating.target = name
        if restating.status is not None:
            exchange.fields = unconditional(exchange.fields)
        exchange.lasting = (restating.attach,)
        exchange.redirect(name)

    return answer


def _target(target: Callable[..., bytes], status: int | str | None, missed: MissedPages) -> Answer:
    """A GET for another path, or a HEAD if it was one, without the request's body."""

    def answer(exchange: Exchange, sink: Sink, response: ResponseHead) -> None:
        restating = StatusOverride(exchange, response, status, missed)
        try:
            restating.target = target(exchange.request)
            exchange.lasting = (restating.attach,)
            if exchange.method != b"HEAD":
                exchange.method = b"GET"
            exchange.fields = page_request(exchange.fields)
            exchange.pause_body()
            exchange.has_body = False
            exchange.redirect(restating.target)
        except Malformed as error:
            restating.missed(error.detail)
            raise

    return answer


def _either(inside: Answer, outside: Answer, value: ValueFunction) -> Answer:
    """Where the request decides between a path and a URL."""

    def answer(exchange: Exchange, sink: Sink, response: ResponseHead) -> None:
        (inside if value(exchange.request).startswith("/") else outside)(exchange, sink, response)

    return answer
