"""One group of a document while it is read: it knows its place, so that each error does."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from pytest_villas.config.document import Document
from pytest_villas.errors import ConfigError, nearest

_VARIABLE: Final = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True, slots=True)
class Settings:
    """A group, and where it stands: ``nodes.a.in``, or nothing for the root."""

    document: Document
    place: str
    value: dict[str, Any]

    def at(self, key: str) -> str:
        """Return the place of a key of this group."""
        return f"{self.place}.{key}" if self.place else key

    def error(self, key: str, message: str) -> ConfigError:
        """Make the error that names file and place."""
        return ConfigError(f"{self.document.path}: {self.at(key)}: {message}")

    def known(self, keys: Iterable[str]) -> None:
        """Raise ConfigError for a key that is none of these."""
        keys = tuple(keys)
        for key in self.value:
            if key not in keys:
                raise self.error(key, f"unknown key{nearest(key, keys)}")

    def group(self, key: str) -> Settings:
        """Return a group below this one."""
        value = self.value[key]
        if not isinstance(value, dict):
            raise self.error(key, f"{value!r}: it has to be a group, {{ name = value }}")
        return replace(self, place=self.at(key), value=value)

    def text(self, key: str) -> str:
        """Return a string that has to be there."""
        value = self.value.get(key)
        if not isinstance(value, str):
            raise self.error(
                key, "missing: it has to be a string" if key not in self.value else f"{value!r}: it has to be a string"
            )
        return value

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.value.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"{value!r}: it has to be true or false")
        return value

    def integer(self, key: str, *, default: int, least: int) -> int:
        """Return an integer of at least `least`."""
        value = self.value.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.error(key, f"{value!r}: it has to be an integer of at least {least}")
        return value

    def expanded(self) -> Settings:
        """Return this group with ``${NAME}`` replaced from the environment in all its strings, as VILLASnode does."""
        return replace(self, value={key: self._expand(self.at(key), each) for key, each in self.value.items()})

    def _expand(self, place: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._expand(f"{place}.{key}", each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._expand(f"{place}[{i}]", each) for i, each in enumerate(value)]
        return _VARIABLE.sub(lambda match: self._variable(place, match[1]), value) if isinstance(value, str) else value

    def _variable(self, place: str, name: str) -> str:
        if name not in os.environ:
            raise ConfigError(f"{self.document.path}: {place}: ${{{name}}}: there is no such environment variable, set it")
        return os.environ[name]
