"""Which engine carries a link."""

from __future__ import annotations

import pytest

from pytest_villas.errors import ConfigError
from pytest_villas.links import Engine, NanomsgLink, SpLink, choose


@pytest.mark.parametrize(
    ("addresses", "engine", "kind"),
    [
        (["tcp://*:1", "ipc:///x"], "auto", SpLink),
        (["tcp://*:1", "ws://127.0.0.1:2"], "auto", NanomsgLink),
        (["inproc://x"], "auto", NanomsgLink),
        (["tcp://*:1"], "nng", NanomsgLink),
        (["tcp://*:1"], "sp", SpLink),
    ],
)
def test_our_own_sockets_are_taken_where_they_can(addresses: list[str], engine: Engine, kind: type) -> None:
    assert type(choose(addresses, addresses[:1], engine)) is kind


def test_what_they_cannot_do_is_refused_with_the_remedy() -> None:
    with pytest.raises(ConfigError, match="'sp' speaks tcp and ipc, and there is ws://x:1: use 'nng' or 'auto'"):
        choose([], ["ws://x:1"], "sp")
