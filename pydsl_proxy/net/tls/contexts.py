"""The TLS of a listener: what a client is shown in its handshake, and that renewed files are taken up."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime

from OpenSSL.SSL import Connection, Context
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from pydsl_proxy.errors import ConfigError, ConfigErrors
from pydsl_proxy.net.reactors import Clock
from pydsl_proxy.net.tls.key_pairs import BadFile
from pydsl_proxy.net.tls.openssl_contexts import Alpn, Terms, make_context
from pydsl_proxy.net.tls.server_files import Secure, ServerFiles
from pydsl_proxy.net.tls.sni import ShownCertificates

log = Logger()

# Seconds after which contexts are made anew in any case: the keys of their tickets are theirs, and must not live for
# as long as the process, since with them an attacker reads what was sent with TLS 1.2.
TICKETS_LIVE = 12 * 3600.0


class Contexts:
    """The contexts of a listener's servers; ``current`` is for the connections that are made now.

    *choose* tells the place among *servers* of the one that is called by a name, -1 if none is.  Files are read when
    this is made, which raises :class:`~pydsl_proxy.errors.ConfigErrors`, and looked at every *reload_every* seconds
    once it was started; a handshake only looks into tables.  With *rejects* a handshake for a name that no server has,
    and that no certificate of the first stands for, is refused.
    """

    current: Context

    def __init__(
        self,
        servers: Sequence[Secure],
        choose: Callable[[bytes], int],
        terms: Terms,
        alpn: Alpn,
        *,
        rejects: bool = False,
        reload_every: float = 60,
    ) -> None:
        for _ in self._making(servers, choose, terms, alpn, rejects, reload_every):
            pass

    @classmethod
    def in_steps(
        cls,
        servers: Sequence[Secure],
        choose: Callable[[bytes], int],
        terms: Terms,
        alpn: Alpn,
        *,
        rejects: bool = False,
        reload_every: float = 60,
    ) -> Generator[None, None, Contexts]:
        """The same, made a server at a time: hundreds of keys take their time."""
        made = cls.__new__(cls)
        yield from made._making(servers, choose, terms, alpn, rejects, reload_every)
        return made

    def _making(
        self,
        servers: Sequence[Secure],
        choose: Callable[[bytes], int],
        terms: Terms,
        alpn: Alpn,
        rejects: bool,
        reload_every: float,
    ) -> Iterator[None]:
        self._choose = choose
        self._terms = terms
        self._alpn = alpn
        self._rejects = rejects
        self._every = reload_every
        self._call: IDelayedCall | None = None
        errors: list[ConfigError] = []
        self._files: list[ServerFiles] = []
        for secure in servers:
            self._files.append(ServerFiles(secure, errors))
            yield
        if errors:
            raise ConfigErrors(errors)
        try:
            yield from self._make()
        except BadFile as error:
            raise ConfigErrors(
                [ConfigError(f"tls(): {error.message}", origin=self._files[0].origin, hint=error.hint)]
            ) from None
        self._told = set(map(str, self.warnings()))

    def warnings(self) -> list[ConfigError]:
        """What is not well with the certificates in use: one has expired, a chain is out of order."""
        now = datetime.now(UTC)
        return [warning for files in self._files for warning in files.warnings(now)]

    def _make(self) -> Iterator[None]:
        known = {files.authorities.digest for files in self._files if files.authorities is not None}

        def shown(files: ServerFiles) -> ShownCertificates:
            return ShownCertificates(
                files.pairs,
                lambda pairs: make_context(pairs, files.authorities, self._terms, self._alpn, resumes=len(known) < 2),
            )

        servers = []
        for files in self._files:
            servers.append(shown(files))
            yield
        nothing = make_context((), None, self._terms, self._alpn)
        first = servers[0].usual
        if self._rejects or len(servers) > 1 or not servers[0].is_one:
            first.set_tlsext_servername_callback(self._named)
        self._servers, self._nothing, self.current = servers, nothing, first

    def _named(self, connection: Connection) -> None:
        """OpenSSL has read which server the client wants, or that it does not say."""
        context = self._for((connection.get_servername() or b"").lower().removesuffix(b"."))
        if context is not connection.get_context():
            connection.set_context(context)
            # That leaves alone what is about clients (so nginx's ngx_http_ssl_servername).
            mode = context.get_verify_mode()
            if mode != connection.get_verify_mode():
                connection.set_verify(mode)

    def _for(self, name: bytes) -> Context:
        servers = self._servers
        place = self._choose(name) if name else -1
        server = servers[max(place, 0)]
        found = server.find(name)
        if found is None and place < 0 and self._rejects:
            # OpenSSL has no certificate to choose, and ends the handshake.
            return self._nothing
        return found or server.usual

    def start(self, clock: Clock) -> None:
        """Look at the files from now on."""
        self._age = 0.0
        self._call = clock.callLater(self._every, self._look, clock)

    def stop(self) -> None:
        """Look at them no more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self, clock: Clock) -> None:
        self._call = clock.callLater(self._every, self._look, clock)
        self._age += self._every
        # All of them are looked at, so that all that is wrong is logged.
        changed = sum(files.have_changed() for files in self._files) > 0
        if changed or self._age >= TICKETS_LIVE:
            self._age = 0.0
            try:
                for _ in self._make():
                    pass
            except BadFile as error:
                log.error("tls: {why}; what was read before stays in use", why=error.message)
            else:
                if changed:
                    log.info("tls: the certificates were read again")
        self._warn()

    def _warn(self) -> None:
        """Log what has come to be wrong, once."""
        warnings = {str(warning): warning for warning in self.warnings()}
        for text, warning in warnings.items():
            if text not in self._told:
                log.warn("{mistake}", mistake=warning)
        self._told = set(warnings)
