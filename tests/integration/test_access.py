"""Guards on real sockets: the same requests to the proxy and to nginx, in front of the same servers."""

from __future__ import annotations

import subprocess
from functools import cache, partial
from itertools import product
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import Response, curl, fetch
from tests.integration.peers import nginx_with
from tests.integration.support import PATIENCE, PROGRAMS, Program, folder, free_port, proxy, require, shared, wait_until
from tests.support.passwords import APR1, BCRYPT, SHA512, basic

ADDRESSES = ("10.0.0.1", "10.0.0.2", "11.0.0.1", "12.0.0.1", "2001:db8::1", "2001:db9::1")


@cache
def users() -> Path:
    """A file of users with each kind of hash that nginx knows too."""
    path = folder() / "htpasswd"
    path.write_bytes(b"alice:%b\nbob:%b\ncarol:%b\n" % (BCRYPT, APR1, SHA512))
    # nginx's workers may be somebody else.
    path.chmod(0o644)
    return path


@cache
def app() -> int:
    """The port at which nginx serves the application, and the server that is asked."""
    return free_port()


def reference() -> Program:
    """nginx, and behind it the application."""
    return nginx_with(PROGRAMS / "access.nginx.conf", folder(), app=app(), users=str(users()))


def guarded() -> Program:
    """The proxy, with the same guards in front of the same application."""
    shared(reference)
    port = free_port()
    config = f"""
from pydsl_proxy import http, server, upstream

app = upstream("app", "127.0.0.1:{app()}")
users, ask = {str(users())!r}, "http://127.0.0.1:{app()}/verify"
web = (
    server("tcp:{port}:interface=127.0.0.1")
    .location("/open").proxy_to(app)
    .location("/address")
    .deny("10.0.0.1").allow("10.0.0.0/8", "2001:db8::/32").deny("11.0.0.0/8", "::/0").proxy_to(app)
    .location("/password").basic_auth(users, realm="Staff").proxy_to(app)
    .location("/asked").auth_request(ask, copy=["X-User"]).proxy_to(app)
    .location("/down").auth_request("127.0.0.1:1", copy=["X-User"]).proxy_to(app)
    .location("/all")
    .allow("10.0.0.0/8").deny("all").basic_auth(users).auth_request(ask, copy=["X-User"]).proxy_to(app)
    .location("/any").satisfy("any")
    .allow("10.0.0.0/8").deny("all").basic_auth(users).auth_request(ask, copy=["X-User"]).proxy_to(app)
    .location("/either").satisfy("any")
    .allow("10.0.0.0/8").basic_auth(users).remove_request_header("X-User").proxy_to(app)
)
proxy = http(web, access_log=None, shutdown_grace=0, trusted_proxies=["127.0.0.1"])
"""
    return proxy(config, port)


def told(response: Response) -> tuple[int, str, bytes]:
    """What both must agree in; the pages of errors, and the words of a challenge, are each one's own.

    nginx leaves the challenge of one guard in the 500 that is another one's.
    """
    scheme = response.fields.get("www-authenticate", "").partition(" ")[0] if response.status != 500 else ""
    return response.status, scheme, response.body if response.status == 200 else b""


def known(port: int, given: dict[str, str]) -> bool:
    """Whether the proxy that tells its users who they are knows this one."""
    return fetch(port, "/", fields=given).status == 200


class NginxTests(SynchronousTestCase):
    """What nginx says, the proxy says."""

    def same(self, path: str, fields: dict[str, str], method: str = "GET") -> tuple[int, str, bytes]:
        """What both answer."""
        ours, theirs = (told(fetch(shared(each).port, path, method, fields=fields)) for each in (guarded, reference))
        self.assertEqual(ours, theirs, f"{method} {path} {fields}")
        return ours

    def test_addresses(self) -> None:
        """``allow`` and ``deny``, in the order written, for all kinds of addresses and methods."""
        seen = [self.same("/address", {"X-Forwarded-For": address})[0] for address in ADDRESSES]
        self.assertEqual(seen, [403, 200, 403, 200, 200, 403])
        for method in ("HEAD", "OPTIONS", "POST"):
            self.same("/address", {"X-Forwarded-For": "11.0.0.1"}, method)

    def test_passwords(self) -> None:
        """Who is in the file and knows the password."""
        for user, password in product(("alice", "bob", "carol", "dave", ""), ("wonder", "x", "")):
            expected = 200 if user in ("alice", "bob", "carol") and password == "wonder" else 401
            self.assertEqual(self.same("/password", basic(user, password))[0], expected)
        for value in ("Basic", "Basic !", "Bearer YTpi", "basic YWxpY2U6d29uZGVy", "Basic YWxpY2U="):
            self.same("/password", {"Authorization": value})

    def test_asked(self) -> None:
        """What the server that is asked says, also if it cannot be asked."""
        for says in ("204", "401", "403", "302", "404", "500"):
            self.same("/asked", {"X-Says": says, "X-User": "root"})
            self.same("/asked", {"X-Says": says}, "HEAD")
        self.assertEqual(self.same("/asked", {})[2], b"GET user=eve\n")
        self.assertEqual(self.same("/down", {})[0], 500)

    def test_satisfy(self) -> None:
        """All guards, and one of them, in every combination of what each says."""
        seen = set()
        for path, address, password, says in product(
            ("/all", "/any", "/either"), ("10.0.0.1", "11.0.0.1"), ("wonder", "x"), ("204", "401", "403", "500")
        ):
            fields = {"X-Forwarded-For": address, "X-Says": says, "X-User": "root", **basic("alice", password)}
            seen.add(self.same(path, fields))
        self.assertEqual({status for status, _, _ in seen}, {200, 401, 403, 500})
        self.assertNotIn(b"root", b"".join(body for _, _, body in seen if b"root" in body))


class ProgramTests(SynchronousTestCase):
    """Programs that people use."""

    def test_curl(self) -> None:
        """curl logs in."""
        url = f"http://127.0.0.1:{shared(guarded).port}/password"
        self.assertIn(b"GET user=", curl("--user", "alice:wonder", url).stdout)
        code = curl("--user", "alice:x", "--output", "/dev/null", "--write-out", "%{http_code}", url)
        self.assertEqual(code.stdout, b"401")

    def test_htpasswd(self) -> None:
        """Users that htpasswd adds can log in, and those that it deletes cannot, without a reload."""
        htpasswd = require("htpasswd", "apt-get install apache2-utils")
        file, port = folder() / "htpasswd", free_port()
        subprocess.run([htpasswd, "-c", "-b", "-B", "-C", "4", file, "alice", "one"], check=True, capture_output=True)
        config = f"""
from pydsl_proxy import authenticated_user, http, server

web = server("tcp:{port}:interface=127.0.0.1").location("/").basic_auth({str(file)!r})
proxy = http(web.respond(200, authenticated_user), access_log=None)
"""
        with proxy(config, port):
            self.assertEqual(fetch(port, "/", fields=basic("alice", "one")).body, b"alice")
            for kind in ("-B", "-m", "-2", "-5"):
                subprocess.run([htpasswd, "-b", kind, file, "bob", f"two{kind}"], check=True, capture_output=True)
                given = basic("bob", f"two{kind}")
                wait_until(partial(known, port, given), PATIENCE, f"a user by {kind}")
            subprocess.run([htpasswd, "-D", file, "alice"], check=True, capture_output=True)
            gone = basic("alice", "one")
            wait_until(lambda: not known(port, gone), PATIENCE, "a user who is gone")
