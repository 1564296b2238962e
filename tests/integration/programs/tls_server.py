"""A server of HTTP/1.1 over TLS that knows nothing of ALPN: ``tls_server.py PORT CERTIFICATE KEY``."""

from __future__ import annotations

import ssl
import sys
from http.server import HTTPServer, SimpleHTTPRequestHandler

port, cert, key = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server = HTTPServer(("127.0.0.1", int(port)), SimpleHTTPRequestHandler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
