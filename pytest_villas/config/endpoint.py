"""Endpoints of nanomsg sockets: what may be written, how a peer dials or binds them, which of them meet."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, replace
from typing import Final

from pytest_villas.errors import ConfigError, nearest

LOOPBACK: Final = "127.0.0.1"
_ANY: Final = frozenset({"*", "0.0.0.0", "[::]"})  # noqa: S104  # names an address that configs hold, binds nothing
_LOCAL: Final = _ANY | {LOOPBACK, "localhost", "[::1]"}
_SCHEMES: Final = ("tcp", "ipc", "inproc", "ws")
_ADDRESS: Final = re.compile(r"(?:(?P<interface>[^;/]+);)?(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^\s:;/\[\]]+)(?::(?P<port>\d+))?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address: ``tcp://HOST:PORT``, ``ws://HOST:PORT/PATH``, ``ipc://FILE`` or ``inproc://NAME``.

    Attributes:
        scheme: tcp, ws, ipc or inproc.
        host: of tcp and ws: ``*``, an address, a host or interface name; IPv6 in brackets.
        port: of tcp and ws.
        path: the file of ipc, the name of inproc, the path of ws with its slash.
        interface: the local interface of a tcp or ws connection, ``tcp://eth0;10.0.0.5:12000``.
    """

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    interface: str = ""

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read an endpoint; ConfigError, without a place, for what libnanomsg could not open."""
        scheme, separator, rest = text.partition("://")
        if not separator:
            raise ConfigError(f"{text!r} is no endpoint: one looks like 'tcp://127.0.0.1:12000' or 'ipc:///tmp/test.ipc'")
        if scheme not in _SCHEMES:
            raise ConfigError(f"{text!r}: unknown transport {scheme!r}{nearest(scheme, _SCHEMES)}")
        if scheme in ("ipc", "inproc"):
            if not rest or "\0" in rest:
                raise ConfigError(f"{text!r}: a {'file' if scheme == 'ipc' else 'name'} has to follow '{scheme}://'")
            return cls(scheme, path=rest)
        address, slash, path = rest.partition("/")
        match = _ADDRESS.fullmatch(address)
        port = match["port"] or ("80" if scheme == "ws" else "") if match else ""
        if match is None or not port or (slash and scheme == "tcp"):
            example = "tcp://127.0.0.1:12000" if scheme == "tcp" else "ws://127.0.0.1:8080/path"
            raise ConfigError(f"{text!r}: host and port have to follow '{scheme}://', as in {example!r}")
        if not 1 <= int(port) <= 65535:
            raise ConfigError(f"{text!r}: port {port} has to be from 1 to 65535")
        return cls(scheme, match["host"], int(port), slash + path, match["interface"] or "")

    def __str__(self) -> str:
        """Write it as a config does."""
        interface = f"{self.interface};" if self.interface else ""
        return f"{self.scheme}://{interface}{self.host}:{self.port}{self.path}" if self.host else f"{self.scheme}://{self.path}"

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What two spellings of one endpoint share: ``*``, localhost and the loopback addresses are one host."""
        host = "local" if self.host in _LOCAL else self.host.lower()
        return self.scheme, host, self.port, os.path.normpath(self.path) if self.scheme == "ipc" else self.path

    def dialable(self, host: str = LOOPBACK) -> Endpoint:
        """Return what reaches this bound endpoint; `host` stands for "any address"."""
        return replace(self, host=host, interface="") if self.host in _ANY else replace(self, interface="")

    def bindable(self) -> Endpoint:
        """Return what a peer binds so that dialling this endpoint reaches it: an address, never a host name."""
        if not self.host:
            return self
        if self.host == "localhost":
            return replace(self, host=LOOPBACK, interface="")
        return replace(self, host=self.host if self.is_address else "*", interface="")

    @property
    def is_address(self) -> bool:
        """Whether the host is ``*`` or an IP address, which need no name service."""
        if self.host in _ANY:
            return True
        try:
            ipaddress.ip_address(self.host.strip("[]").partition("%")[0])
        except ValueError:
            return False
        return True

    def collides(self, other: Endpoint) -> bool:
        """Say whether both cannot be bound at once: the same address, or the same port and one of them on any address."""
        if not self.host or not other.host:
            return self.key == other.key
        if self.port != other.port or (self.scheme == other.scheme == "ws" and self.path != other.path):
            return False
        return self.key[1] == other.key[1] or self.host in _ANY or other.host in _ANY
