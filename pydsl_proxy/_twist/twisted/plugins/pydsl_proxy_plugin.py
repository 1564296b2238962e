"""Makes ``pydsl-proxy`` known to ``twist``."""

import signal
import sys

from twisted.application.service import ServiceMaker

if "pydsl-proxy" in sys.argv[1:]:
    # Of all code of ours this runs first.  Both would end a process that has just been started; what they ask for is
    # done anyway, since neither the file nor a log has been opened.  The service takes them when it is there.
    for _name in ("SIGHUP", "SIGUSR1"):
        if hasattr(signal, _name):
            signal.signal(getattr(signal, _name), signal.SIG_IGN)

# `twist` lists its plugins by these four texts; it imports pydsl_proxy.tap when the name is chosen.
pydsl_proxy = ServiceMaker(
    "pydsl_proxy",
    "pydsl_proxy.tap",
    "A reverse proxy and load balancer configured in Python.",
    "pydsl-proxy",
)
