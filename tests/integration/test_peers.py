"""The proxy before servers of other people's making."""

from __future__ import annotations

from tests.integration import contract, peers
from tests.integration.support import python_peer


class NginxTests(contract.PeerTests):
    """nginx."""

    start = staticmethod(contract.before(peers.nginx))


class NodeTests(contract.PeerTests):
    """Node."""

    start = staticmethod(contract.before(peers.node))


class GunicornTests(contract.PeerTests):
    """Gunicorn."""

    start = staticmethod(contract.before(peers.gunicorn))


class GoTests(contract.PeerTests):
    """Go."""

    start = staticmethod(contract.before(peers.go))


class PythonTests(contract.PeerTests):
    """Python's ``http.server``, which is always there."""

    start = staticmethod(contract.before(python_peer))
