"""The environment of a WSGI application: PEP 3333, "environ Variables"."""

from __future__ import annotations

from pydsl_proxy.handlers.applications.fields import Shown
from pydsl_proxy.interfaces import Exchange
from pydsl_proxy.wire.http.protocols import PROTOCOLS
from pydsl_proxy.wire.http.uri import split_target

# RFC 3875 4.1.2 and 4.1.3: these two have no HTTP_ before their name.
_BARE = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


def environ_of(exchange: Exchange, shown: Shown, paths: tuple[bytes, bytes]) -> dict[str, object]:
    """All of it but ``wsgi.input`` and ``wsgi.errors``; text is bytes decoded as Latin-1, as the PEP has it."""
    identity, (script_name, path_info) = exchange.identity, paths
    secure = identity.scheme == "https"
    _, query = split_target(exchange.peer_target)
    environ: dict[str, object] = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": "pydsl_proxy",
        "REQUEST_METHOD": exchange.method.decode("latin-1"),
        "SCRIPT_NAME": script_name.decode("latin-1"),
        "PATH_INFO": path_info.decode("latin-1"),
        "QUERY_STRING": (query or b"").decode("latin-1"),
        # Not in the PEP: nginx's uwsgi_params and Werkzeug know the client's own target so.
        "REQUEST_URI": exchange.target.decode("latin-1"),
        "SERVER_PROTOCOL": PROTOCOLS[exchange.minor],
        # Neither may be empty; a UNIX socket has none of them.
        "SERVER_NAME": exchange.fields.host_name.decode("latin-1") or identity.server_address or "localhost",
        "SERVER_PORT": str(identity.server_port or (443 if secure else 80)),
        "REMOTE_ADDR": identity.address,
        "REMOTE_PORT": str(identity.port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": identity.scheme,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        # Not in the PEP: mod_wsgi, Gunicorn and Werkzeug understand that the input ends by itself, as a body in chunks,
        # which has no length, must.
        "wsgi.input_terminated": True,
    }
    if exchange.user:
        environ["REMOTE_USER"] = exchange.user
    for name, value in shown.fields(exchange):
        key = _BARE.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
        text = value.decode("latin-1")
        if key in environ:
            # RFC 6265 5.4: cookies are no list with commas.
            text = f"{environ[key]}{'; ' if name == b'cookie' else ','}{text}"
        environ[key] = text
    return environ
