"""The peer of a node, nodes on free endpoints, and nodes written for a real VILLASnode."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pynng
import pytest

from pytest_villas import Signal, SignalType, config
from pytest_villas.config import Endpoint
from pytest_villas.errors import ConfigError

Write = Callable[..., Path]

TWO = """
    nodes = {
        left = {
            type = "nanomsg"
            format = { type = "json", compact = true }
            out = { endpoints = ["tcp://*:12000", "ipc:///tmp/a.ipc", "inproc://a", "ws://*:8080/left"], signals = "2f", vectorize = 3 }
            in = { endpoints = ["tcp://localhost:12001", "ipc:///tmp/b.ipc", "inproc://b", "ws://127.0.0.1:8080/right"], signals = "1i" }
        }
        right = {
            type = "nanomsg"
            out = { endpoints = ["tcp://127.0.0.1:12001", "ipc:///tmp/b.ipc", "inproc://b", "ws://*:8080/right"] }
            in = { endpoints = ["tcp://127.0.0.1:12000", "ipc:///tmp/a.ipc", "inproc://a", "ws://127.0.0.1:8080/left", "tcp://10.1.2.3:12000"] }
        }
    }
"""


def test_the_peer_dials_what_is_bound_and_binds_what_is_dialled(write: Write) -> None:
    node = config.load(write(TWO)).nodes["left"]
    peer = node.mirror()
    assert peer.input.endpoints == ("tcp://127.0.0.1:12000", "ipc:///tmp/a.ipc", "inproc://a", "ws://127.0.0.1:8080/left")
    assert peer.output.endpoints == ("tcp://127.0.0.1:12001", "ipc:///tmp/b.ipc", "inproc://b", "ws://127.0.0.1:8080/right")
    assert (peer.input.signals, peer.input.vectorize, peer.input.format) == (
        node.output.signals,
        3,
        {"type": "json", "compact": True},
    )
    assert (peer.output.signals, peer.output.vectorize) == (node.input.signals, 1)
    assert node.mirror("gateway").input.endpoints[0] == "tcp://gateway:12000"


def test_the_peer_of_the_peer_is_the_node_again(write: Write) -> None:
    node = config.load(write(TWO)).nodes["right"]
    assert node.mirror().mirror().mirror() == node.mirror()


def test_the_peer_of_an_example_needs_no_hooks(write: Write) -> None:
    path = write('nodes = { a = { type = "nanomsg", hooks = ({ type = "print" }), out = { format = "csv" } } }')
    peer = config.load(path).nodes["a"].mirror()
    assert peer.input.hooks == peer.output.hooks == ()
    assert (peer.input.format, peer.output.format) == ("csv", "json")


def test_moved_endpoints_still_meet(write: Write, tmp_path: Path) -> None:
    before = config.load(write(TWO))
    after = config.relocate(before, tmp_path)
    left, right = after.nodes["left"], after.nodes["right"]
    assert left.output.endpoints == right.input.endpoints[:4]
    assert right.output.endpoints == left.input.endpoints
    old = [each for node in before.nodes.values() for side in (node.input, node.output) for each in side.endpoints]
    new = [each for node in after.nodes.values() for side in (node.input, node.output) for each in side.endpoints]
    assert not set(old) & set(new)
    assert len({Endpoint.parse(each).key for each in old}) == len({Endpoint.parse(each).key for each in new})
    assert right.input.endpoints[4] != left.output.endpoints[0]  # another machine's port is another endpoint
    assert left.output.endpoints[3].endswith("/left")
    assert all(Endpoint.parse(each).host in ("127.0.0.1", "") for each in new)


def test_moving_changes_nothing_but_endpoints(write: Write, tmp_path: Path) -> None:
    before = config.load(write(TWO))
    after = config.relocate(before, tmp_path)
    for name, node in after.nodes.items():
        old = before.nodes[name]
        assert replace(node, input=old.input, output=old.output) == old
        assert replace(node.input, endpoints=old.input.endpoints) == old.input
        assert replace(node.output, endpoints=old.output.endpoints) == old.output
    assert (after.path, after.ignored) == (before.path, before.ignored)
    with pytest.raises(ConfigError, match="no such node"):
        after.nodes["x"]


def test_two_moves_share_nothing(fixtures: Path, tmp_path: Path) -> None:
    before = config.load(fixtures / "nanomsg.conf")
    one, other = (config.relocate(before, tmp_path / name).nodes["nanomsg_node"] for name in "ab")
    assert not set(one.output.endpoints) & set(other.output.endpoints)


def test_a_moved_port_is_free_and_not_one_for_outgoing_connections(fixtures: Path, tmp_path: Path) -> None:
    node = config.relocate(config.load(fixtures / "nanomsg.conf"), tmp_path).nodes["nanomsg_node"]
    port = Endpoint.parse(node.output.endpoints[0]).port
    assert port < 32_768
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


def test_existing_sockets_are_not_taken(fixtures: Path, tmp_path: Path) -> None:
    (tmp_path / "0.ipc").touch()
    node = config.relocate(config.load(fixtures / "nanomsg.conf"), tmp_path).nodes["nanomsg_node"]
    assert node.output.endpoints[1] == f"ipc://{tmp_path}/1.ipc"


def test_a_directory_too_long_for_a_socket_is_refused(fixtures: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="bytes are too long for the name of a socket, 107 are the most"):
        config.relocate(config.load(fixtures / "nanomsg.conf"), tmp_path / ("x" * 100))


def test_a_moved_node_and_its_peer_talk_over_every_transport(write: Write, tmp_path: Path) -> None:
    node = config.relocate(config.load(write(TWO)), tmp_path).nodes["left"]
    for bound, dialled in zip(node.output.endpoints, node.mirror().input.endpoints, strict=True):
        with pynng.Pub0(listen=bound) as publisher, pynng.Sub0(dial=dialled, recv_timeout=200) as subscriber:
            subscriber.subscribe(b"")
            for _ in range(50):
                publisher.send(b"x")
                try:
                    assert subscriber.recv() == b"x"
                    break
                except pynng.Timeout:
                    continue
            else:
                pytest.fail(f"nothing came over {bound}")


def test_what_is_dumped_is_json_that_loads_as_the_same_nodes(write: Write, tmp_path: Path) -> None:
    before = config.load(write(TWO))
    config.dump(before, tmp_path / "out.json")
    after = config.load(tmp_path / "out.json")
    assert after.nodes == before.nodes
    assert after.ignored == ()


def test_every_example_survives_a_dump(fixtures: Path, tmp_path: Path) -> None:
    for path in fixtures.glob("nanomsg*.conf"):
        before = config.load(path)
        config.dump(before, tmp_path / "out.json")
        assert config.load(tmp_path / "out.json").nodes == before.nodes


def test_a_dump_has_no_http_server_and_no_huge_pages(fixtures: Path, tmp_path: Path) -> None:
    config.dump(config.load(fixtures / "nanomsg.conf"), tmp_path / "out.json")
    root = json.loads((tmp_path / "out.json").read_text())
    assert set(root) == {"http", "hugepages", "nodes"}
    assert root["http"] == {"enabled": False}
    assert root["hugepages"] == 0
    node = root["nodes"]["nanomsg_node"]
    assert set(node) == {"type", "enabled", "format", "in", "out"}
    assert set(node["in"]) == {"endpoints", "signals", "vectorize", "builtin"}
    assert not [each for each in config.lint(tmp_path / "out.json") if each.code == "http-open"]


def test_initial_values_are_dumped_as_villasnode_reads_them(write: Write, tmp_path: Path) -> None:
    path = write(
        'nodes = { a = { type = "nanomsg", signals = ({ name = "z", type = "complex", init = { real = 1.0, imag = -2.0 } }, '
        '{ name = "b", type = "boolean", init = true }, { name = "f" }) } }'
    )
    config.dump(config.load(path), tmp_path / "out.json")
    signals = json.loads((tmp_path / "out.json").read_text())["nodes"]["a"]["in"]["signals"]
    assert signals[0]["init"] == {"real": 1.0, "imag": -2.0}
    assert signals[1]["init"] is True
    assert "init" not in signals[2]


def test_a_node_with_two_formats_cannot_be_dumped(write: Write, tmp_path: Path) -> None:
    path = write(
        'nodes = { a = { type = "nanomsg", in = { format = "csv", endpoints = "ipc:///a" }, out = { endpoints = "ipc:///b" } } }'
    )
    with pytest.raises(ConfigError, match=r"nodes\.a: its format is 'csv' in and 'json' out, .*make two nodes"):
        config.dump(config.load(path), tmp_path / "out.json")
    one_sided = write('nodes = { a = { type = "nanomsg", out = { format = "csv", endpoints = "ipc:///b" } } }', "y.conf")
    config.dump(config.load(one_sided), tmp_path / "out.json")
    assert config.load(tmp_path / "out.json").nodes["a"].output.format == "csv"


def test_a_dump_that_villasnode_would_not_take_for_json_is_refused(fixtures: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"names that end in \.json only: call it out\.json"):
        config.dump(config.load(fixtures / "nanomsg.conf"), tmp_path / "out.conf")


def test_a_value_that_json_cannot_say_is_refused(fixtures: Path, tmp_path: Path) -> None:
    before = config.load(fixtures / "nanomsg.conf")
    node = before.nodes["nanomsg_node"]
    signals = (Signal("x", "", SignalType.FLOAT, float("nan")),)
    broken = replace(before, nodes={"a": replace(node, input=replace(node.input, signals=signals))})
    with pytest.raises(ConfigError, match="cannot be said in JSON"):
        config.dump(broken, tmp_path / "out.json")
