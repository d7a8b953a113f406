"""Finds the function for a request as API Gateway's REST APIs do.

Resources form a tree. At every level the exact segment wins over `{parameter}`, and that over `{proxy+}`; there is no
way back: below a segment that has a resource of its own, a `{proxy+}` beside it is not tried. A resource is chosen
before the method, so a method that it lacks is not looked for elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from leadgen_local.template.reader import Route, TemplateError

_ANY = "ANY"


@dataclass
class _Resource:
    exact: dict[str, "_Resource"] = field(default_factory=dict)
    parameter: "_Resource | None" = None
    greedy: "_Resource | None" = None
    methods: dict[str, str] = field(default_factory=dict)

    def child(self, segment: str) -> "_Resource":
        """The resource below, made when it is not there."""
        if segment.startswith("{") and segment.endswith("+}"):
            self.greedy = self.greedy or _Resource()
            return self.greedy
        if segment.startswith("{") and segment.endswith("}"):
            self.parameter = self.parameter or _Resource()
            return self.parameter
        return self.exact.setdefault(segment, _Resource())


class RouteTable:
    """The routes of one API."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Resource()
        for route in routes:
            resource = self._root
            for segment in _segments(route.path):
                resource = resource.child(segment)
            if route.method in resource.methods:
                raise TemplateError(f"{route.function}: {route.method} {route.path} is routed twice.")
            resource.methods[route.method] = route.function

    def function(self, method: str, path: str) -> str | None:
        """The name of the function that serves this request, or None."""
        resource = self._resource(_segments(path))
        if resource is None:
            return None
        return resource.methods.get(method) or resource.methods.get(_ANY)

    def _resource(self, segments: list[str]) -> _Resource | None:
        resource = self._root
        for segment in segments:
            if segment in resource.exact:
                resource = resource.exact[segment]
            elif resource.parameter is not None and segment:
                resource = resource.parameter
            else:
                return resource.greedy
        return resource


def _segments(path: str) -> list[str]:
    stripped = path.removeprefix("/")
    return stripped.split("/") if stripped else []
