"""Every example is a configuration without mistakes, and answers."""

from __future__ import annotations

import runpy
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from unittest import TestResult, defaultTestLoader

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site

from pydsl_proxy.config.checks.whole import check
from pydsl_proxy.config.servers import Http
from pydsl_proxy.handlers.proxy import Proxy
from pydsl_proxy.testing import load, run

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
CONFIGURATIONS = sorted(EXAMPLES.rglob("proxy.py"))


def peers_of(config: Http) -> list[str]:
    """The address of every peer that a location proxies to."""
    handlers = [location.handler for server in config.servers for location in server.locations]
    upstreams = [each.upstream for each in handlers if isinstance(each, Proxy)]
    return [peer.address for upstream in upstreams for peer in getattr(upstream, "peers", ())]


class ExampleTests(SynchronousTestCase):
    """The folders of ``examples/``."""

    def test_folders(self) -> None:
        """Each has an identifier for its name, and a ``proxy.py``."""
        folders = [path for path in EXAMPLES.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))]
        self.assertEqual(sorted(path / "proxy.py" for path in folders), CONFIGURATIONS)
        self.assertEqual([path.name for path in folders if not path.name.isidentifier()], [])

    def test_configurations(self) -> None:
        """Each loads, without mistakes and without warnings."""
        for path in CONFIGURATIONS:
            self.assertEqual([error.render() for error in check(load(path))], [], path)

    def test_answers(self) -> None:
        """Each answers a request for its root, when every peer answers."""
        for path in CONFIGURATIONS:
            config = load(path)
            if not config.servers:
                continue
            client, peers = run(config)
            for address in peers_of(config):
                peers[address].answers(200, b"from a peer")
            answer = client.request("GET", "/")
            self.assertIn(answer.status, (200, 301, 302), path)

    def test_streams(self) -> None:
        """Each stream passes bytes to a peer, and back."""
        for path in CONFIGURATIONS:
            for each in load(path).streams:
                running = run(load(path), listen=each.listen[0])
                running[0].sends(b"ping")
                (reached,) = [peer for peer in running.peers.values() if peer.received]
                reached.sends(b"pong")
                running[0].expects(b"pong")

    def test_commands(self) -> None:
        """Each tells how it is run, by its own path."""
        for path in CONFIGURATIONS:
            self.assertIn(str(path.relative_to(EXAMPLES.parent)), path.read_text(), path)


class OwnTests(SynchronousTestCase):
    """The examples that have tests of their own."""

    def test_pass(self) -> None:
        """They pass."""
        files = sorted(EXAMPLES.rglob("test_proxy.py"))
        self.assertIn(EXAMPLES / "tested" / "test_proxy.py", files)
        for file in files:
            spec = spec_from_file_location(f"tests_of_{file.parent.name}", file)
            assert spec is not None and spec.loader is not None
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            suite, result = defaultTestLoader.loadTestsFromModule(module), TestResult()
            suite.run(result)
            self.assertEqual([text for _, text in (*result.failures, *result.errors)], [])
            self.assertGreater(result.testsRun, 3)


class EmbeddingTests(SynchronousTestCase):
    """The example that is a program."""

    def test_site(self) -> None:
        """Its Site has the proxy below its root, and answers for itself elsewhere."""
        names = runpy.run_path(str(EXAMPLES / "embedding" / "proxy.py"))
        site = names["site"](MemoryReactorClock())
        self.assertIsInstance(site, Site)
        self.assertEqual(sorted(site.resource.children), [b"", b"app"])
