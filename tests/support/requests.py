"""Requests that were never sent, to read values and conditions of."""

from __future__ import annotations

from pydsl_proxy.values.request import Request
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http.uri import normalised_path
from pydsl_proxy.wire.http1.reader import read_request_fields


class Asked:
    """A request's head."""

    def __init__(self, method: bytes, target: bytes, fields: RequestFields) -> None:
        self.method = method
        self.target = target
        self.minor = 1
        self.fields = fields


def request(method: bytes, target: bytes, *fields: str) -> Request:
    """A request from 192.0.2.7 for a.example."""
    section = "".join(f"\r\n{field}" for field in fields).encode()
    head = Asked(method, target, read_request_fields(section, 100))
    return Request(head, "192.0.2.7", 40001, "https", "a.example", normalised_path(target), 8443)
