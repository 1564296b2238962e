"""Tests of TLS to peers, compiled: files that can be used, and what is told of those that cannot."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, server, upstream, upstream_tls
from pydsl_proxy.compiler.peer_tls import Files
from pydsl_proxy.compiler.site import CompiledConfig, compile_config
from pydsl_proxy.config.tls.peers import UpstreamTls
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.errors import ConfigError, ConfigErrors
from pydsl_proxy.net.reactors import DataReactor
from pydsl_proxy.service import verify
from pydsl_proxy.testing import run
from tests.support.authorities import Authority, key_pem


class Case(SynchronousTestCase):
    """Files in a folder."""

    def setUp(self) -> None:
        """An authority, and a certificate for us."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.authority = Authority()
        self.ca = self.authority.save(self.folder)
        self.client = self.authority.issue("client")
        self.cert, self.key = self.client.save(self.folder, "client")

    def file(self, name: str, content: bytes) -> str:
        """A file in the folder."""
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)


class FilesTests(Case):
    """What is read."""

    def mistake(self, terms: UpstreamTls) -> tuple[str, str | None]:
        """What is wrong with the files."""
        try:
            Files(terms).context()
        except ConfigError as error:
            self.assertIs(error.origin, terms.origin)
            return error.message.replace(str(self.folder), ""), error.hint
        raise AssertionError("accepted")

    def test_missing(self) -> None:
        """Each is named."""
        for what in ("ca", "cert"):
            told = self.mistake(upstream_tls(**{what: str(self.folder / "no.pem")}))  # type: ignore[arg-type]  # a path
            self.assertEqual(told[0], f"upstream_tls({what}='/no.pem') cannot be read: No such file or directory")
        told = self.mistake(upstream_tls(cert=self.cert, key=self.folder))
        self.assertEqual(told[0], "upstream_tls(key='') cannot be read: Is a directory")

    def test_no_certificate(self) -> None:
        """Something else is in the file."""
        for content in (b"", b"text", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
            path = self.file("bad.pem", content)
            hint = 'one begins with "-----BEGIN CERTIFICATE-----"'
            for what in ("ca", "cert"):
                told = self.mistake(upstream_tls(**{what: path}))  # type: ignore[arg-type]  # a path
                self.assertEqual(told, (f"upstream_tls({what}='/bad.pem') has no certificate in PEM", hint))

    def test_no_key(self) -> None:
        """There is none, it is another's, or it is encrypted; nobody is asked for a password."""
        message, hint = self.mistake(upstream_tls(cert=self.cert))
        self.assertEqual(message, "upstream_tls(cert='/client.pem') has no private key in PEM")
        self.assertEqual(hint, 'write key="client.key" for the file that has it')
        self.assertIn("key='/ca.pem') has no private key", self.mistake(upstream_tls(cert=self.cert, key=self.ca))[0])
        other = self.authority.issue("other").save(self.folder, "other")[1]
        message, hint = self.mistake(upstream_tls(cert=self.cert, key=other))
        told = "upstream_tls(key='/other.key') is not the key of the certificate in '/client.pem'"
        self.assertEqual(message, told)
        encrypted = self.file("encrypted.key", key_pem(self.client.key, b"secret"))
        message, hint = self.mistake(upstream_tls(cert=self.cert, key=encrypted))
        self.assertEqual(message, "upstream_tls(key='/encrypted.key'): the key is encrypted or of no use for TLS")
        self.assertEqual(hint, f"decrypt it once: openssl pkey -in {encrypted} -out plain.pem")

    def test_digest(self) -> None:
        """It tells whether a file has changed, and which one has what."""
        terms = upstream_tls(ca=self.ca, cert=self.cert, key=self.key)
        before = Files(terms).digest
        self.assertEqual(Files(terms).digest, before)
        self.authority.issue("client").save(self.folder, "client")
        self.assertNotEqual(Files(terms).digest, before)
        self.assertNotEqual(Files(upstream_tls(ca=self.ca)).digest, Files(upstream_tls(verify=False)).digest)


class ReloadTests(Case):
    """Upstreams across reloads."""

    def upstream(self) -> Upstream:
        """An upstream that is the same each time."""
        return upstream("app", "app.test:443", tls=upstream_tls(ca=self.ca))

    def compile(self, previous: CompiledConfig | None = None) -> CompiledConfig:
        """A configuration with it."""
        config = http(server(80).location("/").proxy_to(self.upstream()))
        return compile_config(config, cast(DataReactor, Clock()), Random(1), previous=previous)

    def test_same_files(self) -> None:
        """The living upstream goes on."""
        first = self.compile()
        second = self.compile(first)
        self.assertIs(second.upstreams.of(self.upstream()), first.upstreams.of(self.upstream()))
        third = self.compile(second)
        self.assertIs(third.upstreams.of(self.upstream()), first.upstreams.of(self.upstream()))

    def test_other_files(self) -> None:
        """With other certificates it begins anew: whom the old ones admitted may have no place any more."""
        first = self.compile()
        Authority("new").save(self.folder)
        second = self.compile(first)
        self.assertIsNot(second.upstreams.of(self.upstream()), first.upstreams.of(self.upstream()))
        third = self.compile(second)
        self.assertIs(third.upstreams.of(self.upstream()), second.upstreams.of(self.upstream()))


class WholeTests(Case):
    """Mistakes in files are those of the configuration."""

    def test_told_once(self) -> None:
        """Every upstream's, each once, and also by ``--check``."""
        one = upstream("one", "a:443", tls=upstream_tls(ca=str(self.folder / "one.pem")))
        two = upstream("two", "a:443", tls=upstream_tls(ca=str(self.folder / "two.pem")))
        config = server(80).location("/").proxy_to(one).location("/again").proxy_to(one).location("/two").proxy_to(two)
        errors = self.assertRaises(ConfigErrors, verify, config).errors
        self.assertEqual([Path(error.message.split("'")[1]).name for error in errors], ["one.pem", "two.pem"])

    def test_in_memory(self) -> None:
        """The kit for tests reads no files: those of production are not where tests run."""
        client, peers = run(upstream("app", "a:443", tls=upstream_tls(ca="/nowhere/ca.pem")))
        peers["a:443"].answers(200, b"hello")
        self.assertEqual(client.request("GET", "/").body, b"hello")
