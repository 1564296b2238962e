"""Conversations at locations that limit requests, those under way, and the rate of responses."""

from __future__ import annotations

from typing import cast

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Request, Server, client_address, header, http, named, server, upstream
from pydsl_proxy.features.limits.limit_connections import UnderWay
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.testing import Client, Running, run
from tests.conversations.test_random import NAMES, Play
from tests.support.logged_lines import LoggedLines
from tests.support.messages import GET, OK, get, post

SLOW = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab"


@frozen
class Elsewhere:
    """A step that sends every exchange to a named location, inside the proxy."""

    target: bytes

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Redirect."""
        return lambda exchange: exchange.redirect(self.target)


@frozen
class Later:
    """A step that goes on a second later."""

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Wait."""

        def wait(exchange: Exchange) -> None:
            place.clock.callLater(1, exchange.go_on, inner)

        return wait


def statuses(client: Client, number: int, target: str = "/", *fields: str) -> list[int]:
    """What so many requests are answered, at one moment."""
    headers = [cast("tuple[str, str]", tuple(each.split(": "))) for each in fields]
    return [client.request("GET", target, headers).status for _ in range(number)]


def ask(running: Running, number: int) -> list[Client]:
    """So many clients of one address that ask at one moment."""
    clients = [running.client() for _ in range(number)]
    for client in clients:
        client.sends(GET)
    return clients


def answered(clients: list[Client]) -> list[int]:
    """What each was answered, 0 for nothing yet."""
    return [client.responses[0].status if client.responses else 0 for client in clients]


def limited(*args: str, **options: int) -> Server:
    """A server that answers by itself, at a rate."""
    return server(80).limit_requests(*args, **options).location("/").respond(200, "ok")  # type: ignore[arg-type]  # passed on


