"""``twist pydsl-proxy``, short of the process."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import queue
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pydsl_proxy.config.loading.load import load
from pydsl_proxy.tap import Command, HeldSignals, Options

# Seconds for what a thread does in a moment: a bound for a fault.
PATIENCE = 60.0

GOOD = 'from pydsl_proxy import server\nproxy = server(8080).location("/").respond(200, "ok")\n'
OTHER = 'from pydsl_proxy import server\nproxy = server(8081).location("/").respond(200, "ok")\n'
BAD = 'from pydsl_proxy import server\nproxy = server("8080").location("/").respond(200, "ok")\n'
SLASHES = 'from pydsl_proxy import server\nproxy = server(80).location("/a/").proxy_to("h:1", path="/b")\n'


class FullReactor(MemoryReactorClock):
    """A reactor all of whose ports are taken."""

    def listenTCP(self, *args: object, **kwargs: object) -> object:
        """Refuse."""
        raise CannotListenError("", 8080, OSError(98, "Address already in use"))


@implementer(IReactorFromThreads)
class ThreadedReactor(MemoryReactorClock):
    """A reactor to which other threads may speak."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: queue.Queue[Callable[[], object]] = queue.Queue()

    def callFromThread(self, callable: Callable[..., object], *args: object, **kwargs: object) -> None:
        """Call it in one of the next turns."""
        self.queue.put(partial(callable, *args, **kwargs))

    def turn(self) -> None:
        """Do what a thread, or a signal, has asked for."""
        self.queue.get(timeout=PATIENCE)()


