"""The seams of the house, as typing protocols: what one room may expect of another.

A *config value* (strategy, step, filter, handler, connector) is frozen and has ``compile``, or ``attach`` if it is a
filter.  That is called once, when the configuration is compiled; what it returns runs per request and never looks at a
config value again.
"""

from __future__ import annotations

from pydsl_proxy.interfaces.endings import UnannouncedEnd
from pydsl_proxy.interfaces.event_loops import EventLoop
from pydsl_proxy.interfaces.exchanges import AttachedFilter, Exchange, Handle, Nearness, Sink
from pydsl_proxy.interfaces.frontends import Bound, ClientLimits, Drainable, Frontend, FrontendSite, Limited, Listening
from pydsl_proxy.interfaces.passing import Passage, PassageFrontend, StreamListening, StreamSite
from pydsl_proxy.interfaces.peers import (
    Attempt,
    Caller,
    Connector,
    Dial,
    Home,
    Identified,
    IdleConnection,
    Owner,
    PeerConnection,
    PeerState,
    Pick,
    Strategy,
)
from pydsl_proxy.interfaces.places import Ask, Asked, Call, Filter, Handler, Place, Step, Timeouts
from pydsl_proxy.interfaces.streams import (
    BodyReceiver,
    KeptBody,
    Later,
    Producer,
    Running,
    StreamTransport,
    Trailers,
    Watch,
)
from pydsl_proxy.interfaces.threads import Changed, Living, Threads

__all__ = [
    "Ask",
    "Asked",
    "AttachedFilter",
    "Attempt",
    "BodyReceiver",
    "Bound",
    "Call",
    "Caller",
    "Changed",
    "ClientLimits",
    "Connector",
    "Dial",
    "Drainable",
    "EventLoop",
    "Exchange",
    "Filter",
    "Frontend",
    "FrontendSite",
    "Handle",
    "Handler",
    "Home",
    "Identified",
    "IdleConnection",
    "KeptBody",
    "Later",
    "Limited",
    "Listening",
    "Living",
    "Nearness",
    "Owner",
    "Passage",
    "PassageFrontend",
    "PeerConnection",
    "PeerState",
    "Pick",
    "Place",
    "Producer",
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
    "UnannouncedEnd",
    "Watch",
]
