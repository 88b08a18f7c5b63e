"""Which engine carries a link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pytest_villas.errors import ConfigError
from pytest_villas.links.link import Link
from pytest_villas.links.nanomsg import NanomsgLink
from pytest_villas.links.sp import SpLink

Engine = Literal["auto", "sp", "nng"]


def choose(publish: Sequence[str], subscribe: Sequence[str], engine: Engine = "auto") -> Link:
    """Return a link that is not open yet: `sp` for measuring, over tcp and ipc; `nng` for every transport.

    `auto` takes `sp` where every address allows. Raises ConfigError where `sp` is asked for and cannot do it.
    """
    foreign = [address for address in (*publish, *subscribe) if not address.startswith(("tcp://", "ipc://"))]
    if engine == "sp" and foreign:
        raise ConfigError(f"link.engine: 'sp' speaks tcp and ipc, and there is {foreign[0]}: use 'nng' or 'auto'")
    if engine == "nng" or foreign:
        return NanomsgLink(publish, subscribe)
    return SpLink(publish, subscribe)
