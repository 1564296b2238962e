"""Embedding: a configuration as a Twisted service."""

from __future__ import annotations

from random import Random, SystemRandom
from typing import cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.python.failure import Failure

from pydsl_proxy.compiler.site import Compiled, compile_config
from pydsl_proxy.config.checks import check
from pydsl_proxy.config.sites import Http, Server, as_http
from pydsl_proxy.errors import ConfigError, ConfigErrors
from pydsl_proxy.frontends.h1 import H1Factory
from pydsl_proxy.observe.logged import LogSink
from pydsl_proxy.observe.opening import open_log
from pydsl_proxy.runtime.listener import Listener
from pydsl_proxy.runtime.reactors import DataReactor
from pydsl_proxy.runtime.transport import cut_data_path, data_path

log = Logger()


class ProxyService(Service):
    """The running proxy: starts listening with the service, and drains when it is stopped.

    Configuration errors are raised when it is made; an endpoint that cannot be bound fails the start.  *random* is for
    strategies that draw lots; the operating system's unless told.
    """

    def __init__(self, config: Http, reactor: DataReactor, *, random: Random | None = None) -> None:
        self._outer = reactor
        self._reactor: DataReactor = data_path(reactor)
        self._random = SystemRandom() if random is None else random
        self._log = self._open_log(config)
        self._old_log: LogSink | None = None
        try:
            self._compiled = self._compile(config, self._log, None)
        except ConfigErrors:
            self._log.close()
            raise
        self._listeners: dict[str, Listener] = {}
        self._ports: dict[str, IListeningPort] = {}

    def _open_log(self, config: Http) -> LogSink:
        try:
            return open_log(config.access_log, self._outer)
        except ConfigError as error:
            raise ConfigErrors([error]) from None

    def _compile(self, config: Http, sink: LogSink, previous: Compiled | None) -> Compiled:
        compiled = compile_config(config, self._reactor, self._random, log=sink.write, previous=previous)
        for warning in check(config):
            if warning.warning:
                log.warn("{mistake}", mistake=warning)
        return compiled

    @property
    def config(self) -> Http:
        """The configuration in force."""
        return self._compiled.config

    @property
    def addresses(self) -> dict[str, object]:
        """What each endpoint string is bound to, once started: with port 0 the way to learn the port."""
        return {listen: port.getHost() for listen, port in self._ports.items()}

    def startService(self) -> Deferred[None]:
        """Listen; the Deferred fires when every endpoint is bound, or fails with why one cannot be."""
        super().startService()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        self._log.start()
        return self._listen(self._compiled)

    def _listen(self, compiled: Compiled) -> Deferred[None]:
        listening = []
        for listen, site in compiled.sites.items():
            if listen in self._listeners:
                continue
            listener = self._listeners[listen] = Listener(site, "http", self._reactor)
            endpoint = serverFromString(self._reactor, listen)
            listening.append(endpoint.listen(H1Factory(listener)).addCallback(self._bound, listen))
        return gatherResults(listening, consumeErrors=True).addCallbacks(lambda _: None, self._not_bound)

    def _bound(self, port: IListeningPort, listen: str) -> None:
        self._ports[listen] = port
        log.info("listening on {listen}", listen=listen)

    def _not_bound(self, failure: Failure) -> Failure:
        """One endpoint that cannot be bound is told, not gathered."""
        cause = failure.value
        return cast(Failure, getattr(cause, "subFailure", failure))

    def reload(self, config: Http | Server) -> Deferred[None]:
        """Put *config* in force; a bad one raises :class:`~pydsl_proxy.errors.ConfigErrors` and changes nothing.

        Exchanges under way end on the site they began with.  Equal upstreams keep their connections and health.
        """
        config = as_http(config)
        previous = self._compiled
        sink = self._log if config.access_log == previous.config.access_log else self._open_log(config)
        try:
            compiled = self._compile(config, sink, previous)
        except ConfigErrors:
            if sink is not self._log:
                sink.close()
            raise
        self._compiled = compiled
        self._change_log(sink)
        for listen, site in compiled.sites.items():
            if listen in self._listeners:
                self._listeners[listen].site = site
        closing = [self._close(listen) for listen in tuple(self._listeners) if listen not in compiled.sites]
        previous.upstreams.close_what_is_not_in(compiled.upstreams)
        return gatherResults([self._listen(compiled), *closing], consumeErrors=True).addCallback(lambda _: None)

    def _change_log(self, sink: LogSink) -> None:
        """Exchanges under way still write to the log that they began with: it closes with the next change."""
        if sink is not self._log:
            if self._old_log is not None:
                self._old_log.close()
            self._old_log, self._log = self._log, sink
            sink.start()

    def _close(self, listen: str) -> Deferred[None]:
        """Stop listening there; its clients are asked to leave when they are done."""
        listener = self._listeners.pop(listen)
        port = self._ports.pop(listen, None)
        listener.drain(lambda: None)
        stopped: Deferred[None] = Deferred()
        if port is None:
            stopped.callback(None)
            return stopped
        done = port.stopListening()
        return done if isinstance(done, Deferred) else gatherResults([]).addCallback(lambda _: None)

    def stopService(self) -> Deferred[None]:
        """Accept no more, let exchanges end for ``shutdown_grace`` seconds, then close what is left."""
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        drained = [self._drained(listener) for listener in self._listeners.values()]
        closed = [self._close_port(port) for port in self._ports.values()]
        self._ports.clear()
        everything = gatherResults([*drained, *closed], consumeErrors=True)
        grace = self._outer.callLater(self.config.shutdown_grace, self.abort)

        def finished(_: object) -> None:
            if grace.active():
                grace.cancel()
            self._compiled.upstreams.close()
            for sink in (self._log, self._old_log):
                if sink is not None:
                    sink.close()
            cut_data_path(self._reactor)

        return everything.addBoth(finished)

    def _drained(self, listener: Listener) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        listener.drain(lambda: done.callback(None))
        return done

    def _close_port(self, port: IListeningPort) -> Deferred[None]:
        done = port.stopListening()
        return done if isinstance(done, Deferred) else gatherResults([]).addCallback(lambda _: None)

    def abort(self) -> None:
        """Close every client's connection now, whatever is under way."""
        for listener in self._listeners.values():
            listener.abort()


def build(config: Http | Server, reactor: DataReactor) -> ProxyService:
    """The service that runs *config* on *reactor*; raises :class:`~pydsl_proxy.errors.ConfigErrors`.

    Attach it to an application with ``setServiceParent``, or call ``startService`` and ``stopService`` yourself.
    """
    return ProxyService(as_http(config), reactor)


def verify(config: Http | Server) -> list[ConfigError]:
    """Compile *config* without opening anything; the warnings, or :class:`~pydsl_proxy.errors.ConfigErrors`."""
    config = as_http(config)
    compile_config(config, cast(DataReactor, Clock()), SystemRandom())
    return [error for error in check(config) if error.warning]
