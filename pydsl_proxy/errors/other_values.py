"""The variables, placeholders and samples of other proxies, and the values that stand for them here: tables."""

from __future__ import annotations

from typing import Final

#: nginx's variables, and Caddy's placeholders, which are values of a request.
VARIABLES: Final = {
    "host": "host http.request.host hostname server_name label",
    "request_uri": "request_uri http.request.uri",
    "path": "uri document_uri http.request.uri.path path",
    "query_string": "args query_string http.request.uri.query query",
    "client_address": "remote_addr binary_remote_addr remote_host http.request.remote.host realip_remote_addr client_ip"
    " remote_ip",
    "client_port": "remote_port http.request.remote.port",
    "scheme": "scheme http.request.scheme",
    "method": "request_method method http.request.method",
    "protocol": "server_protocol http.request.proto",
    "server_port": "server_port http.request.local.port proxy_port",
    "authenticated_user": "remote_user http.auth.user.id",
    "tls_protocol": "ssl_protocol tls_version http.request.tls.version",
    "tls_cipher": "ssl_cipher tls_cipher http.request.tls.cipher_suite",
    "server_name_indication": "ssl_server_name http.request.tls.server_name",
    "client_verified": "ssl_client_verify",
    "client_certificate_subject": "ssl_client_s_dn tls_client_subject",
    "client_certificate_issuer": "ssl_client_i_dn tls_client_issuer",
    "client_certificate_serial": "ssl_client_serial tls_client_serial",
    "client_certificate_fingerprint": "ssl_client_fingerprint tls_client_fingerprint",
    "header('host')": "http_host hostport http.request.hostport",
}  # fmt: skip

#: HAProxy's samples.
SAMPLES: Final = {
    "src": "client_address",
    "src_port": "client_port",
    "dst_port": "server_port",
    "path": "path",
    "pathq": "request_uri",
    "url": "request_uri",
    "query": "query_string",
    "method": "method",
    "ssl_fc_sni": "server_name_indication",
    "ssl_fc_protocol": "tls_protocol",
    "ssl_fc_cipher": "tls_cipher",
    "http_auth_user": "authenticated_user",
}

#: nginx's variables that are not known here, or not before the response.
NO_VALUES: Final = frozenset(
    [
        "request_time",
        "request_id",
        "request_filename",
        "request_length",
        "request_body",
        "document_root",
        "realpath_root",
        "server_addr",
        "msec",
        "time_local",
        "time_iso8601",
        "upstream_addr",
        "upstream_status",
        "upstream_response_time",
        "upstream_connect_time",
        "upstream_cache_status",
        "body_bytes_sent",
        "bytes_sent",
        "connection_requests",
        "nginx_version",
        "ssl_client_cert",
        "ssl_client_escaped_cert",
        "ssl_session_id",
    ]
)

#: Variables that take a part of their name for an argument.
FAMILIES: Final = {
    "header": ("http_", "header.", "http.request.header."),
    "cookie": ("cookie_", "cookie.", "http.request.cookie."),
    "query": ("arg_", "query.", "http.request.uri.query."),
}
