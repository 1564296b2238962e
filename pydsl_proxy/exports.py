"""All names that ``from pydsl_proxy import …`` knows."""

from __future__ import annotations

from pydsl_proxy.balancing.address_hash import ip_hash
from pydsl_proxy.balancing.least_connections import least_conn
from pydsl_proxy.balancing.random_choice import random_one, random_two
from pydsl_proxy.balancing.smooth_round_robin import round_robin
from pydsl_proxy.balancing.value_hash import hash_by
from pydsl_proxy.config.client_limits import clients
from pydsl_proxy.config.loading.load import load
from pydsl_proxy.config.locations import Location, location
from pydsl_proxy.config.matching import exact, named, prefix, regex
from pydsl_proxy.config.servers import Http, Server, http, server
from pydsl_proxy.config.streams.stream import Stream, stream
from pydsl_proxy.config.tls.peers import upstream_tls
from pydsl_proxy.config.tls.server import tls
from pydsl_proxy.config.upstreams import Upstream, peer, upstream
from pydsl_proxy.connectors.cgi.fastcgi import fastcgi
from pydsl_proxy.connectors.cgi.scgi import scgi
from pydsl_proxy.connectors.cgi.uwsgi import uwsgi
from pydsl_proxy.connectors.http2.connector import http2
from pydsl_proxy.embedding import as_resource
from pydsl_proxy.handlers.websocket.messages import WebSocketMessage, close_websocket
from pydsl_proxy.observe.access_logs import access_log
from pydsl_proxy.observe.response_values import (
    bytes_received,
    bytes_sent,
    cause,
    duration,
    error_message,
    remote_user,
    request_line,
    status,
    time_iso8601,
    time_local,
    upstream_addr,
    upstream_response_time,
    upstream_status,
)
from pydsl_proxy.service import build
from pydsl_proxy.units import GiB, KiB, MiB, days, hours, minutes, ms, seconds
from pydsl_proxy.values.lookup import map_value
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.split import split_clients
from pydsl_proxy.values.value import (
    authenticated_user,
    client_address,
    client_certificate_fingerprint,
    client_certificate_issuer,
    client_certificate_serial,
    client_certificate_subject,
    client_network,
    client_port,
    client_verified,
    cookie,
    forwarded_field,
    header,
    host,
    method,
    path,
    protocol,
    query,
    query_string,
    request_uri,
    scheme,
    server_name_indication,
    server_port,
    tls_cipher,
    tls_protocol,
)

__all__ = [
    "GiB",
    "Http",
    "KiB",
    "Location",
    "MiB",
    "Request",
    "Server",
    "Stream",
    "Upstream",
    "WebSocketMessage",
    "access_log",
    "as_resource",
    "authenticated_user",
    "build",
    "bytes_received",
    "bytes_sent",
    "cause",
    "client_address",
    "client_certificate_fingerprint",
    "client_certificate_issuer",
    "client_certificate_serial",
    "client_certificate_subject",
    "client_network",
    "client_port",
    "client_verified",
    "clients",
    "close_websocket",
    "cookie",
    "days",
    "duration",
    "error_message",
    "exact",
    "fastcgi",
    "forwarded_field",
    "hash_by",
    "header",
    "host",
    "hours",
    "http",
    "http2",
    "ip_hash",
    "least_conn",
    "load",
    "location",
    "map_value",
    "method",
    "minutes",
    "ms",
    "named",
    "path",
    "peer",
    "prefix",
    "protocol",
    "query",
    "query_string",
    "random_one",
    "random_two",
    "regex",
    "remote_user",
    "request_line",
    "request_uri",
    "round_robin",
    "scgi",
    "scheme",
    "seconds",
    "server",
    "server_name_indication",
    "server_port",
    "split_clients",
    "status",
    "stream",
    "time_iso8601",
    "time_local",
    "tls",
    "tls_cipher",
    "tls_protocol",
    "upstream",
    "upstream_addr",
    "upstream_response_time",
    "upstream_status",
    "upstream_tls",
    "uwsgi",
]
