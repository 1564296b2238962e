"""Handshakes that fail are told to the operator, who otherwise sees nothing of such clients."""

from __future__ import annotations

from time import perf_counter

from OpenSSL.SSL import Error, SysCallError
from twisted.internet.interfaces import ITransport
from twisted.logger import Logger

from pydsl_proxy.errors.rate_limited import limit_of, more

log = Logger()


def note_failed_handshake(listener: object, transport: ITransport, error: Error) -> None:
    """Log why a client's handshake failed, in OpenSSL's words; of many at *listener* one in ten seconds.

    A client that just left, as a port scan or a load balancer's check does, is not told of.
    """
    queue = error.args[0] if error.args else ()
    reasons = [str(entry[-1]) for entry in queue] if isinstance(queue, list) else []
    if isinstance(error, SysCallError) or not any(reasons) or "unexpected eof" in str(error):
        return
    if failed := limit_of(listener, "TLS", perf_counter).note():
        address = getattr(transport.getPeer(), "host", "unix:")
        why = ", ".join(filter(None, dict.fromkeys(reasons)))
        log.info("a TLS handshake of {address} failed: {why}{more}", address=address, why=why, more=more(failed))
