"""The seams of the house, as typing protocols: what one room may expect of another.

A *config value* (strategy, step, filter, handler, connector) is frozen and has ``compile``, or ``attach`` if it is a
filter.  That is called once, when the configuration is compiled; what it returns runs per request and never looks at a
config value again.
"""

from __future__ import annotations

from pydsl_proxy.interfaces.bodies import (
    BodyReceiver,
    Deadline,
    Later,
    Producer,
    ReplayableBody,
    Running,
    StreamTransport,
    Trailers,
)
from pydsl_proxy.interfaces.close_notify import MissingCloseNotify
from pydsl_proxy.interfaces.compile import Ask, Asked, Call, CompileContext, Filter, Handler, Step, Timeouts
from pydsl_proxy.interfaces.event_loops import EventLoop
from pydsl_proxy.interfaces.exchanges import AttachedFilter, Exchange, FilterOrder, Handle, Sink
from pydsl_proxy.interfaces.frontends import Bound, ClientLimits, Drainable, Frontend, FrontendSite, Limited, Listening
from pydsl_proxy.interfaces.lifecycle import Changed, Lifecycle, Threads
from pydsl_proxy.interfaces.streams import Passage, PassageFrontend, StreamListening, StreamSite
from pydsl_proxy.interfaces.upstream import (
    Attempt,
    ConnectionPool,
    Connector,
    ConnectRequest,
    Dial,
    Identified,
    IdleConnection,
    Owner,
    PeerConnection,
    PeerState,
    Pick,
    Strategy,
)

__all__ = [
    "Ask",
    "Asked",
    "AttachedFilter",
    "Attempt",
    "BodyReceiver",
    "Bound",
    "Call",
    "Changed",
    "ClientLimits",
    "CompileContext",
    "ConnectRequest",
    "ConnectionPool",
    "Connector",
    "Deadline",
    "Dial",
    "Drainable",
    "EventLoop",
    "Exchange",
    "Filter",
    "FilterOrder",
    "Frontend",
    "FrontendSite",
    "Handle",
    "Handler",
    "Identified",
    "IdleConnection",
    "Later",
    "Lifecycle",
    "Limited",
    "Listening",
    "MissingCloseNotify",
    "Owner",
    "Passage",
    "PassageFrontend",
    "PeerConnection",
    "PeerState",
    "Pick",
    "Producer",
    "ReplayableBody",
    "Running",
    "Sink",
    "Step",
    "Strategy",
    "StreamListening",
    "StreamSite",
    "StreamTransport",
    "Threads",
    "Timeouts",
    "Trailers",
]
