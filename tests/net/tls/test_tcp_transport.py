"""TLS on the lean transports and over Twisted's keeps the rules of connections, and some of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet import error
from twisted.trial.unittest import SkipTest

from pydsl_proxy.net.data_path import unsent
from pydsl_proxy.net.epoll import Closing, InnerPoll
from pydsl_proxy.net.tls.tcp_transport import SecureSend
from tests.net.loopback import Building, HalfTalker, Talker, Waiting
from tests.net.tls import secure_rules


class LeanTests(secure_rules.SecureRules):
    """The lean server keeps all rules of transports."""

    swapped = True


class LeanOwnTests(secure_rules.OwnRules):
    """The lean server, and TLS."""

    async def test_is_lean(self) -> None:
        """On the data path OpenSSL has the socket."""
        server, _ = await self.pair(Talker, Talker)
        self.assertIsInstance(server.transport, SecureSend)

    act: Callable[[], object] | None = None

    async def hello(self) -> tuple[Talker, Talker]:
        """The server's side and the client's of a connection whose ClientHello waits for its turn, in ``act``."""
        servers, clients = Building(Talker), Building(Talker)
        self.connect(self.listen(servers), clients)
        await servers.connected()
        await clients.connected()
        server = servers.talkers[0]
        asked = Waiting()
        poll = cast(InnerPoll, server.link.reactor)

        def later(descriptor: Closing, act: Callable[[], object]) -> None:
            self.act = act
            asked.changed()

        self.patch(poll, "in_later_turn", later)
        await asked.when(lambda: self.act)
        return server, clients.talkers[0]

    async def test_hello_waits_for_its_turn(self) -> None:
        """A handshake begins in a turn of its own, and nothing is read before that."""
        server, client = await self.hello()
        poll = cast(InnerPoll, server.link.reactor)
        self.assertNotIn(server.link, poll._reading.values())
        server.link.resumeProducing()
        self.assertNotIn(server.link, poll._reading.values())
        assert self.act is not None
        self.assertIs(None, self.act())
        self.assertIn(server.link, poll._reading.values())
        server.link.abortConnection()
        await client.ends()

    async def test_nothing_to_write_before_its_turn(self) -> None:
        """What is written before the handshake waits, and nobody asks for room until it is done."""
        server, client = await self.hello()
        poll = cast(InnerPoll, server.link.reactor)
        server.link.write(b"early")
        self.assertNotIn(server.link, poll._writing.values())
        self.assertEqual(unsent(server.transport), 5)
        assert self.act is not None
        self.act()
        await client.has(5)
        self.assertEqual(client.received, b"early")
        server.link.abortConnection()
        await client.ends()

    async def test_paused_before_its_turn(self) -> None:
        """A connection whose protocol pauses it meanwhile is not read after its turn."""
        server, client = await self.hello()
        poll = cast(InnerPoll, server.link.reactor)
        server.link.pauseProducing()
        assert self.act is not None
        self.act()
        self.assertNotIn(server.link, poll._reading.values())
        server.link.resumeProducing()
        self.assertIn(server.link, poll._reading.values())
        server.link.abortConnection()
        await client.ends()

    async def test_nothing_after_the_end(self) -> None:
        """With nothing queued the close_notify goes at once: what is written after it waits for nothing."""
        server, client = await self.pair(Talker, Talker)
        server.link.write(b"all")
        server.link.loseConnection()
        self.assertTrue(server.link.disconnecting)
        server.link.write(b"late")
        self.assertEqual(unsent(server.transport), 0)
        await client.ends()
        self.assertEqual(client.received, b"all")

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
