"""Conversations: what servers with TLS make of requests, once the handshake is done."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import (
    access_log,
    bytes_sent,
    cause,
    client_address,
    client_certificate_fingerprint,
    client_certificate_issuer,
    client_certificate_serial,
    client_certificate_subject,
    client_verified,
    http,
    location,
    scheme,
    server,
    server_name_indication,
    status,
    tls,
    tls_cipher,
    tls_protocol,
    upstream,
)
from pydsl_proxy.config.servers import Server
from pydsl_proxy.testing import Handshake, run
from tests.support.messages import OK, get

# No file is read in memory.
PLAIN = tls("cert.pem", "key.pem")
CLIENTS = tls("cert.pem", "key.pem", client_ca="ca.pem")
OPTIONAL = tls("cert.pem", "key.pem", client_ca="ca.pem", optional=True)
STRICT = tls("cert.pem", "key.pem", strict_host=True)

A, B = Handshake(server_name="a.test"), Handshake(server_name="b.test")
BOB = Handshake(
    server_name="a.test",
    client_certificate_subject="CN=bob,O=Example",
    client_certificate_issuer="CN=ca",
    client_certificate_serial="0A",
    client_certificate_fingerprint="ab" * 32,
)


def answering(name: str, terms: object) -> Server:
    """A server that says its name."""
    return server(443, names=[name], tls=terms).location("/").respond(200, f"{name} {client_verified}")  # type: ignore[arg-type]  # for brevity


class PlainHttpTests(SynchronousTestCase):
    """A request without TLS; the answer is the transport's."""

    def test_log(self) -> None:
        """The access log has a line, whether or not HTTP/2 is offered, and the exchange is over."""
        for http2 in (True, False):
            web = server(443, tls=PLAIN, http2=http2).location("/").respond(200)
            log = access_log(format=f"{client_address} {status} {cause} {bytes_sent} {tls_protocol}")
            running = run(http(web, access_log=log))
            transport = running[0]._transport
            assert transport is not None
            protocol: Any = transport.protocol
            protocol.refused_plain_http(46)
            running[0].closes()
            self.assertEqual(running.log, ["127.0.0.1 400 plain_http 46 -"], http2)
            running.stop()
            self.assertTrue(running.is_stopped)


class SchemeTests(SynchronousTestCase):
    """Requests that came over TLS are https."""

    def test_scheme(self) -> None:
        """Values and peers are told https."""
        web = server(443, tls=PLAIN)
        client, peers = run(web.location("/v").respond(200, scheme).location("/").proxy_to(upstream("app", "a:1")))
        self.assertEqual(client.request("GET", "/v").text, "https")
        client.sends(get("/", "X-Forwarded-Proto: http"))
        self.assertEqual(peers["a:1"].requests[-1].headers.all("x-forwarded-proto"), ["https"])
        peers["a:1"].sends(OK)

    def test_beside_plain(self) -> None:
        """Another port is what it was."""
        both = http(answering("a.test", PLAIN), server(80).location("/").respond(200, scheme))
        running = run(both, listen=80)
        self.assertEqual(running[0].request("GET").text, "http")
        self.assertEqual(running.client(listen=443, handshake=A).request("GET").text, "a.test NONE")

    def test_reload(self) -> None:
        """A reload gives a port TLS, or takes it, for the clients that connect from then on."""
        plain = server(443).location("/").respond(200, scheme)
        secure = server(443, tls=PLAIN).location("/").respond(200, scheme)
        running = run(plain)
        old, _ = running
        running.reload(secure)
        self.assertEqual(old.request("GET").text, "http")
        self.assertEqual(running.client().request("GET").text, "https")
        running.reload(plain)
        self.assertEqual(running.client().request("GET").text, "http")


