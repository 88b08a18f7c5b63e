"""A configuration and its document side by side, as the checks want to see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pytest_villas.config.document import Document
from pytest_villas.config.endpoint import Endpoint
from pytest_villas.config.finding import Finding, Severity
from pytest_villas.config.model import Config, Direction, Node


@dataclass(frozen=True)
class Side:
    """One direction of one node: `key` is ``in`` or ``out``, `own` and `shared` are its and its node's settings as written."""

    node: Node
    key: str
    direction: Direction
    own: dict[str, Any]
    shared: dict[str, Any]

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"nodes.{self.node.name}.{self.key}"

    def given(self, setting: str) -> str | None:
        """Return the place at which a setting of this direction is written, its own or the node's; None if nowhere."""
        if setting in self.own:
            return f"{self.place}.{setting}"
        return f"nodes.{self.node.name}.{setting}" if setting in self.shared else None

    @cached_property
    def endpoints(self) -> list[tuple[str, Endpoint]]:
        """Each endpoint with its place."""
        single = isinstance(self.own.get("endpoints"), str)
        places = [f"{self.place}.endpoints" + ("" if single else f"[{i}]") for i in range(len(self.direction.endpoints))]
        return [(place, Endpoint.parse(text)) for place, text in zip(places, self.direction.endpoints, strict=True)]


@dataclass(frozen=True)
class View:
    """All of it."""

    document: Document
    config: Config

    @cached_property
    def sides(self) -> list[Side]:
        """Both directions of every enabled nanomsg node: a disabled one binds, sends and hears nothing."""
        return [
            Side(node, key, direction, self._written(node.name).get(key, {}), self._written(node.name))
            for node in self.config.nodes.values()
            if node.enabled
            for key, direction in (("in", node.input), ("out", node.output))
        ]

    @property
    def outputs(self) -> list[Side]:
        """What is bound."""
        return [side for side in self.sides if side.key == "out"]

    @property
    def inputs(self) -> list[Side]:
        """What is connected."""
        return [side for side in self.sides if side.key == "in"]

    def publishers(self, endpoint: Endpoint) -> Iterator[Side]:
        """Return the nodes of this file that bind what this endpoint connects to."""
        return (side for side in self.outputs if any(bound.key == endpoint.key for _, bound in side.endpoints))

    def finding(self, place: str, code: str, severity: Severity, message: str, remedy: str) -> Finding:
        """Make a finding, with its file and line."""
        return Finding(*self.document.where(place), place, code, severity, message, remedy)

    def _written(self, name: str) -> dict[str, Any]:
        written: dict[str, Any] = self.document.root["nodes"][name]
        return written
