"""Conversations with clients that may pass, and with those that may not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import access_log, authenticated_user, exact, http, named, remote_user, server, status, upstream
from pydsl_proxy.config.locations import OpenLocation
from pydsl_proxy.config.servers import Server
from pydsl_proxy.errors import ConfigErrors
from pydsl_proxy.features.access import basic_auth
from pydsl_proxy.testing import Running, run
from tests.conversations.test_filters import RedirectTo
from tests.support.messages import GET, OK, answer, get
from tests.support.passwords import ALICE, APR1, BCRYPT, HeldChecks, basic, users_file
from tests.support.places import place

SPOOFED = {"X-User": "root", "x-user": "admin", "X_User": "x"}
GOOD = basic("alice", "wonder")


def statuses(running: Running, *addresses: str, path: str = "/") -> list[int]:
    """What clients at these addresses are answered."""
    return [running.client(address).request("GET", path).status for address in addresses]


def ended(running: Running) -> tuple[int, str]:
    """How the last exchange ended, and why."""
    last = running.exchanges[-1]
    return last.status, last.cause


class AddressTests(SynchronousTestCase):
    """``allow`` and ``deny``."""

    def test_first_match(self) -> None:
        """The first rule that has the address counts; where none has it, the client passes."""
        running = run(place().deny("10.0.0.1").allow("10.0.0.0/24", "2001:db8::/32").deny("10.0.0.0/8").respond(200))
        asked = statuses(running, "10.0.0.1", "10.0.0.2", "10.1.0.1", "11.0.0.1", "2001:db8::1", "::ffff:10.0.0.1")
        self.assertEqual(asked, [403, 200, 403, 200, 200, 403])
        self.assertEqual(ended(running), (403, "access_denied"))
        self.assertEqual(running.exchanges[-1].message, "10.0.0.1 is refused by deny('10.0.0.1')")

    def test_scopes(self) -> None:
        """The rules of an inner scope are looked at before those further out, which stay in force."""
        web = (
            server(80)
            .deny("10.0.0.1")
            .location("/").allow("10.0.0.0/8").respond(200)
            .location("/open").allow("all").respond(200)
            .location("/shut").deny("all").respond(200)
            .location("/same").respond(200)
        )  # fmt: skip
        running = run(http(web).deny("11.0.0.1"))
        for path, expected in (
            ("/", [200, 200, 403]),
            ("/open", [200, 200, 200]),
            ("/shut", [403, 403, 403]),
            ("/same", [403, 200, 403]),
        ):
            self.assertEqual(statuses(running, "10.0.0.1", "10.0.0.2", "11.0.0.1", path=path), expected, path)

    def test_unix(self) -> None:
        """Clients at a UNIX socket are none of the network, and have a word of their own."""
        for made, expected in (
            (server("unix:/s").location("/").allow("unix:").deny("all"), 200),
            (server("unix:/s").location("/").deny("unix:"), 403),
            (server("unix:/s").location("/").deny("0.0.0.0/0", "::/0"), 200),
            (server("unix:/s").location("/").allow("0.0.0.0/0", "::/0").deny("all"), 403),
        ):
            self.assertEqual(run(made.respond(200))[0].request("GET", "/").status, expected)

    def test_behind_proxies(self) -> None:
        """The address is the client's that a trusted proxy tells; a stranger's word is not heard."""
        web = place().allow("192.0.2.1").deny("all").respond(200)
        running = run(http(web, trusted_proxies=["10.0.0.0/8"]), address="10.0.0.1")
        told = {"X-Forwarded-For": "192.0.2.1"}
        self.assertEqual(running[0].request("GET", "/", told).status, 200)
        self.assertEqual(running[0].request("GET", "/", {"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}).status, 403)
        self.assertEqual(running.client("192.0.2.2").request("GET", "/", told).status, 403)

    def test_malformed_forwarded(self) -> None:
        """Who hides behind half of a field is refused, and does not pass for the proxy that handed it on."""
        web = place().allow("10.0.0.0/8").deny("all").respond(200)
        running = run(http(web, trusted_proxies=["10.0.0.0/8"], client_address_from="forwarded"), address="10.0.0.1")
        for value in ('for="6.6.6.6, for=192.0.2.1', "for=192.0.2.1:80"):
            client = running.client("10.0.0.1")
            self.assertEqual(client.request("GET", "/", {"Forwarded": value}).status, 400)
            self.assertTrue(client.is_closed)
            self.assertEqual(ended(running), (400, "bad_request"))
        self.assertEqual(running[0].request("GET", "/", {"Forwarded": "for=192.0.2.1"}).status, 403)
        self.assertEqual(running[0].request("GET", "/", {"Forwarded": "for=10.2.2.2"}).status, 200)

    def test_no_address(self) -> None:
        """A client whose address cannot be read is refused by any deny, and let in by ``allow("all")`` alone."""
        for made, expected in (
            (place().deny("10.0.0.0/8"), 403),
            (place().allow("10.0.0.0/8").deny("11.0.0.0/8"), 403),
            (place().allow("10.0.0.0/8").deny("all"), 403),
            (place().allow("all"), 200),
            (place().deny("10.0.0.0/8").allow("all"), 403),
            (place().allow("10.0.0.0/8"), 200),
        ):
            self.assertEqual(statuses(run(made.respond(200)), "somebody"), [expected], repr(made))

    def test_spellings(self) -> None:
        """A location is protected however its path is spelled."""
        running = run(server(80).location("/").respond(200).location("/admin").deny("all").respond(200))
        for target in (
            "/admin",
            "/admin/",
            "/%61dmin",
            "//admin",
            "/x/../admin",
            "/x/%2e%2e/admin",
            "/./admin?x",
            "http://localhost/admin",
            "/administration",
        ):
            self.assertEqual(running[0].request("GET", target).status, 403, target)

    def test_methods(self) -> None:
        """Every method is guarded, in every version; HEAD has no body."""
        client, _ = run(place().deny("all").respond(200))
        for method in ("HEAD", "OPTIONS", "POST"):
            self.assertEqual(client.request(method, "/").status, 403)
        client.sends(b"GET / HTTP/1.0\r\n\r\n")
        self.assertTrue(client.received.startswith(b"HTTP/1.1 403 "))

    def test_before_the_body(self) -> None:
        """Who is refused need not send a body first; the peer hears nothing."""
        client, peers = run(place().deny("all").proxy_to("a:1"))
        client.sends(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\nexpect: 100-continue\r\n\r\n")
        self.assertTrue(client.received.startswith(b"HTTP/1.1 403 "))
        self.assertEqual(peers["a:1"].connections, [])

    def test_reload(self) -> None:
        """Another configuration counts from the next request on."""
        running = run(place().respond(200))
        running[0].request("GET", "/")
        running.reload(place().deny("all").respond(200))
        self.assertEqual(running[0].request("GET", "/").status, 403)


class PasswordTests(SynchronousTestCase):
    """``basic_auth``."""

    def guarded(self, realm: str = "Staff") -> OpenLocation[Server]:
        """A location for alice and bob."""
        return place().basic_auth(users_file(self.mktemp(), ALICE, b"bob:" + APR1), realm=realm)

    def test_right(self) -> None:
        """The user is a value for peers and logs; the password goes on, as nginx does, unless it is removed."""
        web = self.guarded().set_request_header("X-User", authenticated_user)
        log = access_log(format=f"{authenticated_user} {remote_user} {status}")
        running = run(http(web.proxy_to("a:1"), access_log=log))
        client, peers = running
        peers["a:1"].answers()
        for user in ("alice", "bob"):
            given = basic(user, "wonder")
            self.assertEqual(client.request("GET", "/", {**given, **SPOOFED}).status, 200)
            sent = peers["a:1"].requests[-1].headers
            self.assertEqual((sent.all("X-User"), sent["Authorization"]), ([user], given["Authorization"]))
        self.assertEqual(running.log, ["alice alice 200", "bob bob 200"])
        running.reload(web.remove_request_header("Authorization").proxy_to("a:1"))
        client.request("GET", "/", GOOD)
        self.assertNotIn("Authorization", peers["a:1"].requests[-1].headers)

    def test_wrong(self) -> None:
        """All others are asked for a password, by the same answer."""
        web = self.guarded('Staff "only" \\')
        running = run(http(web.proxy_to("a:1"), access_log=access_log(format=f"{authenticated_user}")))
        asked = [
            running[0].request("GET", "/", given)
            for given in ({}, basic("alice", "x"), basic("carol", "wonder"), {"Authorization": "Bearer YTpi"})
        ]
        self.assertEqual({response.status for response in asked}, {401})
        challenges = {response.headers["WWW-Authenticate"] for response in asked}
        self.assertEqual(challenges, {'Basic realm="Staff \\"only\\" \\\\", charset="UTF-8"'})
        self.assertEqual((ended(running), running.log), ((401, "unauthorized"), ["-"] * 4))

    def test_repeated(self) -> None:
        """Two Authorization fields are refused, as nginx does: peer and proxy might not take the same one."""
        client, _ = run(self.guarded().proxy_to("a:1"))
        pairs = [*GOOD.items(), ("authorization", "Basic eDp5")]
        self.assertEqual(client.request("GET", "/", pairs).status, 400)

    def test_huge(self) -> None:
        """A field as large as a head may be is a wrong password."""
        client, _ = run(self.guarded().proxy_to("a:1"))
        self.assertEqual(client.request("GET", "/", basic("alice", "x" * 20_000)).status, 401)

    def test_named_in_connection(self) -> None:
        """A client may have its own password removed; it is checked all the same."""
        client, peers = run(self.guarded().proxy_to("a:1"))
        peers["a:1"].answers()
        self.assertEqual(client.request("GET", "/", {**GOOD, "Connection": "authorization"}).status, 200)
        self.assertNotIn("Authorization", peers["a:1"].requests[-1].headers)
        self.assertEqual(client.request("GET", "/", {"Connection": "authorization"}).status, 401)

    def test_lifted(self) -> None:
        """An inner scope may ask for nothing, or in another file."""
        other = users_file(self.mktemp(), b"carol:" + BCRYPT)
        web = (
            server(80).basic_auth(users_file(self.mktemp(), ALICE))
            .location("/").respond(200)
            .location("/open").basic_auth(None).respond(200, f"{authenticated_user}.")
            .location("/other").basic_auth(other).respond(200)
        )  # fmt: skip
        client, _ = run(web)
        self.assertEqual([client.request("GET", path).status for path in ("/", "/open", "/other")], [401, 200, 401])
        self.assertEqual(client.request("GET", "/other", GOOD).status, 401)
        self.assertEqual(client.request("GET", "/open", GOOD).text, ".")

    def test_changed(self) -> None:
        """A user who was taken out of the file is out within a second; a reload keeps what is known of the rest."""
        folder = self.mktemp()
        path = users_file(folder, ALICE)
        running = run(place().basic_auth(path).respond(200))
        self.assertEqual(running[0].request("GET", "/", GOOD).status, 200)
        running.reload(place().basic_auth(path).respond(204))
        self.assertEqual(running[0].request("GET", "/", GOOD).status, 204)
        users_file(folder, b"bob:" + BCRYPT)
        running.clock.advance(1)
        self.assertEqual(running[0].request("GET", "/", GOOD).status, 401)

    def test_file(self) -> None:
        """A file that cannot be used is told with the configuration, once, with file, line and what to do."""
        path = users_file(self.mktemp(), ALICE, b"bob:plain")
        web = server(80).basic_auth(path)
        for _ in range(2):
            with self.assertRaises(ConfigErrors) as caught:
                run(web.location("/").respond(200).location("/a").respond(200))
            (error,) = caught.exception.errors
            self.assertIn(f"basic_auth(): {path}:2: user bob: the password is no hash", error.message)
            self.assertEqual(error.hint, f"make it anew: htpasswd -B {path} bob")
            self.assertEqual(error.origin, web.features[0].origin)
        with self.assertRaisesRegex(ConfigErrors, "cannot be read: No such file"):
            run(place().basic_auth(f"{path}.gone").respond(200))

    def test_broken_later(self) -> None:
        """A reload with a file that has become bad is refused, and what is in force stays."""
        folder = self.mktemp()
        config = place().basic_auth(users_file(folder, ALICE)).respond(200)
        running = run(config)
        users_file(folder, b"broken")
        self.assertRaises(ConfigErrors, running.reload, config)
        running.clock.advance(5)
        self.assertEqual(running[0].request("GET", "/", GOOD).status, 200)


class SlowPasswordTests(SynchronousTestCase):
    """While a password is being checked."""

    def setUp(self) -> None:
        """Checks come to their end when the test says so."""
        self.held = HeldChecks()
        self.patch(basic_auth, "runner", lambda reactor: self.held.run)
        self.folder = self.mktemp()
        self.config = place().basic_auth(users_file(self.folder, ALICE)).proxy_to("a:1")
        self.running = run(self.config)
        self.client, self.peers = self.running
        self.head = get("/", *(f"{name}: {value}" for name, value in GOOD.items()))

    def finish(self) -> None:
        """Let all checks come to their end."""
        self.held.finish()
        self.running.clock.settle()

    def test_waits(self) -> None:
        """The peer hears of the request when it is over."""
        self.client.sends(self.head)
        self.assertEqual(self.peers["a:1"].connections, [])
        self.finish()
        self.assertTrue(self.peers["a:1"].takes().startswith(b"GET / "))
        self.peers["a:1"].sends(OK)
        self.client.expects(OK)

    def test_pipelined(self) -> None:
        """Requests that follow wait for their turn."""
        self.client.sends(self.head + get("/2"))
        self.assertEqual(len(self.held.waiting), 1)
        self.finish()
        self.peers["a:1"].sends(OK)
        self.assertEqual([response.status for response in self.client.responses], [200, 401])

    def test_body(self) -> None:
        """A body that comes meanwhile is held, within bounds, and goes to the peer."""
        self.client.sends(get("/", *(f"{name}: {value}" for name, value in GOOD.items()), "Content-Length: 1000000"))
        self.client.sends(b"x" * 1_000_000)
        self.assertGreater(self.client.unread, 500_000)
        self.finish()
        self.assertEqual(self.client.unread, 0)
        self.assertTrue(self.peers["a:1"].takes().endswith(b"x" * 1_000_000))

    def test_client_leaves(self) -> None:
        """A client that leaves is forgotten; its check comes to nothing."""
        self.client.sends(self.head)
        self.client.closes()
        self.finish()
        self.assertEqual(self.peers["a:1"].connections, [])
        self.assertEqual(ended(self.running), (499, "client_closed"))

    def test_reload(self) -> None:
        """It ends on the site that it began with; the check is not lost."""
        self.client.sends(self.head)
        self.running.reload(place().respond(204))
        self.finish()
        self.assertEqual(len(self.peers["a:1"].requests), 1)

    def test_busy(self) -> None:
        """If too many wait the answer is 503, and no password is asked for."""
        for number in range(300):
            self.running.client().sends(get("/", *(f"{n}: {v}" for n, v in basic("alice", str(number)).items())))
        refused = [each for each in self.running.exchanges if each.status == 503]
        self.assertEqual(len(refused), 300 - 256 - 4)
        self.assertEqual(ended(self.running), (503, "auth_busy"))


class AskedTests(SynchronousTestCase):
    """``auth_request``."""

    def asking(self, *, pass_reply: bool = False, pass_cookies: bool = False) -> Running:
        """A location that asks, and takes over who the client is."""
        asking = place().auth_request(
            "http://auth:1/verify", copy=["X-User", "X-Groups"], pass_reply=pass_reply, pass_cookies=pass_cookies
        )
        return run(asking.proxy_to("a:1"))

    def test_question(self) -> None:
        """The client's fields are asked about, but those of its body, its conditions and this hop."""
        client, peers = self.asking()
        client.sends(
            b"POST /a%2Fb?c HTTP/1.1\r\nHost: e.org\r\nCookie: s=1\r\nAuthorization: Bearer x\r\nContent-Length: 2\r\n"
            b"Expect: 100-continue\r\nIf-None-Match: *\r\nRange: bytes=0-1\r\nTE: trailers\r\nTrailer: a\r\n"
            b"Connection: te, X-Original-URI, x-forwarded-uri, keep-alive\r\nX-Original-URI: /open\r\n"
            b"X-Forwarded-Method: HEAD\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
        )
        peers["auth:1"].expects(
            b"GET /verify HTTP/1.1\r\nHost: e.org\r\nCookie: s=1\r\nAuthorization: Bearer x\r\n"
            b"X-Original-URI: /a%2Fb?c\r\nX-Original-Method: POST\r\nX-Forwarded-Uri: /a%2Fb?c\r\n"
            b"X-Forwarded-Method: POST\r\nX-Forwarded-Host: e.org\r\nX-Real-IP: 127.0.0.1\r\n"
            b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n\r\n"
        )
        self.assertEqual(client.received, b"")

    def test_granted(self) -> None:
        """What the answer says goes to the peer; of what the client says of it, nothing does."""
        client, peers = self.asking()
        peers["a:1"].answers()
        for fields, user, groups in (
            ([("X-User", "eve"), ("x-groups", "a"), ("X-Groups", "b"), ("X-Other", "o")], ["eve"], ["a", "b"]),
            ([("X-User", "eve")], ["eve"], []),
            ([("X-User", "")], [], []),
            ([], [], []),
        ):
            peers["auth:1"].answers(204, headers=fields)
            given = {**SPOOFED, "X-GROUPS": "wheel", "Connection": "x-user", "Accept": "x"}
            self.assertEqual(client.request("GET", "/", given).status, 200)
            sent = peers["a:1"].requests[-1].headers
            self.assertEqual((sent.all("X-User"), sent.all("X-Groups")), (user, groups))
            self.assertEqual((sent["Accept"], "X-Other" in sent, "X_User" in sent), ("x", False, False))

    def test_known_again(self) -> None:
        """However often a section comes, whole or but for a field that changes: nothing of the client's own passes."""
        client, peers = self.asking()
        peers["a:1"].answers()
        for number in range(40):
            peers["auth:1"].answers(204, headers={"X-User": f"eve{number % 3}"} if number % 4 else {})
            given = {**SPOOFED, "X-Request-Id": str(number if number > 20 else 1), "User-Agent": "a"}
            self.assertEqual(client.request("GET", "/", given).status, 200)
            sent = peers["a:1"].requests[-1].headers
            self.assertEqual(sent.all("X-User"), [f"eve{number % 3}"] if number % 4 else [])
            self.assertEqual(sent["X-Request-Id"], given["X-Request-Id"])

    def test_body(self) -> None:
        """The body waits for the answer, and goes to the peer whole."""
        client, peers = self.asking()
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        self.assertNotIn(b"hello", peers["auth:1"].takes())
        peers["auth:1"].sends(answer())
        client.sends(b"0\r\n\r\n")
        self.assertTrue(peers["a:1"].takes().endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))

    def test_trailers(self) -> None:
        """What the client must not say in its head it does not say behind its body either."""
        client, peers = self.asking()
        peers["auth:1"].answers()
        client.sends(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: x-groups\r\n\r\n"
            b"2\r\nhi\r\n0\r\nX-User: root\r\nX-Groups: wheel\r\nX-Sum: 1\r\n\r\n"
        )
        self.assertTrue(peers["a:1"].takes().endswith(b"\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n"))

    def test_refused(self) -> None:
        """401, with its challenges, and 403 are passed on; all else is our fault."""
        running = self.asking()
        client, peers = running
        for code, challenges, expected in (
            (401, ["Basic realm=a", "Bearer"], 401),
            (403, [], 403),
            (302, [], 500),
            (404, [], 500),
            (500, [], 500),
        ):
            asks = [("WWW-Authenticate", each) for each in challenges or ["Bearer"]]
            peers["auth:1"].answers(code, b"secret", asks)
            response = client.request("GET", "/", SPOOFED)
            self.assertEqual((response.status, response.headers.all("WWW-Authenticate")), (expected, challenges))
            self.assertNotIn("secret", response.text)
            self.assertEqual(ended(running), (expected, "auth_refused" if expected < 500 else "auth_failed"))
        self.assertEqual(peers["a:1"].connections, [])

    def test_boundaries(self) -> None:
        """Every 2xx lets the client in and no other status does; a reply that is passed on is a 3xx or a 4xx."""
        for pass_reply, code, expected in (
            *((False, code, 200) for code in (200, 299)),
            *((False, code, 500) for code in (300, 304, 399, 400, 402, 404, 499, 500)),
            *((True, code, 200) for code in (200, 299)),
            *((True, code, code) for code in (300, 304, 402, 499)),
            (True, 500, 500),
        ):
            client, peers = self.asking(pass_reply=pass_reply)
            peers["auth:1"].answers(code)
            peers["a:1"].answers()
            self.assertEqual(client.request("GET", "/").status, expected, (pass_reply, code))
            self.assertEqual(len(peers["a:1"].requests), expected == 200)

    def test_passed_on(self) -> None:
        """Where that is asked for, an answer of 3xx or 4xx is the client's; one of 5xx is nobody's."""
        client, peers = self.asking(pass_reply=True)
        login = [("Location", "https://login.example.com/?rd=/"), ("Set-Cookie", "state=1")]
        for code, expected in ((302, 302), (401, 401), (429, 429), (503, 500)):
            peers["auth:1"].answers(code, b"come in", login)
            response = client.request("GET", "/")
            self.assertEqual(response.status, expected)
            self.assertEqual("Location" in response.headers, expected < 500)
            self.assertEqual(response.body == b"come in", expected < 500)
        peers["auth:1"].answers(401, b"come in", login)
        self.assertEqual(client.request("HEAD", "/").body, b"")
        self.assertEqual(client.request("GET", "/").body, b"come in")

    def test_cookies(self) -> None:
        """Where that is asked for, cookies of a 2xx go to the client with the response of the peer."""
        for passed in (True, False):
            client, peers = self.asking(pass_cookies=passed)
            peers["auth:1"].answers(200, headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
            peers["a:1"].answers(200, b"", [("Set-Cookie", "c=3")])
            expected = ["c=3", "a=1", "b=2"] if passed else ["c=3"]
            self.assertEqual(client.request("GET", "/").headers.all("Set-Cookie"), expected)
            peers["auth:1"].answers(200)
            self.assertEqual(client.request("GET", "/").headers.all("Set-Cookie"), ["c=3"])

    def test_cookies_elsewhere(self) -> None:
        """So they do where the peer, or an error's page, leads to another location."""
        asking = place().auth_request("auth:1", pass_cookies=True).error_page(404, to=named("page"), intercept=True)
        web = asking.proxy_to("a:1").location("/file").respond(200, "file").location(named("page")).respond(404, "page")
        # Where one location has a condition, all of them are looked up in another way.
        forked = web.location("/file").when(lambda request: True).respond(200, "other")
        for config, file in ((web, "file"), (forked, "other")):
            for code, fields, page in ((200, [("X-Accel-Redirect", "/file")], file), (404, [], "page")):
                client, peers = run(config)
                peers["auth:1"].answers(200, headers=[("Set-Cookie", "a=1")])
                peers["a:1"].answers(code, headers=fields)
                response = client.request("GET", "/")
                self.assertEqual((response.text, response.headers.all("Set-Cookie")), (page, ["a=1"]))

    def test_brought_along(self) -> None:
        """A client that brings the answer is not asked about with it; what it shows for itself is asked about."""
        web = place().auth_request("auth:1", copy=["X-User", "Cookie", "Authorization"]).proxy_to("a:1")
        client, peers = run(web)
        peers["auth:1"].answers(401)
        client.request("GET", "/", {**SPOOFED, "Cookie": "s=1", "Authorization": "Bearer x"})
        asked = peers["auth:1"].requests[-1].headers
        self.assertEqual((asked.all("X-User"), asked["Cookie"], asked["Authorization"]), ([], "s=1", "Bearer x"))

    def test_down(self) -> None:
        """Nobody passes while the server cannot be asked, or does not answer in time."""
        running = self.asking()
        client, peers = running
        peers["auth:1"].refuses()
        self.assertEqual(client.request("GET", "/").status, 500)
        self.assertEqual(ended(running), (500, "auth_failed"))
        self.assertIn("auth:1", running.exchanges[-1].message)
        running = self.asking()
        client, peers = running
        client.sends(GET)
        running.clock.advance(29.9)
        self.assertEqual(client.received, b"")
        running.clock.advance(0.2)
        self.assertTrue(client.received.startswith(b"HTTP/1.1 500 "))
        self.assertTrue(peers["auth:1"].is_closed)
        self.assertEqual(peers["a:1"].connections, [])

    def test_broken(self) -> None:
        """An answer that breaks off, that is none, or that is too long grants nothing."""
        for sent in (
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab",
            b"nonsense\r\n\r\n",
            b"",
            answer(b"x" * 70_000),
        ):
            client, peers = self.asking()
            client.sends(GET)
            peers["auth:1"].sends(sent)
            peers["auth:1"].closes()
            self.assertTrue(client.received.startswith(b"HTTP/1.1 500 "), sent)
            self.assertEqual(peers["a:1"].connections, [])

    def test_client_leaves(self) -> None:
        """A client that leaves ends the question."""
        running = self.asking()
        running[0].sends(GET)
        running[0].closes()
        self.assertTrue(running.peers["auth:1"].is_closed)
        running.clock.advance(60)
        self.assertEqual(ended(running), (499, "client_closed"))

    def test_pipelined(self) -> None:
        """Each request is asked about, in its turn."""
        client, peers = self.asking()
        client.sends(get("/1") + get("/2"))
        self.assertEqual(peers["auth:1"].takes().count(b"GET /verify"), 1)
        peers["auth:1"].sends(answer())
        peers["a:1"].sends(OK)
        self.assertIn(b"X-Original-URI: /2\r\n", peers["auth:1"].takes())
        peers["auth:1"].sends(answer(b"", "403 Forbidden"))
        self.assertEqual([response.status for response in client.responses], [200, 403])

    def test_reload(self) -> None:
        """A question that is under way ends on the site that it began with."""
        running = self.asking()
        running[0].sends(GET)
        running.reload(place().deny("all").respond(200))
        running.peers["auth:1"].sends(answer())
        self.assertEqual(len(running.peers["a:1"].requests), 1)

    def test_repeated(self) -> None:
        """Two Authorization fields are refused: who is asked and who answers might not take the same one."""
        client, peers = self.asking()
        pairs = [*GOOD.items(), ("authorization", "Basic eDp5")]
        self.assertEqual(client.request("GET", "/", pairs).status, 400)
        self.assertEqual(peers["auth:1"].connections, [])

    def test_own_fields(self) -> None:
        """What the location sends its peers or hides from them has no part in the question."""
        web = place().remove_request_header("Authorization").set_request_header("Cookie", "no")
        client, peers = run(web.auth_request("auth:1").proxy_to("a:1"))
        peers["auth:1"].answers()
        peers["a:1"].answers()
        client.request("GET", "/", {**GOOD, "Cookie": "s=1"})
        asked, sent = peers["auth:1"].requests[-1], peers["a:1"].requests[-1].headers
        self.assertEqual((asked.target, asked.headers["Cookie"]), ("/", "s=1"))
        self.assertEqual(asked.headers["Authorization"], GOOD["Authorization"])
        self.assertEqual((sent["Cookie"], "Authorization" in sent), ("no", False))

    def test_translated(self) -> None:
        """The client's password may be exchanged for a token of our own."""
        client, peers = run(place().auth_request("auth:1", copy=["Authorization"]).proxy_to("a:1"))
        peers["auth:1"].answers(headers={"Authorization": "Bearer ours"})
        peers["a:1"].answers()
        client.request("GET", "/", GOOD)
        self.assertEqual(peers["auth:1"].requests[-1].headers["Authorization"], GOOD["Authorization"])
        self.assertEqual(peers["a:1"].requests[-1].headers.all("Authorization"), ["Bearer ours"])

    def test_refused_elsewhere(self) -> None:
        """Where an error page leads a client that was refused, nothing of its own passes for what we were told."""
        for one, code in ((False, 401), (False, 500), (True, 403), (True, 500)):
            web = place().auth_request("auth:1", copy=["X-User"]).error_page(401, 403, 500, to=named("open"))
            web = web.deny("all").satisfy("any") if one else web
            client, peers = run(web.proxy_to("a:1").location(named("open")).proxy_to("b:1"))
            peers["auth:1"].answers(code)
            peers["b:1"].answers()
            client.request("POST", "/", SPOOFED, b"data")
            sent = peers["b:1"].requests[-1]
            self.assertEqual((sent.body, sent.headers.all("X-User")), (b"data", []), (one, code))

    def test_named_elsewhere(self) -> None:
        """Connection does not hide from the peer of an error's page, nor from a mirror, who the client is."""
        web = place().auth_request("auth:1", copy=["X-User"]).mirror("c:1").error_page(503, to="/page", intercept=True)
        client, peers = run(web.proxy_to("a:1").location("/page").proxy_to("b:1"))
        peers["auth:1"].answers(headers={"X-User": "eve"})
        peers["a:1"].answers(503)
        for each in (peers["b:1"], peers["c:1"]):
            each.answers()
        client.request("POST", "/", {**SPOOFED, "Connection": "x-user, x-hop", "X-Hop": "1"}, b"data")
        for name in ("a:1", "b:1", "c:1"):
            sent = peers[name].requests[-1].headers
            self.assertEqual((sent.all("X-User"), "x-hop" in sent), (["eve"], False), name)

    def test_lifted(self) -> None:
        """Where nobody is asked, the client still cannot say what elsewhere only the server may."""
        web = server(80).auth_request("auth:1", copy=["X-User"]).location("/").auth_request(None).proxy_to("a:1")
        client, peers = run(web)
        peers["a:1"].answers()
        self.assertEqual(client.request("GET", "/", SPOOFED).status, 200)
        self.assertEqual(peers["a:1"].requests[-1].headers.all("X-User"), [])

    def test_old_client(self) -> None:
        """A client of HTTP/1.0 without a host is asked about, and answered, as any other."""
        client, peers = self.asking()
        client.sends(b"GET /a HTTP/1.0\r\n\r\n")
        asked = peers["auth:1"].takes()
        self.assertIn(b"\r\nHost: auth:1\r\n", asked)
        self.assertNotIn(b"X-Forwarded-Host", asked)
        peers["auth:1"].sends(answer())
        peers["a:1"].sends(OK)
        self.assertTrue(client.received.endswith(b"\r\n\r\nok"))


class SatisfyTests(SynchronousTestCase):
    """``satisfy``: several guards at one location."""

    def guarded(self, *, one: bool, asks: bool = True) -> Running:
        """A location with all three guards."""
        guarded = place().allow("10.0.0.0/8").deny("all").basic_auth(users_file(self.mktemp(), ALICE))
        if asks:
            guarded = guarded.auth_request("auth:1", copy=["X-User"])
        if one:
            guarded = guarded.satisfy("any")
        return run(guarded.set_request_header("X-Known", authenticated_user).proxy_to("a:1"))

    def answered(self, running: Running, address: str, given: dict[str, str], code: int | None) -> int:
        """The status for a client; *code* is what the server that is asked says, None that it must not be asked."""
        before = len(running.peers["auth:1"].requests)
        running.peers["auth:1"].answers(code or 200, headers={"X-User": "eve"})
        running.peers["a:1"].answers()
        client = running.client(address)
        client.request("GET", "/", {**given, **SPOOFED})
        asked = len(running.peers["auth:1"].requests) - before
        self.assertEqual(asked, code is not None)
        return client.responses[-1].status

    def test_all(self) -> None:
        """Each must grant; they are asked as written, and the first that refuses answers."""
        running = self.guarded(one=False)
        for address, given, code, expected in (
            ("10.0.0.1", GOOD, 200, 200),
            ("11.0.0.1", GOOD, None, 403),
            ("10.0.0.1", {}, None, 401),
            ("10.0.0.1", GOOD, 403, 403),
            ("10.0.0.1", GOOD, 500, 500),
        ):
            self.assertEqual(self.answered(running, address, given, code), expected, (address, given, code))

    def test_any(self) -> None:
        """One is enough, and no further one is asked; if all refuse a 401 counts before a 403."""
        running = self.guarded(one=True)
        for address, given, code, expected in (
            ("10.0.0.1", {}, None, 200),
            ("11.0.0.1", GOOD, None, 200),
            ("11.0.0.1", {}, 200, 200),
            ("11.0.0.1", {}, 403, 401),
            ("11.0.0.1", {}, 401, 401),
            ("11.0.0.1", {}, 500, 500),
        ):
            self.assertEqual(self.answered(running, address, given, code), expected, (address, given, code))

    def test_vouched(self) -> None:
        """Who passes by another guard is not known by this one, whatever the client says."""
        running = self.guarded(one=True)
        for address, given, code, user, known in (
            ("10.0.0.1", GOOD, None, [], []),
            ("11.0.0.1", GOOD, None, [], ["alice"]),
            ("11.0.0.1", {}, 200, ["eve"], []),
        ):
            self.answered(running, address, given, code)
            sent = running.peers["a:1"].requests[-1].headers
            self.assertEqual((sent.all("X-User"), sent.all("X-Known")), (user, known), (address, given))

    def test_challenge(self) -> None:
        """The challenges of all go to the client that nobody lets pass, and to no other."""
        running = self.guarded(one=True, asks=False)
        running.peers["a:1"].answers()
        self.assertIn("WWW-Authenticate", running.client("11.0.0.1").request("GET", "/").headers)
        self.assertNotIn("WWW-Authenticate", running.client("10.0.0.1").request("GET", "/").headers)
        running = self.guarded(one=True)
        running.peers["auth:1"].answers(401, headers={"WWW-Authenticate": "Bearer"})
        challenges = running.client("11.0.0.1").request("GET", "/").headers.all("WWW-Authenticate")
        self.assertEqual(challenges, ['Basic realm="Restricted", charset="UTF-8"', "Bearer"])

    def test_nothing_to_say(self) -> None:
        """Rules that have no word on an address neither let it pass nor refuse it; if nobody refuses it passes."""
        running = run(place().satisfy("any").allow("10.0.0.0/8").respond(200))
        self.assertEqual(statuses(running, "10.0.0.1", "11.0.0.1"), [200, 200])
        web = place().satisfy("any").allow("10.0.0.0/8").basic_auth(users_file(self.mktemp(), ALICE)).respond(200)
        self.assertEqual(statuses(run(web), "10.0.0.1", "11.0.0.1"), [200, 401])
        self.assertEqual(statuses(run(place().satisfy("any").respond(200)), "10.0.0.1"), [200])

    def test_waiting(self) -> None:
        """Guards that answer later are asked one after the other; a client that leaves meanwhile ends it."""
        held = HeldChecks()
        self.patch(basic_auth, "runner", lambda reactor: held.run)
        running = self.guarded(one=True)
        client = running.client("11.0.0.1")
        client.sends(get("/", *(f"{name}: {value}" for name, value in basic("alice", "x").items())))
        self.assertEqual(running.peers["auth:1"].connections, [])
        held.finish()
        running.clock.settle()
        self.assertEqual(len(running.peers["auth:1"].requests), 1)
        client.closes()
        self.assertTrue(running.peers["auth:1"].is_closed)
        client = running.client("11.0.0.1")
        client.sends(get("/", *(f"{name}: {value}" for name, value in GOOD.items())))
        held.finish()
        running.clock.settle()
        self.assertEqual(len(running.peers["a:1"].requests), 1)


class RedirectTests(SynchronousTestCase):
    """Redirects inside the proxy."""

    def test_guarded_again(self) -> None:
        """Each location that a request comes to has its own guards."""
        web = (
            server(80)
            .location(exact("/a")).step(RedirectTo(b"/a", b"@inside")).respond(200)
            .location(named("inside")).deny("all").respond(200)
        )  # fmt: skip
        self.assertEqual(run(web)[0].request("GET", "/a").status, 403)

    def test_upstream(self) -> None:
        """Peers of the server that is asked are balanced and tried as those of any upstream."""
        auth = upstream("auth", "auth:1", "auth:2")
        client, peers = run(place().auth_request(auth).respond(200))
        peers["auth:1"].refuses()
        peers["auth:2"].answers(200)
        self.assertEqual(client.request("GET", "/").status, 200)
