"""From an endpoint to plain sockets that listen on it or dial it."""

from __future__ import annotations

import errno
import fcntl
import ipaddress
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Any

from pytest_villas.config.endpoint import Endpoint
from pytest_villas.errors import ConfigError, LinkError

_BACKLOG = 16
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 2), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 3))
"""A peer that lost its power says no goodbye: after 5 s without an answer to a probe the connection is given up."""
_UNANSWERED_MS = 5_000
"""Nor is there a probe while data waits for an answer: after so long without one, it is given up as well."""
_LONGEST_PATH = 107
_SIOCGIFADDR = 0x8915

Place = tuple[int, Any]
"""An address family, and an address of that family as `connect` takes it."""


def endpoint_of(address: str) -> Endpoint:
    """Read an address; LinkError for what is none, or is of another transport than tcp and ipc."""
    try:
        endpoint = Endpoint.parse(address)
    except ConfigError as error:
        raise LinkError(str(error)) from error
    if endpoint.scheme not in ("tcp", "ipc"):
        raise LinkError(f"{address}: plain sockets carry tcp and ipc; {endpoint.scheme} takes a NanomsgLink")
    return endpoint


def tune(sock: socket.socket) -> None:
    """Send at once, and notice a peer that vanished, whether we send to it or not, within some 5 s.

    So is one given up that has no room for as long for what we send: what it stopped to read, it has lost.
    """
    sock.setblocking(False)
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)


def places(endpoint: Endpoint) -> list[Place]:
    """Return where to dial; a host name is looked up now. LinkError where it is not known."""
    if endpoint.scheme == "ipc":
        if len(os.fsencode(endpoint.path)) > _LONGEST_PATH:
            raise LinkError(f"cannot dial {endpoint}: a socket's path has at most {_LONGEST_PATH} bytes")
        return [(socket.AF_UNIX, endpoint.path)]
    if endpoint.host == "*":
        raise LinkError(f"cannot dial {endpoint}: * stands for any address of this machine; name the one to reach")
    try:
        return _look_up(endpoint.host, endpoint.port)
    except OSError as error:
        raise LinkError(f"cannot dial {endpoint}: {error.strerror or error}") from error


def leave_through(sock: socket.socket, interface: str) -> None:
    """Make a socket leave through the interface that has this name or address."""
    try:
        ipaddress.ip_address(interface.strip("[]"))
    except ValueError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    else:
        sock.bind((interface.strip("[]"), 0))


class Listener:
    """A socket that listens. An ipc file that a dead process left is replaced, and ours is gone after `close`."""

    def __init__(self, address: str) -> None:
        """Listen; LinkError where the address is in use or cannot be had."""
        self.endpoint = endpoint_of(address)
        self._file: tuple[int, int] | None = None
        try:
            self.socket = self._listen_ipc() if self.endpoint.scheme == "ipc" else self._listen_tcp()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = "is in use: another node or rig listens there; stop it, or move the endpoint"
                raise LinkError(f"{address} {reason}") from error
            raise LinkError(f"cannot listen on {address}: {error.strerror or error}") from error
        self.socket.setblocking(False)

    def close(self) -> None:
        """Stop to listen."""
        self._remove_file()
        self.socket.close()

    def _remove_file(self) -> None:
        path = Path(self.endpoint.path)
        if self._file is not None and _identity(path) == self._file:  # not the one of somebody who replaced ours
            path.unlink()
        self._file = None

    def _listen_tcp(self) -> socket.socket:
        host = "0.0.0.0" if self.endpoint.host == "*" else self.endpoint.host  # noqa: S104 - what * means to nanomsg
        family, where = _look_up(_interface_address(host) or host, self.endpoint.port)[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(where)
            sock.listen(_BACKLOG)
        except BaseException:
            sock.close()
            raise
        return sock

    def _listen_ipc(self) -> socket.socket:
        path = Path(self.endpoint.path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if _is_left_over(path):
                path.unlink()
            sock.bind(str(path))
            self._file = _identity(path)
            if os.geteuid() == 0:
                # a peer may run as another user (a rig that we start as root gives its privileges up)
                path.chmod(0o777)  # a socket, and its folder decides who gets near it
            sock.listen(_BACKLOG)
        except BaseException:
            self._remove_file()
            sock.close()
            raise
        return sock


def _interface_address(name: str) -> str:
    """Return the IPv4 address of the interface of that name, nothing where there is none of that name; OSError where it has none."""
    if name not in [known for _, known in socket.if_nameindex()]:
        return ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("40s", name.encode()))
    return socket.inet_ntoa(request[20:24])


def _look_up(host: str, port: int) -> list[Place]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # an empty label, or one that is too long
        raise OSError(errno.EINVAL, f"{host!r} is no name of a host") from error
    return [(family, where) for family, _, _, _, where in found]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_left_over(path: Path) -> bool:
    """Say whether this is a socket file that nobody listens on. FileExistsError for a file of another kind."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "what is there is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(str(path)) == errno.ECONNREFUSED
