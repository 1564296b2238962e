"""TLS on the lean transports and over Twisted's keeps the rules of connections, and some of its own."""

from __future__ import annotations

from twisted.internet import error
from twisted.trial.unittest import SkipTest

from pydsl_proxy.runtime.secure.secure_send import SecureSend
from pydsl_proxy.runtime.transport import unsent
from tests.runtime.loopback import HalfTalker, Talker
from tests.runtime.secure import secure_rules


class LeanTests(secure_rules.SecureRules):
    """The lean server keeps all rules of transports."""

    swapped = True


class LeanOwnTests(secure_rules.OwnRules):
    """The lean server, and TLS."""

    async def test_is_lean(self) -> None:
        """On the data path OpenSSL has the socket."""
        server, _ = await self.pair(Talker, Talker)
        self.assertIsInstance(server.transport, SecureSend)

    async def test_no_room_for_the_end(self) -> None:
        """All that is queued is sent before the close_notify, and that before the close."""
        server, client = await self.pair(Talker, HalfTalker)
        client.link.pauseProducing()
        written = 0
        while not unsent(server.transport):
            server.link.write(b"x" * 65536)
            written += 65536
        server.link.loseConnection()
        client.link.resumeProducing()
        await client.when(lambda: client.halves == ["read"])
        self.assertEqual(len(client.received), written)
        await server.ends()
        self.assertIsInstance(server.lost, error.ConnectionDone)


class OverTwistedTests(secure_rules.SecureRules):
    """TLS over Twisted's transports keeps the rules, but for some that Twisted's TLS does not."""

    direct = False
    swapped = True

    async def test_half_close_with_nothing_queued(self) -> None:
        """The write half ends at once, where the lean one waits for what is written in the same turn."""
        server, client = await self.pair(HalfTalker, HalfTalker)
        client.link.write(b"all")
        client.link.loseWriteConnection()
        client.link.write(b" of it")
        await server.when(lambda: server.halves)
        self.assertEqual(server.received, b"all")

    async def test_only_bytes(self) -> None:
        """OpenSSL's wrapper warns and encodes."""
        raise SkipTest("Twisted's TLS takes text")

    async def test_pull_is_stopped(self) -> None:
        """A pull producer is not told when the connection is aborted."""
        raise SkipTest("Twisted's TLS does not stop pull producers")

    async def test_pull_then_write(self) -> None:
        """A pull producer is first asked in the next turn."""
        raise SkipTest("Twisted's TLS asks later")


class OverTwistedOwnTests(secure_rules.OwnRules):
    """TLS over Twisted's transports."""

    direct = False