class ValueTests(SynchronousTestCase):
    """What values tell of a client's TLS."""

    def test_values(self) -> None:
        """The connection, and the client's certificate."""
        text = (
            f"{tls_protocol} {tls_cipher} {server_name_indication} {client_verified} {client_certificate_subject} "
            f"{client_certificate_issuer} {client_certificate_serial} {client_certificate_fingerprint}"
        )
        client, _ = run(server(443, tls=CLIENTS).location("/").respond(200, text), handshake=BOB)
        self.assertEqual(
            client.request("GET").text,
            f"TLSv1.3 TLS_AES_128_GCM_SHA256 a.test SUCCESS CN=bob,O=Example CN=ca 0A {'ab' * 32}",
        )

    def test_without(self) -> None:
        """They are empty without TLS."""
        client, _ = run(server(80).location("/").respond(200, f"[{client_verified}{tls_protocol}{tls_cipher}]"))
        self.assertEqual(client.request("GET").text, "[]")

    def test_inbound_copies(self) -> None:
        """A client's own field is never taken for what was verified, also where nothing was."""
        web = server(443, tls=OPTIONAL).set_request_header("X-Client", client_certificate_subject)
        running = run(web.location("/").proxy_to(upstream("app", "a:1")), handshake=A)
        forged = get("/", "x-client: CN=root", "X-Client: CN=root")
        for client, told in ((running[0], []), (running.client(handshake=BOB), ["CN=bob,O=Example"])):
            client.sends(forged)
            self.assertEqual(running.peers["a:1"].requests[-1].headers.all("x-client"), told)
            running.peers["a:1"].sends(OK)

    def test_behind_trusted_proxies(self) -> None:
        """They tell of the connection, whoever is believed to be the client."""
        web = server(443, tls=OPTIONAL).location("/").respond(200, client_certificate_subject)
        client, _ = run(http(web, trusted_proxies=["127.0.0.1"]), handshake=BOB)
        self.assertEqual(client.request("GET", headers={"X-Forwarded-For": "192.0.2.1"}).text, "CN=bob,O=Example")


class ClientCertificateTests(SynchronousTestCase):
    """``client_ca=…``."""

    def test_required(self) -> None:
        """Without a certificate the answer is nginx's 400; nothing reaches a location or a peer."""
        running = run(answering("a.test", CLIENTS), handshake=A)
        response = running[0].request("GET", headers={"Host": "a.test"})
        self.assertEqual(response.status, 400)
        self.assertIn("No required SSL certificate was sent", response.text)
        self.assertEqual(running.exchanges[-1].cause, "no_client_certificate")
        self.assertEqual(running.client(handshake=BOB).request("GET", headers={"Host": "a.test"}).status, 200)

    def test_no_location(self) -> None:
        """That goes before the search for a location."""
        client, _ = run(server(443, tls=CLIENTS).location("/a").respond(200, "a"), handshake=A)
        self.assertEqual(client.request("GET", "/b").status, 400)

    def test_optional(self) -> None:
        """An optional certificate is asked for, no more."""
        running = run(answering("a.test", OPTIONAL), handshake=A)
        self.assertEqual(running[0].request("GET", headers={"Host": "a.test"}).text, "a.test NONE")
        client = running.client(handshake=BOB)
        self.assertEqual(client.request("GET", headers={"Host": "a.test"}).text, "a.test SUCCESS")


class MisdirectedTests(SynchronousTestCase):
    """The server of the handshake and that of the request may differ."""

    def status(self, *servers: Server, host: str, handshake: Handshake) -> int:
        """Of the answer to a request for *host*."""
        client, _ = run(http(*servers), handshake=handshake)
        return client.request("GET", headers={"Host": host}).status

    def test_harmless(self) -> None:
        """Where nobody asks for certificates Host decides, as in nginx: browsers share connections."""
        servers = answering("a.test", PLAIN), answering("b.test", PLAIN)
        self.assertEqual(self.status(*servers, host="b.test", handshake=A), 200)

    def test_either_demands(self) -> None:
        """421 if one of the two verifies clients, optionally or not, whichever of them it is."""
        for terms in (CLIENTS, OPTIONAL):
            servers = answering("a.test", terms), answering("b.test", PLAIN)
            self.assertEqual(self.status(*servers, host="b.test", handshake=BOB), 421)
            self.assertEqual(self.status(*servers, host="a.test", handshake=B), 421)
            self.assertEqual(self.status(*servers, host="a.test", handshake=BOB), 200)
            self.assertEqual(self.status(*servers, host="b.test", handshake=B), 200)

    def test_no_name(self) -> None:
        """A client that names no server has had the first one's handshake."""
        servers = answering("a.test", PLAIN), answering("b.test", CLIENTS)
        self.assertEqual(self.status(*servers, host="b.test", handshake=Handshake()), 421)
        self.assertEqual(self.status(*servers, host="a.test", handshake=Handshake()), 200)

    def test_third(self) -> None:
        """Two servers without demands are let be beside one that has some."""
        servers = answering("a.test", PLAIN), answering("b.test", PLAIN), answering("c.test", CLIENTS)
        self.assertEqual(self.status(*servers, host="b.test", handshake=A), 200)

    def test_fields(self) -> None:
        """What is refused has the fields of the server that was asked for, and none of the first one's."""
        servers = (
            server(443, names=["a.test"], tls=PLAIN).hsts().location("/").respond(200),
            server(443, names=["b.test"], tls=CLIENTS).set_response_header("X-B", "b").location("/").respond(200),
        )
        for handshake, wanted in ((A, 421), (B, 400)):
            client, _ = run(http(*servers), handshake=handshake)
            answer = client.request("GET", headers={"Host": "b.test"})
            self.assertEqual(
                (answer.status, answer.headers.all("X-B"), answer.headers.all("Strict-Transport-Security")),
                (wanted, ["b"], []),
            )

    def test_absolute_form(self) -> None:
        """The authority of an absolute target is what counts, as for the choice of the server."""
        client, _ = run(http(answering("a.test", PLAIN), answering("b.test", CLIENTS)), handshake=A)
        client.sends(b"GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n")
        self.assertEqual(client.responses[-1].status, 421)

    def test_strict(self) -> None:
        """``strict_host`` refuses it always (Caddy's strict_sni_host)."""
        servers = answering("a.test", STRICT), answering("b.test", PLAIN)
        self.assertEqual(self.status(*servers, host="b.test", handshake=A), 421)
        self.assertEqual(self.status(*servers, host="a.test", handshake=B), 421)
        self.assertEqual(self.status(*servers, host="a.test", handshake=A), 200)

    def test_reload(self) -> None:
        """After a reload the connections of before are measured by what is in force then."""
        running = run(http(answering("a.test", PLAIN), answering("b.test", PLAIN)), handshake=A)
        client, _ = running
        self.assertEqual(client.request("GET", headers={"Host": "b.test"}).status, 200)
        running.reload(http(answering("a.test", PLAIN), answering("b.test", CLIENTS)))
        self.assertEqual(client.request("GET", headers={"Host": "b.test"}).status, 421)
        self.assertEqual(client.request("GET", headers={"Host": "a.test"}).status, 200)


