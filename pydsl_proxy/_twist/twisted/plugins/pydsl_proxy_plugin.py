"""Makes ``pydsl-proxy`` known to ``twist``."""

from twisted.application.service import ServiceMaker

# `twist` lists its plugins by these four texts; it imports pydsl_proxy.tap when the name is chosen.
pydsl_proxy = ServiceMaker(
    "pydsl_proxy",
    "pydsl_proxy.tap",
    "A reverse proxy and load balancer configured in Python.",
    "pydsl-proxy",
)
