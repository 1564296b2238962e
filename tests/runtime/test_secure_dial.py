"""TLS on the sockets of lean transports that were dialled keeps the rules of connections."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Protocol

from pydsl_proxy import upstream_tls
from pydsl_proxy.compiler.peer_tls import Files
from pydsl_proxy.config.timeouts import Timeouts
from pydsl_proxy.runtime.dialling import dial_tcp
from pydsl_proxy.runtime.secure_dial import SecureDialled
from pydsl_proxy.runtime.tls_to_peers import PeerTls, over_tls
from tests.runtime import secure_rules
from tests.runtime.loopback import Building, Talker, number

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import Attempt


class DialledTests(secure_rules.SecureRules):
    """The lean client keeps all rules of transports."""

    def connect(self, port: IListeningPort, factory: Building) -> None:
        """Dial as attempts do."""
        context = Files(upstream_tls(verify=False)).context()
        peer = PeerTls("peer", context, "localhost", False, self.path)
        dial = over_tls(dial_tcp(self.path, "peer", "127.0.0.1", number(port)), peer, self.path)
        attempt = SimpleNamespace(timeouts=Timeouts(), failed=self.fail)
        dial(cast("Attempt", attempt), lambda: cast(Protocol, factory.buildProtocol(None)))

    async def test_is_lean(self) -> None:
        """On the data path OpenSSL has the socket."""
        _, client = await self.pair(Talker, Talker)
        self.assertIsInstance(client.transport, SecureDialled)

    async def test_much_at_once(self) -> None:
        """Of a large response several records are given at once, whole and in order."""
        server, client = await self.pair(Talker, Talker)
        data = bytes(range(256)) * 4096
        server.link.write(data)
        await client.has(len(data))
        self.assertEqual(client.received, data)
