"""Typed access to the properties of one CloudFormation resource; every error names the resource and the property."""

from collections.abc import Iterator, Mapping
from typing import Any

from leadgen_local.template.intrinsics import Resolver, TemplateError


class Properties:
    """The properties of a resource, or a nested part of them, resolved when read."""

    def __init__(self, resolver: Resolver, values: Mapping[str, Any], where: str) -> None:
        self._resolver = resolver
        self._values = values
        self.where = where

    def __bool__(self) -> bool:
        return bool(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def value(self, name: str, default: Any = None) -> Any:
        """The resolved value, or the default when the property is not there."""
        where = f"{self.where}.{name}"
        found = self._resolver.resolve([self._values[name]], where) if name in self._values else []
        return found[0] if found else default

    def text(self, name: str, default: str | None = None) -> str:
        value = self.value(name, default)
        if not isinstance(value, str | int | float) or value == "":
            raise TemplateError(f"{self.where}.{name} must be a text, not {value!r}.")
        return str(value)

    def integer(self, name: str, default: int | None = None) -> int:
        value = self.value(name, default)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise TemplateError(f"{self.where}.{name} must be a whole number, not {value!r}.") from None

    def section(self, name: str) -> "Properties":
        """A nested mapping, left unresolved; empty when it is not there."""
        values = self._values.get(name, {})
        if not isinstance(values, Mapping):
            raise TemplateError(f"{self.where}.{name} must be a mapping, not {values!r}.")
        return Properties(self._resolver, values, f"{self.where}.{name}")

    def sections(self) -> Iterator[tuple[str, "Properties"]]:
        for name in self._values:
            yield name, self.section(name)

    def names(self) -> Iterator[str]:
        return iter(self._values)

    def expect(self, name: str, supported: str | int, default: str | int | None = None) -> None:
        """Refuse a value under which AWS would do something else than the embedded stack."""
        value = self.value(name, supported if default is None else default)
        if str(value).lower() != str(supported).lower():
            raise TemplateError(f"{self.where}.{name}: the embedded stack supports only {supported!r}, not {value!r}.")

    def refuse(self, name: str) -> None:
        if name in self._values:
            raise TemplateError(f"{self.where}.{name} is not supported by the embedded stack.")
