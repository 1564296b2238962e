"""The handler that gives requests to a resource of twisted.web."""

from __future__ import annotations

from attrs import frozen
from twisted.web.resource import IResource, Resource

from pydsl_proxy.interfaces import Handle, Place


@frozen
class Mount:
    """A resource of twisted.web, with all that is below it, at a location."""

    resource: IResource | Resource

    def as_verb(self) -> str:
        """The call that makes this."""
        return f"mount({self.resource!r})"

    def compile(self, place: Place) -> Handle:
        """Not built yet."""
        raise NotImplementedError("mount() is not available in this version")
