"""Endpoints: reading, writing, dialling, binding, meeting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_villas.config import Endpoint
from pytest_villas.errors import ConfigError

HOSTS = st.sampled_from(["*", "127.0.0.1", "10.0.0.5", "[::1]", "[fe80::1%eth0]", "localhost", "gateway.lab", "eth0"])
ENDPOINTS = st.one_of(
    st.builds("tcp://{}:{}".format, HOSTS, st.integers(1, 65535)),
    st.builds("ws://{}:{}{}".format, HOSTS, st.integers(1, 65535), st.sampled_from(["", "/", "/a/b"])),
    st.builds("ipc://{}".format, st.sampled_from(["/tmp/a.ipc", "relative.ipc"])),
    st.builds("inproc://{}".format, st.sampled_from(["test", "a b/c:1"])),
    st.just("tcp://eth0;10.0.0.5:12000"),
)


@given(text=ENDPOINTS)
def test_an_endpoint_is_written_as_it_was_read(text: str) -> None:
    assert str(Endpoint.parse(text)) == text


@pytest.mark.parametrize(
    ("bound", "dialled"),
    [
        ("tcp://*:12000", "tcp://127.0.0.1:12000"),
        ("tcp://0.0.0.0:12000", "tcp://127.0.0.1:12000"),
        ("tcp://[::]:12000", "tcp://127.0.0.1:12000"),
        ("tcp://10.0.0.5:12000", "tcp://10.0.0.5:12000"),
        ("ws://*:8080/path", "ws://127.0.0.1:8080/path"),
        ("ipc:///tmp/test.ipc", "ipc:///tmp/test.ipc"),
        ("inproc://test", "inproc://test"),
    ],
)
def test_what_is_bound_is_dialled(bound: str, dialled: str) -> None:
    assert str(Endpoint.parse(bound).dialable()) == dialled


def test_any_address_is_dialled_at_the_host_it_is_on() -> None:
    assert str(Endpoint.parse("tcp://*:1").dialable("gateway.lab")) == "tcp://gateway.lab:1"
    assert str(Endpoint.parse("tcp://10.0.0.5:1").dialable("gateway.lab")) == "tcp://10.0.0.5:1"


@pytest.mark.parametrize(
    ("dialled", "bound"),
    [
        ("tcp://127.0.0.1:12000", "tcp://127.0.0.1:12000"),
        ("tcp://localhost:12000", "tcp://127.0.0.1:12000"),
        ("tcp://harness.lab:12000", "tcp://*:12000"),
        ("tcp://eth0;10.0.0.5:12000", "tcp://10.0.0.5:12000"),
        ("tcp://[::1]:12000", "tcp://[::1]:12000"),
        ("ws://localhost:8080/path", "ws://127.0.0.1:8080/path"),
        ("ipc:///tmp/test.ipc", "ipc:///tmp/test.ipc"),
        ("inproc://test", "inproc://test"),
    ],
)
def test_what_is_dialled_is_bound_by_address(dialled: str, bound: str) -> None:
    assert str(Endpoint.parse(dialled).bindable()) == bound


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("tcp://*:12000", "tcp://127.0.0.1:12000", True),
        ("tcp://*:12000", "tcp://localhost:12000", True),
        ("tcp://[::]:12000", "tcp://[::1]:12000", True),
        ("tcp://*:12000", "tcp://127.0.0.1:12001", False),
        ("tcp://*:12000", "ws://*:12000", False),
        ("tcp://Gateway:1", "tcp://gateway:1", True),
        ("tcp://10.0.0.5:1", "tcp://10.0.0.6:1", False),
        ("ipc:///tmp/a", "ipc:///tmp/./a", True),
        ("ipc:///tmp/a", "ipc:///tmp/b", False),
        ("inproc://a", "inproc://b", False),
        ("ws://*:1/a", "ws://127.0.0.1:1/a", True),
        ("ws://*:1/a", "ws://*:1/b", False),
    ],
)
def test_spellings_of_one_endpoint_have_one_key(one: str, other: str, same: bool) -> None:
    assert (Endpoint.parse(one).key == Endpoint.parse(other).key) is same


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [
        ("tcp://*:1", "tcp://10.0.0.5:1", True),
        ("tcp://127.0.0.1:1", "tcp://10.0.0.5:1", False),
        ("tcp://*:1", "ws://127.0.0.1:1/a", True),
        ("ws://*:1/a", "ws://*:1/b", False),
        ("tcp://*:1", "tcp://*:2", False),
        ("ipc:///a", "ipc:///a", True),
        ("ipc:///a", "inproc:///a", False),
    ],
)
def test_what_cannot_be_bound_together_collides(one: str, other: str, collide: bool) -> None:
    assert Endpoint.parse(one).collides(Endpoint.parse(other)) is collide
    assert Endpoint.parse(other).collides(Endpoint.parse(one)) is collide


@pytest.mark.parametrize(
    "text",
    [
        *("", "tcp", "tcp:/x", "127.0.0.1:1", "udp://a:1", "tcp://", "tcp://:1", "tcp://a", "tcp://a:", "tcp://a:x", "tcp://a:0"),
        *(
            "tcp://a:65536",
            "tcp://a:1/path",
            "tcp://a b:1",
            "tcp://::1:5",
            "ipc://",
            "inproc://",
            "ipc://a\0b",
            "ws:///a",
            "tcp://a:-1",
        ),
    ],
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Endpoint.parse(text)