class RequestTests(SynchronousTestCase):
    """``.limit_requests()``; what nginx 1.22.1 answered to the same requests."""

    def test_no_burst(self) -> None:
        """One passes, and the next one when its time has come, to the millisecond."""
        running = run(limited("10/s"))
        self.assertEqual(statuses(running[0], 2), [200, 429])
        running.clock.advance(0.099)
        self.assertEqual(statuses(running[0], 1), [429])
        running.clock.advance(0.001)
        self.assertEqual(statuses(running[0], 2), [200, 429])

    def test_burst(self) -> None:
        """With ``burst=3`` four pass at once (``burst=3 nodelay``)."""
        running = run(limited("10/s", burst=3))
        self.assertEqual(statuses(running[0], 6), [200, 200, 200, 200, 429, 429])
        running.clock.advance(0.25)
        self.assertEqual(statuses(running[0], 3), [200, 200, 429])

    def test_delay(self) -> None:
        """With ``burst=5, delay=2`` three of eight pass at once, three 0.1 seconds apart, and two are refused."""
        running = run(limited("10/s", burst=5, delay=2))
        clients = ask(running, 8)
        self.assertEqual(answered(clients), [200, 200, 200, 0, 0, 0, 429, 429])
        for waited in ([200, 0, 0], [200, 200, 0], [200, 200, 200]):
            running.clock.advance(0.099)
            self.assertEqual(sum(map(bool, answered(clients)[3:6])), sum(map(bool, waited)) - 1)
            running.clock.advance(0.001)
            self.assertEqual(answered(clients)[3:6], waited)

    def test_delay_all(self) -> None:
        """With ``delay=0`` all that is ahead of the rate waits: nginx's default."""
        running = run(limited("10/s", burst=2, delay=0))
        clients = ask(running, 4)
        self.assertEqual(answered(clients), [200, 0, 0, 429])
        running.clock.advance(0.1)
        self.assertEqual(answered(clients), [200, 200, 0, 429])
        running.clock.advance(0.1)
        self.assertEqual(answered(clients), [200, 200, 200, 429])

    def test_answer(self) -> None:
        """What is refused is told when it would pass, in whole seconds; the access log has the cause."""
        running = run(limited("2/m"))
        running[0].request("GET")
        running.clock.advance(0.5)
        answer = running[0].request("GET")
        self.assertEqual((answer.status, answer.body), (429, b"429 Too Many Requests\n"))
        self.assertEqual(answer.headers.get("retry-after"), "30")
        self.assertEqual((running.exchanges[-1].status, running.exchanges[-1].cause), (429, "limit_requests"))
        running.clock.advance(29.5)
        self.assertEqual(statuses(running[0], 1), [200])

    def test_status(self) -> None:
        """The status is the configuration's."""
        running = run(limited("1/m", status=503))
        self.assertEqual(statuses(running[0], 2), [200, 503])

    def test_body_unread(self) -> None:
        """A refused upload is not read; a delayed one is read when its turn has come."""
        web = server(80).limit_requests("1/s", burst=1, delay=0).location("/").proxy_to("a:1")
        running = run(web)
        running.peers["a:1"].answers(200)
        first, second, third = (running.client() for _ in range(3))
        for client in (first, second, third):
            client.sends(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
        self.assertTrue(first.received.startswith(b"HTTP/1.1 100 "))
        self.assertEqual(second.received, b"")
        self.assertTrue(third.received.startswith(b"HTTP/1.1 429 "))
        running.clock.advance(1)
        self.assertTrue(second.received.startswith(b"HTTP/1.1 100 "))
        second.sends(b"abc")
        self.assertEqual([each.status for each in second.responses], [200])

    def test_delayed_upload(self) -> None:
        """What a delayed client sends meanwhile is held in bounds, and reaches the peer."""
        running = run(server(80).limit_requests("1/s", burst=1, delay=0).location("/").proxy_to("a:1"))
        ask(running, 1)
        client = running.client()
        client.sends(post(b"x" * 1_000_000))
        self.assertGreater(client.unread, 700_000)
        running.clock.advance(1)
        self.assertEqual(client.unread, 0)

    def test_delayed_client_leaves(self) -> None:
        """A client that leaves while it waits is forgotten: nothing is asked, no timer is left."""
        running = run(server(80).limit_requests("1/s", burst=1, delay=0).location("/").proxy_to("a:1"))
        ask(running, 1)
        client = running.client()
        client.sends(GET)
        client.closes()
        running.clock.advance(5)
        self.assertEqual(len(running.peers["a:1"].connections), 1)
        self.assertEqual((running.exchanges[0].status, running.exchanges[0].cause), (499, "client_closed"))

    def test_delayed_crash(self) -> None:
        """What a handler raises after the delay is answered as ever."""

        def broken(request: Request) -> str:
            raise ZeroDivisionError

        running = run(server(80).limit_requests("1/s", burst=1, delay=0).location("/").respond(200, broken))
        clients = ask(running, 2)
        running.clock.advance(1)
        self.assertEqual(answered(clients), [500, 500])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_shutdown(self) -> None:
        """A proxy that is stopped lets those that wait have their turn."""
        running = run(limited("1/s", burst=1, delay=0))
        clients = ask(running, 2)
        running.stop()
        self.assertFalse(running.is_stopped)
        running.clock.advance(1)
        self.assertEqual(answered(clients), [200, 200])


class KeyTests(SynchronousTestCase):
    """Who is told apart."""

    def test_addresses(self) -> None:
        """By default clients are, by their address; those of one IPv6 network are one."""
        running = run(limited("1/m"))
        clients = [running.client(address) for address in ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2")]
        self.assertEqual([client.request("GET").status for client in clients], [200, 200, 200, 429])

    def test_each_address(self) -> None:
        """``key=client_address`` tells addresses of IPv6 apart, as nginx does."""
        running = run(server(80).limit_requests("1/m", key=client_address).location("/").respond(200))
        clients = [running.client(address) for address in ("2001:db8::1", "2001:db8::2")]
        self.assertEqual([client.request("GET").status for client in clients], [200, 200])

    def test_trusted(self) -> None:
        """Behind a trusted proxy, clients are told apart as it tells them; a stranger's word does not count."""
        web = server(80).limit_requests("1/m").location("/").respond(200)
        running = run(http(web, trusted_proxies=["10.0.0.0/8"]), address="10.0.0.1")
        self.assertEqual(statuses(running[0], 1, "/", "X-Forwarded-For: 192.0.2.1"), [200])
        self.assertEqual(statuses(running[0], 1, "/", "X-Forwarded-For: 192.0.2.2"), [200])
        self.assertEqual(statuses(running[0], 1, "/", "X-Forwarded-For: 192.0.2.1"), [429])
        stranger = running.client("192.0.2.9")
        self.assertEqual(statuses(stranger, 1, "/", "X-Forwarded-For: 192.0.2.7"), [200])
        self.assertEqual(statuses(stranger, 1, "/", "X-Forwarded-For: 192.0.2.8"), [429])

    def test_value(self) -> None:
        """A key may be any value; requests for which it is empty are not limited."""
        running = run(server(80).limit_requests("1/m", key=header("x-key")).location("/").respond(200))
        self.assertEqual(statuses(running[0], 2, "/", "X-Key: a"), [200, 429])
        self.assertEqual(statuses(running[0], 2, "/", "X-Key: b"), [200, 429])
        self.assertEqual(statuses(running[0], 3), [200, 200, 200])

    def test_function(self) -> None:
        """A function of the request may choose whom to limit."""

        def writers(request: Request) -> str:
            return "" if request.method == "GET" else request.client_address

        running = run(server(80).limit_requests("1/m", key=writers).location("/").respond(200))
        self.assertEqual(
            [running[0].request(method).status for method in ("GET", "GET", "PUT", "PUT")], [200, 200, 200, 429]
        )

    def test_broken_function(self) -> None:
        """One that raises is answered with 500, and counts nothing."""

        def broken(request: Request) -> str:
            raise ZeroDivisionError

        running = run(server(80).limit_requests("1/m").limit_requests("1/m", key=broken).location("/").respond(200))
        self.assertEqual(statuses(running[0], 2), [500, 500])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_many(self) -> None:
        """Beyond ``keys`` the one that was seen the longest time ago is forgotten, and the log tells."""
        running = run(server(80).limit_requests("1/m", burst=1, key=header("x-key"), keys=2).location("/").respond(200))
        with LoggedLines() as lines:
            for key in "aabbc":
                statuses(running[0], 1, "/", f"X-Key: {key}")
        self.assertEqual(len(lines), 1)
        self.assertIn("there are more keys than keys=…", lines[0])
        self.assertEqual(statuses(running[0], 3, "/", "X-Key: a"), [200, 200, 429])


class ScopeTests(SynchronousTestCase):
    """Limits of several scopes, and over time."""

    def test_shared(self) -> None:
        """Locations that inherit a limit share it; one that is written twice counts twice."""
        web = (
            server(80).limit_requests("1/m")
            .location("/a").respond(200)
            .location("/b").respond(200)
        )  # fmt: skip
        client, _ = run(web)
        self.assertEqual(statuses(client, 1, "/a") + statuses(client, 1, "/b"), [200, 429])
        web = (
            server(80)
            .location("/a").limit_requests("1/m").respond(200)
            .location("/b").limit_requests("1/m").respond(200)
        )  # fmt: skip
        client, _ = run(web)
        self.assertEqual(statuses(client, 2, "/a") + statuses(client, 2, "/b"), [200, 429, 200, 429])

    def test_all_or_none(self) -> None:
        """A request that one limit refuses counts for none: an attacker does not use up what all share."""
        web = (
            server(80).limit_requests("3/m", key="all", burst=2).limit_body(9)
            .location("/").limit_requests("1/m").respond(200)
        )  # fmt: skip
        running = run(web)
        attacker = running.client("192.0.2.66")
        self.assertEqual(statuses(attacker, 10), [200] + [429] * 9)
        others = [running.client(f"192.0.2.{number}") for number in range(3)]
        self.assertEqual([statuses(other, 1) for other in others], [[200], [200], [429]])

    def test_longest_delay(self) -> None:
        """Of several delays the longest counts."""
        web = (
            server(80).limit_requests("10/s", burst=5, delay=0)
            .location("/").limit_requests("2/s", burst=5, delay=0).respond(200)
        )  # fmt: skip
        running = run(web)
        clients = ask(running, 2)
        running.clock.advance(0.499)
        self.assertEqual(answered(clients), [200, 0])
        running.clock.advance(0.001)
        self.assertEqual(answered(clients), [200, 200])

    def test_redirect(self) -> None:
        """A redirect inside the proxy does not count a request twice, but the limits of the new location hold too."""
        web = (
            server(80).limit_requests("1/m", burst=1).limit_connections(1)
            .location("/").step(Elsewhere(b"@there")).respond(500)
            .location(named("there")).limit_requests("1/m", key=header("x-key")).respond(200)
        )  # fmt: skip
        client, _ = run(web)
        self.assertEqual(statuses(client, 3), [200, 200, 429])
        client, _ = run(web)
        self.assertEqual(statuses(client, 2, "/", "X-Key: a"), [200, 429])

    def test_page(self) -> None:
        """The page of a refusal may be where the same limits hold; the refused request does not count there."""
        waiting = server(80).error_page(429, to="/busy").location("/busy").respond(200, "busy")
        for limits in (
            waiting.limit_requests("1/m", key="all", burst=1).limit_requests("1/m", key=header("x-key")),
            waiting.limit_requests("1/m", key=header("x-key")).limit_requests("1/m", key="all", burst=1),
        ):
            client, _ = run(limits.location("/").respond(200, "ok"))
            told = [client.request("GET", "/", {"X-Key": "a"}).text for _ in range(3)]
            self.assertEqual((told, statuses(client, 2)), (["ok", "busy", "busy"], [200, 429]))
        running = run(waiting.limit_connections(1).location("/").proxy_to("a:1"))
        running[0].sends(get("/"))
        for _ in range(2):
            self.assertEqual(running.client().request("GET", "/").text, "busy")
        running.peers["a:1"].sends(OK)
        running.peers["a:1"].answers(200, b"ok")
        self.assertEqual(running.client().request("GET", "/").text, "ok")

    def test_reload(self) -> None:
        """A reload of an equal limit keeps the counts; another one begins anew."""
        running = run(limited("1/m"))
        self.assertEqual(statuses(running[0], 1), [200])
        running.reload(limited("1/m"))
        self.assertEqual(statuses(running[0], 1), [429])
        running.reload(limited("2/m"))
        self.assertEqual(statuses(running[0], 2), [200, 429])

    def test_clock_set_back(self) -> None:
        """A clock that is set back by an hour does not shut clients out."""
        running = run(limited("1/s"))
        told = [statuses(running.client(), 1)]
        for step in (-3600, 1):
            running.clock.rightNow += step
            told.append(statuses(running.client(), 1))
        self.assertEqual(told, [[200], [429], [200]])


class ShadowTests(SynchronousTestCase):
    """Limits that only tell."""

    def test_requests(self) -> None:
        """What would be refused or delayed passes at once, and does not count."""
        options = {"burst": 1, "delay": 0, "shadow": True}
        running = run(limited("1/s", **options))
        with LoggedLines() as lines:
            self.assertEqual(statuses(running[0], 4), [200] * 4)
            running.clock.advance(10)
            self.assertEqual(statuses(running[0], 3), [200] * 3)
        self.assertEqual(running.exchanges[-1].cause, "")
        self.assertEqual(len(lines), 2)
        self.assertRegex(
            lines[0], r"limits\.py:\d+: limit_requests\('1/s'\): a request would have been delayed by 1000 ms"
        )
        self.assertIn("key '127.0.0.1'", lines[0])
        self.assertIn("the last of 3 since the line before", lines[1])

    def test_connections(self) -> None:
        """What would be refused passes, and does not count."""
        running = run(server(80).limit_connections(1, shadow=True).location("/").proxy_to("a:1"))
        with LoggedLines() as lines:
            clients = ask(running, 3)
        self.assertEqual(len(running.peers["a:1"].connections), 3)
        self.assertEqual(len(lines), 1)
        self.assertIn("limit_connections(1): a request would have been refused with 429", lines[0])
        for connection in running.peers["a:1"].connections:
            connection.sends(OK)
        self.assertEqual(answered(clients), [200, 200, 200])


class NoticeTests(SynchronousTestCase):
    """The error log."""

    def test_rate(self) -> None:
        """However many requests are refused, there is a line in ten seconds."""
        running = run(limited("1/m"))
        with LoggedLines() as lines:
            for _ in range(25):
                statuses(running[0], 10)
                running.clock.advance(1)
        self.assertEqual(len(lines), 3)
        self.assertIn("a request was refused with 429, key '127.0.0.1'", lines[0])
        self.assertIn("the last of 100 since the line before", lines[2])

    def keys_logged(self, *keys: str) -> list[str]:
        """What the error log says of requests with each of *keys*, which are refused."""
        limits = server(80).limit_connections(1, key=header("authorization"))
        running = run(limits.limit_requests("1/h", key=header("authorization")).location("/").respond(200))
        shown = []
        for key in keys:
            with LoggedLines() as lines:
                for _ in range(2):
                    running[0].request("GET", "/", {"Authorization": key})
            running.clock.advance(10)
            shown += [line.rpartition(", key ")[2] for line in lines]
        return shown

    def test_addresses(self) -> None:
        """Addresses and networks are logged as they are, without a zone."""
        for key in ("192.0.2.1", "2001:db8::/64", "2001:db8::1", "unix:"):
            self.assertEqual(self.keys_logged(key), [f"'{key}'"])
        self.assertEqual(self.keys_logged("fe80::1%anything"), ["'fe80::1'"])

    def test_secrets(self) -> None:
        """No other key is logged: the same digest stands for the same key, until the process ends."""
        for secret in ("Basic dXNlcjpwYXNz", "10.0.0.1/8 x", "1", "x" * 5000, "192.0.2.1, 192.0.2.2"):
            (shown,) = self.keys_logged(secret)
            self.assertRegex(shown, r"\A'digest [0-9a-f]{16}'\Z")
            self.assertEqual(self.keys_logged(secret), [shown])
        self.assertNotEqual(*self.keys_logged("one", "two"))

    def test_words_of_a_function(self) -> None:
        """Nor does what a function of the request gives reach the log, whatever is in it."""
        limited = server(80).limit_requests("1/m", key=lambda request: "a\r\nb\x1b[0m")
        running = run(limited.location("/").respond(200))
        with LoggedLines() as lines:
            statuses(running[0], 2)
        self.assertRegex(lines[0], r"with 429, key 'digest [0-9a-f]{16}'\Z")

    def test_secrets_of_connections(self) -> None:
        """So with the keys of limits on what is under way."""
        running = run(server(80).limit_connections(1, key=header("x-api-key")).location("/").proxy_to("a:1"))
        with LoggedLines() as lines:
            for client in (running[0], running.client()):
                client.sends(get("/", "X-Api-Key: open-sesame"))
        self.assertEqual(len(lines), 1)
        self.assertRegex(lines[0], r"with 429, key 'digest [0-9a-f]{16}'$")


class ConnectionTests(SynchronousTestCase):
    """``.limit_connections()``."""

    def setUp(self) -> None:
        """A proxy that lets two through at once."""
        self.running = run(server(80).limit_connections(2).location("/").proxy_to("a:1"))
        self.peer = self.running.peers["a:1"]

    def refused(self) -> bool:
        """Whether a further client is refused; if not, its client leaves."""
        client = self.running.client()
        client.sends(GET)
        refused = bool(client.responses) and client.responses[0].status == 429
        client.closes()
        return refused

    def test_limit(self) -> None:
        """What is beyond the limit is refused until one of the others is over."""
        clients = ask(self.running, 3)
        self.assertEqual(answered(clients), [0, 0, 429])
        self.assertEqual(self.running.exchanges[-1].cause, "limit_connections")
        self.peer.connections[0].sends(OK)
        self.assertFalse(self.refused())

    def test_idle(self) -> None:
        """A kept connection without a request does not count, as in nginx."""
        self.peer.answers(200)
        clients = [self.running.client() for _ in range(5)]
        self.assertEqual([client.request("GET").status for client in clients], [200] * 5)

    def test_others(self) -> None:
        """Clients are counted apart."""
        ask(self.running, 2)
        other = self.running.client("192.0.2.1")
        other.sends(GET)
        self.assertEqual(other.responses, [])

    def test_ends(self) -> None:
        """However one ends, it counts no more."""
        for end in ("answer", "break", "refuse", "close", "reset", "timeout"):
            clients = ask(self.running, 2)
            self.assertTrue(self.refused(), end)
            connection = next(each for each in self.peer.connections if not each.is_gone)
            if end == "answer":
                connection.sends(OK)
            elif end == "break":
                connection.sends(SLOW)
                connection.closes()
            elif end == "refuse":
                connection.sends(b"nonsense\r\n\r\n")
            elif end == "close":
                clients[0].closes()
            elif end == "reset":
                clients[0].resets()
            else:
                self.running.clock.advance(61)
            self.assertFalse(self.refused(), end)
            for client in clients:
                client.closes()

    def test_streaming(self) -> None:
        """One whose response is being sent counts still."""
        clients = ask(self.running, 2)
        self.peer.connections[0].sends(SLOW)
        self.assertTrue(self.refused())
        self.peer.connections[0].sends(b"cd")
        self.assertFalse(self.refused())
        self.assertEqual(answered(clients)[:1], [200])

    def test_crash(self) -> None:
        """One whose handler raises, at once or later, counts no more."""

        def broken(request: Request) -> str:
            raise ZeroDivisionError

        running = run(server(80).limit_connections(1).location("/").step(Later()).respond(200, broken))
        for _ in range(3):
            clients = ask(running, 2)
            running.clock.advance(1)
            self.assertEqual(answered(clients), [500, 429])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)

    def test_reload(self) -> None:
        """What is under way counts after a reload as well, and its end is not missed."""
        clients = ask(self.running, 2)
        self.running.reload(server(80).limit_connections(2).location("/").proxy_to("a:1"))
        self.assertTrue(self.refused())
        clients[0].closes()
        self.assertFalse(self.refused())


class RateTests(SynchronousTestCase):
    """``.limit_rate()``."""

    def test_response(self) -> None:
        """A response goes out at its rate, and its peer is stopped meanwhile."""
        running = run(server(80).limit_rate(100_000).location("/").proxy_to("a:1"))
        client = running[0]
        client.sends(GET)
        [connection] = running.peers["a:1"].connections
        connection.sends(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 1_000_000)
        self.assertGreater(connection.unread, 700_000)
        for second in range(10):
            size = len(client.received.partition(b"\r\n\r\n")[2])
            self.assertGreaterEqual(size, 100_000 * second)
            self.assertLessEqual(size, 100_000 * second + 10_000)
            running.clock.advance(1)
        self.assertEqual([len(each.body) for each in client.responses], [1_000_000])
        self.assertEqual(running.exchanges[-1].sent, 1_000_000)

    def test_own(self) -> None:
        """So does a response of the proxy's own, in chunks if it is sent so; its connection is kept."""
        running = run(server(80).limit_rate(10, after=5).location("/").respond(200, "0123456789"))
        client = running[0]
        for _ in range(2):
            client.sends(GET)
            self.assertTrue(client.takes().endswith(b"012345"))
            running.clock.advance(0.5)
            self.assertEqual(client.takes(), b"6789")

    def test_function(self) -> None:
        """A function says whom to slow down."""
        web = (
            server(80)
            .limit_rate(lambda request: 10 if request.path == "/slow" else None)
            .location("/")
            .respond(200, "0123456789")
        )
        running = run(web)
        self.assertEqual(running[0].request("GET", "/fast").body, b"0123456789")
        running[0].sends(get("/slow"))
        self.assertTrue(running[0].takes().endswith(b"\r\n\r\n0"))

    def test_broken_function(self) -> None:
        """One that raises is answered with 500."""

        def broken(request: Request) -> float:
            raise ZeroDivisionError

        running = run(server(80).limit_rate(broken).location("/").respond(200))
        self.assertEqual(running[0].request("GET").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_lifted(self) -> None:
        """An inner None lifts an outer limit."""
        running = run(server(80).limit_rate(10).location("/").limit_rate(None).respond(200, "0123456789"))
        self.assertEqual(running[0].request("GET").body, b"0123456789")

    def test_client_leaves(self) -> None:
        """A client that leaves while its response waits leaves nothing behind."""
        running = run(server(80).limit_rate(10).location("/").respond(200, "0123456789"))
        running[0].sends(GET)
        running[0].closes()
        self.assertEqual(running.exchanges[-1].sent, 1)
        self.assertEqual(running.clock.getDelayedCalls(), [])

    def test_slow_client(self) -> None:
        """For a client that does not read nothing is sent, however much time passes; then at the rate."""
        running = run(server(80).limit_rate(1_000_000).location("/").respond(200, "x" * 3_000_000))
        client = running[0]
        client.stops_reading()
        client.sends(GET)
        running.clock.advance(30)
        self.assertLess(client.unsent, 300_000)
        client.reads()
        running.clock.advance(1)
        self.assertLess(len(client.received), 1_500_000)
        running.clock.advance(3)
        self.assertEqual([len(each.body) for each in client.responses], [3_000_000])


class RandomTests(SynchronousTestCase):
    """Whatever clients and peers do."""

    def test_all(self) -> None:
        """Limits lose no answer, leave no timer, and count what is under way: in the end nothing."""
        app = upstream("app", *NAMES)
        config = http(
            server(80).limit_connections(1000).limit_requests("2/s", burst=1000, delay=3)
            .location("/").proxy_to(app)
            .location("/again").limit_rate(5_000).retry(on=["error", "timeout", 503]).proxy_to(app),
        )  # fmt: skip
        for seed in range(25):
            play = Play(seed, config)
            [state] = [
                state
                for _, state in play.running.service._compiled.kept._living.values()
                if isinstance(state, UnderWay)
            ]
            play.act(60)
            play.end()
            self.assertEqual(len(state), 0, seed)
            self.assertEqual([repr(each) for each in play.running.clock.getDelayedCalls()], [], seed)