class Case(SynchronousTestCase):
    """Has a configuration file."""

    def setUp(self) -> None:
        """A file without mistakes."""
        self.path = Path(self.mktemp())
        self.write(GOOD)

    def write(self, text: str) -> None:
        """Let the file say *text*."""
        self.path.write_text(text)
        # The time of a file's last change is how a changed one is told; two changes may fall into one tick of it.
        os.utime(self.path, ns=(self.path.stat().st_atime_ns, self.path.stat().st_mtime_ns + len(text)))

    def ended(self, action: Callable[[], object]) -> tuple[object, str, str]:
        """The exit code, and what was written to the two outputs."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            end = self.assertRaises(SystemExit, action)
        return end.code, out.getvalue(), err.getvalue()

    def parsed(self, *arguments: str) -> tuple[object, str, str]:
        """What comes of a command line that ends the process."""
        return self.ended(lambda: Options().parseOptions(arguments))


class OptionsTests(Case):
    """The command line."""

    def test_check(self) -> None:
        """A file without mistakes ends with 0 and says how much there is."""
        code, out, err = self.parsed("--config", str(self.path), "--check")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out, f"{self.path}: 1 server, 1 location, no mistakes\n")

    def test_check_streams(self) -> None:
        """Streams are counted where there are some."""
        self.write('from pydsl_proxy import stream\nproxy = stream(5432).proxy_to("10.0.0.1:5432")\n')
        _, out, _ = self.parsed("--config", str(self.path), "--check")
        self.assertEqual(out, f"{self.path}: 0 servers, 0 locations, 1 stream, no mistakes\n")
        self.write(
            "from pydsl_proxy import stream, tls\n"
            'proxy = stream(5432, tls=tls("none.pem", "none.key")).proxy_to("10.0.0.1:5432")\n'
        )
        code, _, err = self.parsed("--config", str(self.path), "--check")
        self.assertEqual(code, 1)
        self.assertIn("none.pem", err)

    def test_mistakes(self) -> None:
        """Mistakes end with 1."""
        self.write(BAD)
        code, out, err = self.parsed("--config", str(self.path), "--check")
        self.assertEqual((code, out), (1, ""))
        self.assertIn("hint:", err)
        self.assertTrue(err.endswith("1 mistake in the configuration\n"))

    def test_all_together(self) -> None:
        """What is wrong with files is told at once with what is wrong with the configuration."""
        self.write(
            "from pydsl_proxy import http, server, tls\n"
            'web = server(443, tls=tls("none.pem", "none.key")).location("/").basic_auth("users").respond(200)\n'
            'proxy = http(web.location("/").respond(200))\n'
        )
        code, _, err = self.parsed("--config", str(self.path), "--check")
        self.assertEqual(code, 1)
        for told in ("twice", "none.pem", "users"):
            self.assertIn(told, err)
        self.assertTrue(err.endswith("3 mistakes in the configuration\n"), err)

    def test_not_compiled(self) -> None:
        """What keeps a configuration from being compiled is told alone."""
        self.write(
            "from pydsl_proxy import http, server, tls\n"
            'one = server(443, names=["a"], tls=tls("none.pem", "none.key")).location("/").respond(200)\n'
            'proxy = http(one, server(443, names=["b"]).location("/").respond(200))\n'
        )
        _, _, err = self.parsed("--config", str(self.path), "--check")
        self.assertIn("some have tls=", err)

    def test_warnings(self) -> None:
        """Warnings are told, and do not count as mistakes."""
        self.write(SLASHES)
        code, _, err = self.parsed("--config", str(self.path), "--check")
        self.assertEqual(code, 0)
        self.assertIn("warning: ", err)

    def test_no_file(self) -> None:
        """A file that is not there is no mistake in a configuration."""
        self.assertEqual(self.parsed("--config", "nowhere.py")[0], 2)

    def test_usage(self) -> None:
        """What is not understood ends with 2, and with what is."""
        code, _, err = self.parsed("--konfig", "x")
        self.assertEqual(code, 2)
        self.assertIn("--config", err)

    def test_run(self) -> None:
        """Without ``--check`` nothing happens yet."""
        options = Options()
        options.parseOptions(["--config", str(self.path)])
        self.assertEqual(options["config"], str(self.path))


class CommandTests(Case):
    """The service of the process."""

    def command(self, reactor: MemoryReactorClock) -> Command:
        """The service, for the file as it is."""
        return Command(str(self.path), load(self.path), reactor)

    def ports(self, reactor: MemoryReactorClock) -> list[int]:
        """Where it has listened."""
        return [each[0] for each in reactor.tcpServers]

    def test_taken(self) -> None:
        """A port that is taken ends the process with 1."""
        command = self.command(FullReactor())
        code, _, err = self.ended(command.startService)
        self.assertEqual(code, 1)
        self.assertIn("cannot listen on *:8080", err)

    def test_no_socket(self) -> None:
        """An endpoint that cannot be made is told with its line."""
        self.write(
            "from pydsl_proxy import server\n"
            'proxy = server("systemd:domain=INET:name=web").location("/").respond(200, "ok")\n'
        )
        command = self.command(MemoryReactorClock())
        code, _, err = self.ended(command.startService)
        self.assertEqual(code, 1)
        self.assertIn(":2: 'systemd:domain=INET:name=web': systemd has handed on no such socket", err)
        self.assertIn("^^^", err)

    def test_read_again(self) -> None:
        """The file is put in force as it is now."""
        reactor = MemoryReactorClock()
        command = self.command(reactor)
        command.startService()
        self.write(OTHER)
        command.read_again()
        self.assertEqual(self.ports(reactor), [8080, 8081])
        self.successResultOf(command.stopService())

    def test_early_signal(self) -> None:
        """SIGHUP is taken before anything listens: by itself it would end a process that seems to be up."""
        self.addCleanup(signal.signal, signal.SIGHUP, signal.getsignal(signal.SIGHUP))
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        found: list[object] = []

        class Reactor(MemoryReactorClock):
            """Notes who takes the signal when a port is opened."""

            def listenTCP(self, *args: object, **kwargs: object) -> object:
                found.append(signal.getsignal(signal.SIGHUP))
                return super().listenTCP(*args, **kwargs)

        self.command(Reactor()).startService()
        self.assertEqual(len(found), 1)
        self.assertNotEqual(found, [signal.SIG_DFL])

    def test_read_mistakes(self) -> None:
        """A file with mistakes changes nothing."""
        reactor = MemoryReactorClock()
        command = self.command(reactor)
        command.startService()
        before = command.config
        self.write(BAD)
        command.read_again()
        self.assertIs(command.config, before)
        self.successResultOf(command.stopService())

    def test_read_beside(self) -> None:
        """Where there are threads, the file is read in one, and what is asked for meanwhile is not lost."""
        reactor = ThreadedReactor()
        command = self.command(reactor)
        command.startService()
        self.write(OTHER)
        command.read_again()
        command.read_again()
        self.assertEqual(self.ports(reactor), [8080])
        loaded = reactor.queue.get(timeout=PATIENCE)
        self.write(GOOD)
        loaded()
        self.assertEqual(self.ports(reactor), [8080, 8081])
        reactor.turn()
        self.assertEqual(command.config.servers[0].listen, load(self.path).servers[0].listen)
        self.assertTrue(reactor.queue.empty())
        self.successResultOf(command.stopService())

    def test_mistakes_beside(self) -> None:
        """A file with mistakes changes nothing, and the next signal reads it again."""
        reactor = ThreadedReactor()
        command = self.command(reactor)
        command.startService()
        before = command.config
        for text in (BAD, "import nothing_of_this_name\n"):
            self.write(text)
            command.read_again()
            reactor.turn()
            self.assertIs(command.config, before)
        self.write(OTHER)
        command.read_again()
        reactor.turn()
        self.assertEqual(self.ports(reactor), [8080, 8081])
        self.successResultOf(command.stopService())

    def test_stopped_beside(self) -> None:
        """What was read when the proxy had begun to stop is put away."""
        reactor = ThreadedReactor()
        command = self.command(reactor)
        command.startService()
        self.write(OTHER)
        command.read_again()
        command.end()
        reactor.turn()
        self.assertEqual(self.ports(reactor), [8080])
        self.successResultOf(command.stopService())

    def test_held_signals(self) -> None:
        """What came while the service was made is done once the reactor runs, and ends nothing."""
        for number in (signal.SIGHUP, signal.SIGUSR1):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        held = HeldSignals()
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGUSR1)
        reactor = ThreadedReactor()
        command = Command(str(self.path), load(self.path), reactor, held)
        self.write(OTHER)
        command.startService()
        self.assertEqual(held.take(), [])
        reactor.turn()
        reactor.turn()
        reactor.turn()
        self.assertEqual(self.ports(reactor), [8080, 8081])
        self.successResultOf(command.stopService())

    def test_collections(self) -> None:
        """Full collections are put off for as long as a reload takes, and no longer, whatever comes of it."""
        usual = gc.get_threshold()
        self.addCleanup(gc.set_threshold, *usual)
        reactor = ThreadedReactor()
        command = self.command(reactor)
        command.startService()
        for text in (BAD, OTHER):
            self.write(text)
            command.read_again()
            self.assertGreater(gc.get_threshold()[2], usual[2])
            reactor.turn()
            self.assertEqual(gc.get_threshold(), usual)
        self.successResultOf(command.stopService())

    def test_frozen(self) -> None:
        """Full collections pass over the configuration of the start alone: what is frozen may stay for ever."""
        calls: list[str] = []
        self.patch(gc, "freeze", partial(calls.append, "freeze"))
        for freezes, expected in ((False, []), (True, ["freeze"])):
            reactor = ThreadedReactor()
            command = Command(str(self.path), load(self.path), reactor, freezes=freezes)
            command.startService()
            for what, args, kwargs in reactor.whenRunningHooks:
                what(*args, **kwargs)
            command.read_again()
            reactor.turn()
            self.assertEqual(calls, expected)
            self.successResultOf(command.stopService())

    def test_end(self) -> None:
        """The first signal stops the reactor, after which nothing is read again."""
        reactor = MemoryReactorClock()
        command = self.command(reactor)
        command.startService()
        command.end()
        self.assertTrue(reactor.hasStopped)
        self.write(OTHER)
        command.read_again()
        self.assertEqual(self.ports(reactor), [8080])
        command.end()
        self.successResultOf(command.stopService())
