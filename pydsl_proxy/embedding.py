"""Embedding: a configuration as a resource of twisted.web."""

from __future__ import annotations

from random import SystemRandom
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from pydsl_proxy.compiler.lifecycles import start_all, stop_all
from pydsl_proxy.compiler.site import CompiledConfig, compile_config
from pydsl_proxy.config.listening import endpoint
from pydsl_proxy.config.servers import Http, Server, as_http
from pydsl_proxy.errors import ConfigError, ConfigErrors
from pydsl_proxy.frontends.web import WebFrontend
from pydsl_proxy.net.reactors import DataReactor, measured
from pydsl_proxy.observe.logged_exchange import LogSink
from pydsl_proxy.service import LogInForce, opened_log

log = Logger()


class ProxyResource(Resource):
    """A whole proxy as a leaf of a tree of resources; made by :func:`as_resource`."""

    isLeaf = True

    def __init__(self, config: Http, reactor: DataReactor, listen: str | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        reactor = self._reactor = measured(reactor)
        self._listen = listen
        self._random = SystemRandom()
        _check(config, listen)
        self._log = LogInForce(opened_log(config, reactor))
        try:
            self._compiled = self._compile(config, self._log.sink, None)
        except ConfigErrors:
            self._log.close()
            raise
        self._log.sink.start()
        self._start()

    def _start(self) -> None:
        """Requests for an application that has not started yet wait for it."""
        start_all(self._compiled.kept.living()).addErrback(lambda failure: log.failure("cannot start", failure))

    def _compile(self, config: Http, sink: LogSink, previous: CompiledConfig | None) -> CompiledConfig:
        return compile_config(
            config, self._reactor, self._random, log=sink.write, previous=previous, certificates=False
        )

    @property
    def config(self) -> Http:
        """The configuration in force."""
        return self._compiled.config

    def render(self, request: Request) -> int:
        """Answer any method."""
        sites = self._compiled.sites
        site = sites[self._listen] if self._listen is not None else next(iter(sites.values()))
        WebFrontend(site, cast("IReactorTime", self._reactor), request).begin()
        return NOT_DONE_YET

    def reload(self, config: Http | Server) -> None:
        """Put *config* in force; a bad one raises :class:`~pydsl_proxy.errors.ConfigErrors` and changes nothing.

        Exchanges under way end on the site they began with.  Equal upstreams keep their connections and health.
        It compiles *config* before it returns, where :class:`~pydsl_proxy.service.ProxyService` does so in turns of the
        loop.
        """
        config = as_http(config)
        _check(config, self._listen)
        previous = self._compiled
        changed = config.access_log != previous.config.access_log
        sink = opened_log(config, self._reactor) if changed else self._log.sink
        try:
            self._compiled = self._compile(config, sink, previous)
        except ConfigErrors:
            if changed:
                sink.close()
            raise
        self._log.change(sink)
        previous.upstreams.close_what_is_not_in(self._compiled.upstreams)
        self._start()
        stop_all(self._compiled.kept.let_go(), config.shutdown_grace)

    def close(self) -> Deferred[None]:
        """Close idle connections to peers, the log, and what applications live in; for when the Site is no more.

        The Deferred fires when applications have ended, or ``shutdown_grace`` is over.
        """
        self._compiled.upstreams.close()
        self._log.close()
        return stop_all(self._compiled.kept.living(), self.config.shutdown_grace)


def as_resource(
    config: Http | Server, reactor: DataReactor | None = None, *, listen: int | str | None = None
) -> ProxyResource:
    """A resource that answers as *config* says: put it into any Site, as its root or below.

    Nothing is bound: of several endpoints, *listen* says whose servers answer.  Locations see the whole path of a
    request, wherever the resource stands.  *reactor* is by default Twisted's.  Give the Site
    ``parsePOSTFormSubmission=False``: otherwise it reads forms into memory before the proxy gets them.  Raises
    :class:`~pydsl_proxy.errors.ConfigErrors`.
    """
    if reactor is None:
        from twisted.internet import reactor as installed

        reactor = cast("DataReactor", installed)
    return ProxyResource(as_http(config), reactor, None if listen is None else endpoint(listen))


def _check(config: Http, listen: str | None) -> None:
    """Raise ConfigError unless *listen*, or its absence, leaves one endpoint of *config*."""
    if not config.servers:
        text = "as_resource(): there is no server, and no stream can stand in a Site"
        raise ConfigError(text, hint='write server(8080).location("/").proxy_to(…)')
    endpoints = list(dict.fromkeys(each for server in config.servers for each in server.listen))
    if listen is None and len(endpoints) > 1:
        raise ConfigError(
            f"as_resource(): the servers listen at {len(endpoints)} places, a resource stands for one of them",
            hint=f"write as_resource(…, listen={endpoints[0]!r})",
        )
    if listen is not None and listen not in endpoints:
        raise ConfigError(
            f"as_resource(listen={listen!r}): no server listens there", hint=f"write listen={endpoints[0]!r}"
        )
