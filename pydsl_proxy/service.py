"""Embedding: a configuration as a Twisted service."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from random import Random, SystemRandom
from typing import cast

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredLock, gatherResults, maybeDeferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.python.failure import Failure

from pydsl_proxy.compiler.lifecycles import start_all, stop_all
from pydsl_proxy.compiler.listeners import InForce, Wrapper, protocol_factory
from pydsl_proxy.compiler.mistakes import Steps
from pydsl_proxy.compiler.site import CompiledConfig, compile_config, compiling
from pydsl_proxy.compiler.stepping import Stepping, completed
from pydsl_proxy.config.servers import Http, Server, as_http
from pydsl_proxy.config.streams.stream import Stream
from pydsl_proxy.errors import ConfigError, ConfigErrors
from pydsl_proxy.net.data_path import cut_data_path, data_path
from pydsl_proxy.net.loop_lag import LoopLag, has_real_time
from pydsl_proxy.net.proxy_protocol_in import ProxyProtocolFactory
from pydsl_proxy.net.reactors import DataReactor, measured
from pydsl_proxy.net.tls.server import SecureFactory
from pydsl_proxy.net.turns import turns_of
from pydsl_proxy.observe.logged_exchange import LogSink
from pydsl_proxy.observe.open_log import open_log
from pydsl_proxy.runtime.connection_limits import ConnectionLimiter
from pydsl_proxy.runtime.listener import Listener

log = Logger()

#: Linux lowers it to net.core.somaxconn, which is 4096 by default since 5.4; Go takes that number too.  With the 511 of
#: nginx, half of 1,000 clients that connect at once wait a second: their SYN is dropped, and sent again.
BACKLOG = 4096


def opened_log(config: Http, reactor: DataReactor) -> LogSink:
    """The access log that *config* asks for; raises :class:`~pydsl_proxy.errors.ConfigErrors`."""
    try:
        return open_log(config.access_log, reactor)
    except ConfigError as error:
        raise ConfigErrors([error]) from None


class LogInForce:
    """The access log in force, and the one before: exchanges under way still write to the log they began with."""

    def __init__(self, sink: LogSink) -> None:
        self.sink = sink
        self._old: LogSink | None = None

    def change(self, sink: LogSink) -> None:
        """Begin to write to *sink*; the log in force until now closes with the next change."""
        if sink is not self.sink:
            if self._old is not None:
                self._old.close()
            self._old, self.sink = self.sink, sink
            sink.start()

    def reopen(self) -> None:
        """Open its file again, if it has one: it may have been moved away."""
        for sink in (self.sink, self._old):
            reopen = getattr(sink, "reopen", None)
            if callable(reopen):
                reopen()

    def close(self) -> None:
        """Close both."""
        self.sink.close()
        if self._old is not None:
            self._old.close()
            self._old = None


class ProxyService(Service):
    """The running proxy: starts listening with the service, and drains when it is stopped.

    Configuration errors are raised when it is made; an endpoint that cannot be bound fails the start.  *random* is for
    strategies that draw lots; the operating system's by default.  Without *handshakes*, which is for tests, no
    certificate is read, and what comes to a listener with TLS or the PROXY protocol is taken as what stands within.
    """

    def __init__(
        self, config: Http, reactor: DataReactor, *, random: Random | None = None, handshakes: bool = True
    ) -> None:
        self._handshakes = handshakes
        self._outer = reactor
        self._reactor: DataReactor = measured(data_path(reactor))
        self._random = SystemRandom() if random is None else random
        self._log = LogInForce(opened_log(config, self._reactor))
        try:
            self._compiled = completed(self._compiling(config, self._log.sink, None))
        except ConfigErrors:
            self._log.close()
            raise
        self._warn(self._compiled)
        self._listeners: dict[str, Listener] = {}
        self._factories: dict[str, InForce] = {}
        self._limiter = ConnectionLimiter(self._reactor)
        self._ports: dict[str, IListeningPort] = {}
        # Listeners that take no more clients but have some.
        self._leaving: list[Listener] = []
        # Ports are closed and bound one change at a time: an address is free only when its port has stopped.
        self._binding = DeferredLock()
        # Reloads are compiled one after the other.
        self._reloads = DeferredLock()
        self._stepping: Stepping[CompiledConfig] | None = None
        self._stopping = False
        self._loop_lag: LoopLag | None = None

    def _compiling(self, config: Http, sink: LogSink, previous: CompiledConfig | None) -> Steps[CompiledConfig]:
        return compiling(
            config, self._reactor, self._random, log=sink.write, previous=previous, certificates=self._handshakes
        )

    def _warn(self, compiled: CompiledConfig) -> None:
        for warning in compiled.warnings():
            log.warn("{mistake}", mistake=warning)

    @property
    def config(self) -> Http:
        """The configuration in force."""
        return self._compiled.config

    @property
    def addresses(self) -> dict[str, object]:
        """What each endpoint string is bound to, once started: with port 0 the way to learn the port."""
        return {listen: port.getHost() for listen, port in self._ports.items()}

    @property
    def peer_addresses(self) -> tuple[str, ...]:
        """The addresses of all peers of the configuration in force, the first one first."""
        return tuple(peer.address for upstream in self._compiled.upstreams.living for peer in upstream.peers)

    def startService(self) -> Deferred[None]:
        """Listen; the Deferred fires when every endpoint is bound, or fails with why one cannot be.

        Applications that want to start before they are asked do so first, and may fail it too.
        """
        super().startService()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        self._stopping = False
        self._log.sink.start()
        self._compiled.start(self._reactor)
        self._watch_loop()
        return self._binding.run(self._start)

    def _watch_loop(self) -> None:
        """Log what holds up the event loop, as the configuration in force has it."""
        if self._loop_lag is not None:
            self._loop_lag.stop()
            self._loop_lag = None
        threshold = self.config.loop_lag if self.running else None
        if threshold is not None and has_real_time(self._outer):
            self._loop_lag = LoopLag(self._outer, threshold)
            self._loop_lag.start()

    def _start(self) -> Deferred[None]:
        return start_all(self._compiled.kept.living()).addCallback(lambda _: self._listen())

    def _listen(self) -> Deferred[None]:
        """Bind the endpoints of the configuration in force that are not bound yet, unless the service has stopped."""
        listening = []
        for listen, site in self._compiled.all_sites.items() if self.running else ():
            if listen not in self._listeners:
                listener = self._listeners[listen] = Listener(
                    site, self._compiled.schemes[listen], self._reactor, self._limiter
                )
                self._factories[listen] = InForce(self._factory(listen, listener))
                bound = maybeDeferred(self._bind, listen, listener)
                listening.append(
                    bound.addCallbacks(self._bound, self._not_bound, (listen, listener), {}, (listen, listener))
                )
        return gatherResults(listening, consumeErrors=True).addCallbacks(lambda _: None, _plain)

    def _bind(self, listen: str, listener: Listener) -> Deferred[IListeningPort]:
        try:
            endpoint = serverFromString(self._reactor, with_backlog(listen))
        except Exception as error:
            # Some kinds of endpoints open files, or take over descriptors, and not all say what is missing.
            raise self._no_endpoint(listen, error) from error
        bound: Deferred[IListeningPort] = endpoint.listen(self._factories[listen])
        return bound

    def _no_endpoint(self, listen: str, error: Exception) -> ConfigError:
        every: tuple[Server | Stream, ...] = (*self.config.servers, *self.config.streams)
        origin = next(each.origin for each in every if listen in each.listen)
        if listen.startswith("systemd:") and isinstance(error, LookupError):
            text = f"{listen!r}: systemd has handed on no such socket"
            return ConfigError(
                text, origin=origin, hint="start it by a .socket unit, whose FileDescriptorName= is the name"
            )
        return ConfigError(f"{listen!r}: {type(error).__name__}: {error}", origin=origin)

    def _factory(self, listen: str, listener: Listener) -> IProtocolFactory:
        """What makes the protocols of clients that connect there, as the configuration in force has it."""
        wrappers: list[Wrapper] = []
        contexts = self._compiled.contexts.get(listen)
        if contexts is not None:
            wrappers.append(lambda inner: SecureFactory(contexts, inner, self._reactor))
        senders = self._compiled.senders.get(listen)
        if senders is not None and self._handshakes:
            wrappers.append(lambda inner: ProxyProtocolFactory(inner, listener, senders))
        return protocol_factory(listener, wrappers, by_preface=self._compiled.prefaces.get(listen))

    def _bound(self, port: IListeningPort, listen: str, listener: Listener) -> Deferred[None] | None:
        if self._listeners.get(listen) is not listener:  # it was given up meanwhile
            return _stop_port(port)
        self._ports[listen] = port
        log.info("listening on {listen}", listen=listen)
        return None

    def _not_bound(self, failure: Failure, listen: str, listener: Listener) -> Failure:
        """Forget the endpoint, so that the next reload tries it again."""
        if self._listeners.get(listen) is listener:
            del self._listeners[listen]
        return failure

    def reload(self, config: Http | Server | Stream) -> Deferred[None]:
        """Put *config* in force; a bad one raises :class:`~pydsl_proxy.errors.ConfigErrors` and changes nothing.

        Exchanges under way end on the site they began with.  Equal upstreams keep their connections and health.  A
        large configuration is compiled in many turns of the loop, with traffic between them, and put in force as a
        whole at the end; its mistakes are what the Deferred fails with.  A reload that is asked for meanwhile follows.

        The Deferred fires when what is new is bound and has started, or fails with why an endpoint cannot be bound or
        an application cannot start: all else is in force then, and the next reload tries it again.  If the service is
        stopped before the configuration is in force, nothing is changed.
        """
        # What binding comes to is in a tuple: the next reload waits for the configuration to be in force alone.
        reloading: Deferred[object] = self._reloads.run(self._compile_anew, as_http(config)).addCallback(itemgetter(0))
        result = getattr(reloading, "result", None)
        if isinstance(result, Failure) and isinstance(result.value, ConfigErrors):
            reloading.addErrback(lambda _: None)
            try:
                raise result.value.with_traceback(None)
            finally:
                # The traceback has this frame: a name for the failure would make a cycle.
                del result
        return cast("Deferred[None]", reloading)

    def _compile_anew(self, config: Http) -> Deferred[tuple[Deferred[None]]]:
        if self._stopping:
            return succeed((self._not_reloaded(),))
        previous = self._compiled
        changed = config.access_log != previous.config.access_log
        sink = opened_log(config, self._reactor) if changed else self._log.sink
        steps = self._compiling(config, sink, previous)
        stepping = self._stepping = Stepping(steps, turns_of(self._outer).later)

        def in_force(compiled: CompiledConfig) -> tuple[Deferred[None]]:
            return (self._put_in_force(compiled, sink),)

        def failed(failure: Failure) -> Failure | tuple[Deferred[None]]:
            if changed:
                sink.close()
            # Not raised again: the traceback would have this frame, and keep what was compiled.
            return (self._not_reloaded(),) if failure.check(CancelledError) else failure

        reloaded = stepping.done.addCallbacks(in_force, failed)
        stepping.begin()
        return reloaded

    def _not_reloaded(self) -> Deferred[None]:
        log.info("the proxy is stopping: the configuration is not reloaded")
        return succeed(None)

    def _put_in_force(self, compiled: CompiledConfig, sink: LogSink) -> Deferred[None]:
        previous, config = self._compiled, compiled.config
        self._warn(compiled)
        self._compiled = compiled
        self._log.change(sink)
        previous.stop()
        if self.running:
            compiled.start(self._reactor)
            if config.loop_lag != previous.config.loop_lag:
                self._watch_loop()
        for listen, site in compiled.all_sites.items():
            if listen in self._listeners:
                listener = self._listeners[listen]
                if not listener.takes(site):
                    self._leave(listener)
                    listener = self._listeners[listen] = Listener(site, "", self._reactor, self._limiter)
                listener.site, listener.scheme = site, compiled.schemes[listen]
                self._factories[listen].put(self._factory(listen, listener))
        previous.upstreams.close_what_is_not_in(compiled.upstreams)
        started = start_all(compiled.kept.living() if self.running else ())
        stop_all(compiled.kept.let_go(), config.shutdown_grace)
        both = gatherResults([self._binding.run(self._rebind), started], consumeErrors=True)
        return both.addCallbacks(lambda _: None, _plain)

    def _rebind(self) -> Deferred[None]:
        """Close the endpoints that the configuration in force does not have, and after that bind its new ones."""
        closing = [self._close(listen) for listen in tuple(self._listeners) if listen not in self._compiled.all_sites]
        closed = gatherResults(closing, consumeErrors=True)
        return closed.addCallbacks(lambda _: self._listen(), _plain)

    def _close(self, listen: str) -> Deferred[None]:
        """Stop listening there; its clients are asked to leave when they are done."""
        self._leave(self._listeners.pop(listen))
        self._factories.pop(listen, None)
        port = self._ports.pop(listen, None)
        return succeed(None) if port is None else _stop_port(port)

    def _leave(self, listener: Listener) -> None:
        self._leaving.append(listener)
        listener.drain(partial(self._leaving.remove, listener))

    def stopService(self) -> Deferred[None]:
        """Accept no more, let exchanges end for ``shutdown_grace`` seconds, then close what is left."""
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted's is not annotated
        self._stopping = True
        if self._stepping is not None:
            self._stepping.cancel()
        self._compiled.stop()
        self._watch_loop()
        closed = [self._close(listen) for listen in tuple(self._listeners)]
        everything = gatherResults([*map(_drained, tuple(self._leaving)), *closed], consumeErrors=True)
        grace = self._reactor.callLater(self.config.shutdown_grace, self.abort)
        until = self._reactor.seconds() + self.config.shutdown_grace

        def finished(_: object) -> Deferred[None]:
            if grace.active():
                grace.cancel()
            self._compiled.upstreams.close()
            self._log.close()
            cut_data_path(self._reactor)
            return stop_all(self._compiled.kept.living(), until - self._reactor.seconds())

        return everything.addBoth(finished)

    def abort(self) -> None:
        """Let nobody wait any longer: what was not answered is answered with 503, all else is cut off."""
        for listener in (*self._listeners.values(), *self._leaving):
            listener.shut_down()


def with_backlog(listen: str) -> str:
    """An endpoint string that says how many clients may wait to be accepted; Twisted has 50 by default."""
    kind, *arguments = listen.split(":")
    given = any(each.startswith("backlog=") for each in arguments)
    return listen if given or kind not in ("tcp", "ssl", "unix") else f"{listen}:backlog={BACKLOG}"


def _drained(listener: Listener) -> Deferred[None]:
    done: Deferred[None] = Deferred()
    listener.drain(partial(done.callback, None))
    return done


def _stop_port(port: IListeningPort) -> Deferred[None]:
    stopping = port.stopListening()
    return succeed(None) if stopping is None else stopping


def _plain(failure: Failure) -> Failure:
    """What failed, without the list in which it was waited for."""
    return cast(Failure, getattr(failure.value, "subFailure", failure))


def build(config: Http | Server | Stream, reactor: DataReactor) -> ProxyService:
    """The service that runs *config* on *reactor*; raises :class:`~pydsl_proxy.errors.ConfigErrors`.

    Attach it to an application with ``setServiceParent``, or call ``startService`` and ``stopService`` yourself.
    """
    return ProxyService(as_http(config), reactor)


def mistakes(config: Http) -> tuple[ConfigError, ...]:
    """All that is wrong with *config*, and with the files that it names."""
    try:
        verify(config)
    except ConfigErrors as errors:
        return errors.errors
    return ()


def verify(config: Http | Server | Stream) -> list[ConfigError]:
    """Compile *config*, and open nothing but certificates; the warnings, or raises ``ConfigErrors``."""
    config = as_http(config)
    compiled = compile_config(config, cast(DataReactor, Clock()), SystemRandom())
    return compiled.warnings()
