"""Verbs on header fields, of requests to peers and of responses to clients."""

from __future__ import annotations

from typing import Self

from pydsl_proxy.config.verbs.base import Featured
from pydsl_proxy.features.headers.fields import Side, remove_field, set_field
from pydsl_proxy.features.headers.interim import hide_interim
from pydsl_proxy.values.value import ValueSource


class Headers(Featured):
    """Setting and removing fields."""

    __slots__ = ()

    def set_request_header(self, name: str, value: ValueSource) -> Self:
        """Send peers the field *name* with *value*, in place of the client's fields of that name.

        *value* is a text, a value such as ``host``, an f-string of them, or a function of the request; a field whose
        value comes out empty is not sent.  nginx's ``proxy_set_header``.
        """
        return self._with(set_field(Side.REQUEST, name, value))

    def remove_request_header(self, name: str) -> Self:
        """Send peers no field *name*, neither the client's nor one set further out."""
        return self._with(remove_field(Side.REQUEST, name))

    def set_response_header(self, name: str, value: ValueSource) -> Self:
        """Send clients the field *name* with *value*, in place of the peer's fields of that name.

        nginx's ``add_header … always``, but it replaces, and an inner scope does not lose what outer ones set.
        """
        return self._with(set_field(Side.RESPONSE, name, value))

    def hide_response_header(self, name: str) -> Self:
        """Send clients no field *name*, neither the peer's nor one set further out.  nginx's ``proxy_hide_header``."""
        return self._with(remove_field(Side.RESPONSE, name))

    def hide_interim_responses(self, hidden: bool = True) -> Self:
        """Send clients none of the interim responses of peers (1xx, as 103 Early Hints), only the response itself.

        By default they are passed on to clients of HTTP/1.1 and HTTP/2, as RFC 9110 15.2 has it.  False lifts an outer
        one.  nginx's ``early_hints``, which is off by default there.
        """
        return self._with(hide_interim(hidden))