class HttpsTests(SynchronousTestCase):
    """``redirect_to_https()`` and ``hsts()``."""

    def test_redirect(self) -> None:
        """Host, path and query are kept as they were written; a port in Host is not."""
        client, _ = run(server(80).location("/").redirect_to_https())
        response = client.request("GET", "/a%20b/?q=1&r=%2F", headers={"Host": "Example.com:8080"})
        self.assertEqual((response.status, response.body), (301, b""))
        self.assertEqual(response.headers["location"], "https://example.com/a%20b/?q=1&r=%2F")

    def test_redirect_options(self) -> None:
        """Another status and another port."""
        client, _ = run(server(80).location("/").redirect_to_https(308, port=8443))
        response = client.request("POST", "/x", headers={"Host": "[::1]"})
        self.assertEqual((response.status, response.headers["location"]), (308, "https://[::1]:8443/x"))
        client, _ = run(server(80).location("/").redirect_to_https(port=443))
        self.assertEqual(client.request("GET", headers={"Host": "a"}).headers["location"], "https://a/")

    def test_redirect_nowhere(self) -> None:
        """A request without a host cannot be sent anywhere."""
        client, _ = run(server(80).location("/").redirect_to_https())
        client.sends(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(client.responses[-1].status, 400)

    def test_hsts(self) -> None:
        """https responses have it, of peers and our own, in place of a peer's; plain ones have none."""
        shared = location("/").proxy_to(upstream("app", "a:1"))
        config = http(server(443, tls=PLAIN).including(shared), server(80).including(shared)).hsts(
            31536000, include_subdomains=True
        )
        running = run(config, listen=443)
        peer = running.peers["a:1"]
        peer.answers(200, b"ok", {"Strict-Transport-Security": "max-age=1"})
        told = running[0].request("GET").headers.all("strict-transport-security")
        self.assertEqual(told, ["max-age=31536000; includeSubDomains"])
        told = running.client(listen=80).request("GET").headers.all("strict-transport-security")
        self.assertEqual(told, [])

    def test_hsts_behind_a_proxy(self) -> None:
        """Where a trusted proxy tells the scheme, it counts for each request."""
        web = http(server(80).hsts().location("/").respond(200, "ok"), trusted_proxies=["127.0.0.1"])
        client, _ = run(web)
        for told, sent in (("https", ["max-age=63072000"]), ("http", [])):
            response = client.request("GET", headers={"X-Forwarded-Proto": told})
            self.assertEqual(response.headers.all("strict-transport-security"), sent)

    def test_hsts_off(self) -> None:
        """An inner scope takes it away, or says another."""
        web = server(443, tls=PLAIN).hsts().location("/a").hsts(0).respond(200, "a")
        web = web.location("/b").hide_response_header("Strict-Transport-Security").respond(200, "b")
        client, _ = run(web)
        self.assertEqual(client.request("GET", "/a").headers["strict-transport-security"], "max-age=0")
        self.assertNotIn("strict-transport-security", client.request("GET", "/b").headers)
        self.assertEqual(client.request("GET", "/c").headers["strict-transport-security"], "max-age=63072000")
