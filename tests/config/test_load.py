"""From a file to nodes: what a direction gets, what is ignored, what is refused."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_villas import Signal, SignalType, config
from pytest_villas.config import Direction, Node
from pytest_villas.errors import ConfigError
from pytest_villas.samples import signals_of

Write = Callable[..., Path]


def loaded(write: Write, body: str, top: str = "") -> config.Config:
    return config.load(write(f'{top}\nnodes = {{ a = {{ type = "nanomsg"\n{body}\n}} }}'))


def test_the_shipped_example(fixtures: Path) -> None:
    node = config.load(fixtures / "nanomsg.conf").nodes["nanomsg_node"]
    signals = signals_of(None)
    assert node == Node(
        "nanomsg_node",
        "nanomsg",
        enabled=True,
        input=Direction(("tcp://127.0.0.1:12000", "ipc:///tmp/test.ipc", "inproc://test"), "json", signals),
        output=Direction(("tcp://*:12000", "ipc:///tmp/test.ipc", "inproc://test"), "json", signals),
    )


def test_its_json_twin_says_the_same(fixtures: Path) -> None:
    conf, twin = (config.load(fixtures / f"nanomsg.{suffix}") for suffix in ("conf", "json"))
    assert conf.nodes == twin.nodes
    assert conf.ignored == twin.ignored == ()


FORMATS = ["json", "villas.binary", "villas.web", "villas.human", "csv", "tsv", "raw", "gtnet", "protobuf"]


@pytest.mark.parametrize("name", FORMATS)
def test_there_is_an_example_for_each_format(fixtures: Path, name: str) -> None:
    loaded = config.load(fixtures / f"nanomsg-{name}.conf")
    (node,) = loaded.nodes.values()
    assert node.output.format == name or node.output.format["type"] == name  # type: ignore[index]  # then it is a mapping
    assert all(signal.name for signal in node.output.signals)
    assert len(node.output.signals) < 64
    assert loaded.ignored == ()


def test_no_two_examples_share_a_port(fixtures: Path) -> None:
    endpoints: list[str] = []
    for path in fixtures.glob("nanomsg*.conf"):
        for node in config.load(path).nodes.values():
            endpoints += {each.rpartition(":")[2] for each in (*node.input.endpoints, *node.output.endpoints) if "tcp" in each}
    assert len(endpoints) == len(set(endpoints))


def test_a_direction_takes_from_its_node_what_it_does_not_set(write: Write) -> None:
    node = loaded(
        write,
        """
        format = { type = "raw", bits = 64 }
        signals = "2f"
        vectorize = 5
        builtin = false
        hooks = ({ type = "print" })
        in = { endpoints = "ipc:///a" }
        out = { endpoints = ["ipc:///b"], signals = { count = 3, type = "integer", name = "n" }, vectorize = 2, builtin = true,
                hooks = (), format = "csv" }
        """,
    ).nodes["a"]
    assert node.input == Direction(
        ("ipc:///a",), {"type": "raw", "bits": 64}, signals_of("2f"), 5, builtin=False, hooks=({"type": "print"},)
    )
    names = tuple(Signal(f"n{i}", "", SignalType.INTEGER) for i in range(3))
    assert node.output == Direction(("ipc:///b",), "csv", names, 2, builtin=True)


def test_a_direction_that_is_not_there_has_no_endpoints(write: Write) -> None:
    node = loaded(write, 'out = { endpoints = "ipc:///b" }\n signals = "1f"').nodes["a"]
    assert node.input == Direction((), "json", signals_of("1f"))
    assert node.enabled


def test_a_list_of_signals_keeps_names_units_types_and_initial_values(write: Write) -> None:
    node = loaded(
        write,
        """
        in = { signals = ({ name = "v", unit = "V" }, { name = "z", type = "complex", init = { real = 1, imag = 2.0 } }) }
        """,
    ).nodes["a"]
    assert node.input.signals == (Signal("v", "V"), Signal("z", "", SignalType.COMPLEX, 1 + 2j))


def test_what_only_a_real_villasnode_does_is_listed(write: Write) -> None:
    found = config.load(
        write(
            """
            http = { port = 8080 }
            hugepages = 0
            stats = 1.0
            plugins = ["x.so"]
            nodes = {
                gen = { type = "signal.v2", signals = () }
                a = {
                    type = "nanomsg"
                    uuid = "f0a3a3c4-9bd7-4f5c-8b0a-9d7b0e1c2d3e"
                    hooks = ({ type = "stats" })
                    publish = "ipc:///old"
                    in = { endpoints = "ipc:///a", hooks = (), enabled = false }
                    out = { endpoints = "ipc:///b", netem = { enabled = true, delay = 1000 }, fwmark = 1, hooks = ["print"] }
                }
            }
            paths = ({ in = "gen", out = "a" })
            """
        )
    )
    assert list(found.nodes) == ["a"]
    assert set(found.ignored) == {
        *("http", "stats", "plugins", "paths", "nodes.gen", "nodes.a.uuid", "nodes.a.hooks", "nodes.a.publish"),
        *("nodes.a.in.enabled", "nodes.a.out.netem", "nodes.a.out.fwmark", "nodes.a.out.hooks"),
    }
    assert len(found.ignored) == len(set(found.ignored))


def test_nothing_is_listed_where_nothing_is_left_out(write: Write) -> None:
    assert loaded(write, "", "http = { enabled = false }\nhugepages = 0\npaths = ()").ignored == ()


def test_old_keys_give_no_endpoints(write: Write) -> None:
    found = loaded(write, 'publish = "ipc:///a"\n subscribe = ["ipc:///b"]')
    assert found.nodes["a"].input.endpoints == found.nodes["a"].output.endpoints == ()
    assert found.ignored == ("nodes.a.publish", "nodes.a.subscribe")


def test_variables_come_from_the_environment_as_in_villasnode(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VILLAS_PORT", "1234")
    found = loaded(write, 'out = { endpoints = ["tcp://*:${VILLAS_PORT}"] }')
    assert found.nodes["a"].output.endpoints == ("tcp://*:1234",)
    monkeypatch.delenv("VILLAS_PORT")
    with pytest.raises(ConfigError, match=r"nodes\.a\.out\.endpoints\[0\]: \$\{VILLAS_PORT\}: there is no such environment"):
        config.load(found.path)


def test_variables_of_other_nodes_are_left_alone(write: Write) -> None:
    path = write('nodes = { db = { type = "influxdb", key = "${NO_SUCH_SECRET}" } }')
    assert config.load(path).ignored == ("nodes.db",)


def test_a_node_that_is_not_there_is_named_with_the_nearest(fixtures: Path, write: Write) -> None:
    nodes = config.load(fixtures / "nanomsg.conf").nodes
    with pytest.raises(ConfigError) as caught:
        nodes["nanomsg_nod"]
    assert str(caught.value) == f"{fixtures / 'nanomsg.conf'}: nodes.nanomsg_nod: no such node, did you mean 'nanomsg_node'?"
    assert "x" not in nodes
    assert nodes.get("x") is None
    other = config.load(write('nodes = { gen = { type = "signal.v2" }, a = { type = "nanomsg" } }')).nodes
    with pytest.raises(ConfigError, match=r"nodes\.gen\.type: 'signal\.v2' nodes are not opened here.*known are: a"):
        other["gen"]


def test_a_configuration_survives_the_way_to_another_process(fixtures: Path) -> None:
    found = config.load(fixtures / "nanomsg-json.conf")
    copied = pickle.loads(pickle.dumps(found))
    assert copied == found
    with pytest.raises(ConfigError, match="no such node"):
        copied.nodes["x"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('in = { endpoint = "ipc:///a" }', "nodes.a.in.endpoint: unknown key, did you mean 'endpoints'?"),
        ('fromat = "json"', "nodes.a.fromat: unknown key, did you mean 'format'?"),
        ('inn = { endpoints = "ipc:///a" }', "nodes.a.inn: unknown key, did you mean 'in'?"),
        ("in = 3", "nodes.a.in: 3: it has to be a group"),
        ("in = { endpoints = 3 }", "nodes.a.in.endpoints: 3: it has to be a string or a list of strings"),
        ("out = { endpoints = [1, 2] }", "nodes.a.out.endpoints[0]: 1: it has to be a string such as"),
        ('out = { endpoints = "localhost:12000" }', "nodes.a.out.endpoints: 'localhost:12000' is no endpoint"),
        (
            'out = { endpoints = ["ipc:///a", "tpc://*:1"] }',
            "nodes.a.out.endpoints[1]: 'tpc://*:1': unknown transport 'tpc', did you mean 'tcp'?",
        ),
        ('out = { endpoints = "tcp://*" }', "host and port have to follow 'tcp://'"),
        ('out = { endpoints = "tcp://*:70000" }', "port 70000 has to be from 1 to 65535"),
        ('out = { endpoints = "ipc://" }', "a file has to follow 'ipc://'"),
        ("format = 3", "nodes.a.format: 3: it has to be the name of a format"),
        ('format = ""', "nodes.a.format: ''"),
        ("out = { format = { bits = 32 } }", "nodes.a.out.format.type: None: it has to be the name"),
        ("vectorize = 0", "nodes.a.vectorize: 0: it has to be an integer of at least 1"),
        ("in = { vectorize = 2.0 }", "nodes.a.in.vectorize: 2.0"),
        ("vectorize = true", "nodes.a.vectorize: True"),
        ("builtin = 1", "nodes.a.builtin: 1: it has to be true or false"),
        ('enabled = "yes"', "nodes.a.enabled: 'yes': it has to be true or false"),
        ("out = { enabled = 1 }", "nodes.a.out.enabled: 1"),
        ("signals = 3", "nodes.a.signals: 3: it has to be a list of groups"),
        ('signals = "2x"', "nodes.a.signals '2x': a count and a letter each"),
        ('signals = { name = "x" }', "nodes.a.signals.count: missing"),
        ('in = { signals = ({ typ = "float" }) }', "nodes.a.in.signals[0].typ: unknown key, did you mean 'type'?"),
        ('signals = ({}, { type = "flaot" })', "nodes.a.signals[1].type is 'flaot', did you mean 'float'?"),
        ('signals = ({ type = "complex", init = { real = "x", imag = 0 } })', "nodes.a.signals[0].init is"),
    ],
)
def test_a_wrong_setting_is_named_with_file_place_and_remedy(write: Write, body: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(write, body)
    assert "x.conf: nodes.a." in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ({}, "nodes: missing: a group of nodes is needed"),
        ({"node": {}}, "node: unknown key, did you mean 'nodes'?"),
        ({"nodes": {}, "htpp": {}}, "htpp: unknown key, did you mean 'http'?"),
        ({"nodes": []}, "nodes: []: it has to be a group"),
        ({"nodes": {"a": 3}}, "nodes.a: 3: it has to be a group"),
        ({"nodes": {"a": {}}}, "nodes.a.type: missing: it has to be a string"),
        ({"nodes": {"a": {"type": 5}}}, "nodes.a.type: 5: it has to be a string"),
        ({"nodes": {"a": {"type": "nanomsg", "in": {"endpoints": None}}}}, "nodes.a.in.endpoints: None"),
        ({"nodes": {"a": {"type": "nanomsg", "vectorize": None}}}, "nodes.a.vectorize: None"),
    ],
)
def test_a_wrong_file_is_named_with_place_and_remedy(write: Write, root: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(write(json.dumps(root), "x.json"))
    assert str(caught.value).endswith(message) or f"x.json: {message}" in str(caught.value)


def test_a_node_in_an_included_file_is_a_node(write: Write) -> None:
    write('a = { type = "nanomsg", out = { endpoints = "ipc:///a" } }', "nodes/a.conf")
    write('b = { type = "nanomsg" }', "nodes/b.conf")
    assert list(config.load(write('nodes = {\n@include "nodes/*.conf"\n}')).nodes) == ["a", "b"]
