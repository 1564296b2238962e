"""pydsl_proxy as a reverse proxy; the environment has what the words between @ are in the others' configurations."""

from os import environ

from pydsl_proxy import http, location, peer, server, tls, upstream


def listen(port: str) -> str:
    """An endpoint on this machine."""
    return f"tcp:{environ[port]}:interface=127.0.0.1"


files = environ["CHAOS_FOLDER"]
# max_fails=1 and fail_timeout=10 are the defaults, as they are nginx's.
app = upstream("app", *(peer(address) for address in environ["CHAOS_PEERS"].split()), keepalive=64)

waits = location("/ws").timeouts(read=60).websocket_to(app)
rest = location("/").timeouts(connect=1, read=2, send=2).retry(on=["error", "timeout", "invalid_header"]).proxy_to(app)

plain = server(listen("CHAOS_PORT")).including(waits, rest)
certificate = tls(f"{files}/localhost.pem", f"{files}/localhost.key")
secure = server(listen("CHAOS_SECURE"), tls=certificate).including(waits, rest)
h2 = server(listen("CHAOS_H2"), http2="prior-knowledge").including(waits, rest)

proxy = http(plain, secure, h2, access_log=None, shutdown_grace=0)
