"""The public names: adding one is a decision, taking one away breaks somebody's ``proxy.py``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

import pydsl_proxy

PUBLIC = """
    GiB Http KiB Location MiB Request Server Stream Upstream WebSocketMessage access_log as_resource
    authenticated_user build bytes_received bytes_sent cause client_address client_certificate_fingerprint
    client_certificate_issuer client_certificate_serial client_certificate_subject client_network client_port
    client_verified clients close_websocket cookie days duration error_message exact fastcgi forwarded_field
    hash_by header host hours http http2 ip_hash least_conn load location map_value method minutes ms named path
    peer prefix protocol query query_string random_one random_two regex remote_user request_line request_uri
    round_robin scgi scheme seconds server server_name_indication server_port split_clients status stream
    time_iso8601 time_local tls tls_cipher tls_protocol upstream upstream_addr upstream_response_time
    upstream_status upstream_tls uwsgi
"""


class ExportTests(SynchronousTestCase):
    """``from pydsl_proxy import …``."""

    def test_list(self) -> None:
        """The public names are exactly these."""
        self.assertEqual(pydsl_proxy.__all__, PUBLIC.split())

    def test_sorted(self) -> None:
        """They stand in order, each once."""
        self.assertEqual(pydsl_proxy.__all__, sorted(set(pydsl_proxy.__all__)))

    def test_importable(self) -> None:
        """Each of them is there."""
        self.assertEqual([name for name in pydsl_proxy.__all__ if not hasattr(pydsl_proxy, name)], [])
