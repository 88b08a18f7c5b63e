"""`villas_node`: nodes of VILLASnode configs, spun up in a test."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from processes import wait_until

from pytest_villas import Samples, config, generate
from pytest_villas.errors import ConfigError, DecodeError, EncodeError, LinkError, LinkTimeout
from pytest_villas.links import NanomsgLink
from pytest_villas.links.node import VillasNode

Spin = Callable[..., VillasNode]
TEN = Samples({"a": np.arange(10.0), "b": -np.arange(10.0)}, origin=10**18 + np.arange(10), sequence=np.arange(10))


def write_config(folder: Path, text: str) -> Path:
    file = folder / "nodes.conf"
    file.write_text(text)
    return file


def two(folder: Path, settings: str = "") -> Path:
    return write_config(
        folder,
        f"""nodes = {{
        left = {{ type = "nanomsg", signals = "2f", {settings} out = {{ endpoints = "ipc:///tmp/l" }}, in = {{ endpoints = "ipc:///tmp/r" }} }}
        right = {{ type = "nanomsg", signals = "2f", {settings} out = {{ endpoints = "ipc:///tmp/r" }}, in = {{ endpoints = "ipc:///tmp/l" }} }}
    }}""",
    )


@pytest.mark.parametrize("file", ["nanomsg.conf", "nanomsg.json"])
def test_ten_samples_written_to_the_example_node_come_back_thirty_times(villas_node: Spin, file: str) -> None:
    node = villas_node(file, "nanomsg_node", move=True)
    stimulus = generate.three_phase(rate=1000, count=10)
    node.write(stimulus)
    received = node.read(count=30, timeout=5)
    assert np.bincount(received.sequence).tolist() == [3] * 10
    assert len(received.signals) == 3
    for got, sent in zip(received.columns, stimulus.columns, strict=True):
        np.testing.assert_array_equal(got, sent[received.sequence])
    with pytest.raises(LinkTimeout):
        node.read(count=1, timeout=0.1)
    assert node.losses().send_queue == node.losses().receive_queue == 0


def test_two_nodes_of_one_config_talk_to_each_other(villas_node: Spin, tmp_path: Path) -> None:
    file = two(tmp_path)
    left, right = villas_node(file, "left", move=True), villas_node(file, "right", move=True)
    left.write(TEN)
    np.testing.assert_array_equal(right.read(10)["signal1"], TEN["b"])
    right.write(TEN[:3])
    assert left.read(3).sequence.tolist() == [0, 1, 2]


def test_a_node_and_its_mirror_image_talk_to_each_other(villas_node: Spin, tmp_path: Path) -> None:
    file = two(tmp_path)
    node = villas_node(file, "left", move=True)
    with VillasNode(node.node.mirror()) as peer:
        peer.wait_connected()
        peer.write(TEN)
        assert len(node.read(10)) == 10
        node.write(TEN)
        assert len(peer.read(10)) == 10


def test_moved_nodes_of_two_benches_do_not_meet(villas_node: Spin, tmp_path: Path) -> None:
    file = two(tmp_path)
    first = config.relocate(config.load(file), tmp_path / "one").nodes["left"]
    second = config.relocate(config.load(file), tmp_path / "two").nodes["left"]
    assert first.output.endpoints != second.output.endpoints


def test_samples_that_came_before_a_read_timed_out_are_kept_for_the_next(villas_node: Spin, tmp_path: Path) -> None:
    file = two(tmp_path)
    left, right = villas_node(file, "left", move=True), villas_node(file, "right", move=True)
    left.write(TEN[:4])
    with pytest.raises(LinkTimeout, match="4 of 10 samples came within 300 ms"):
        right.read(10, timeout=0.3)
    left.write(TEN[4:])
    assert right.read(10).sequence.tolist() == list(range(10))


def test_a_long_write_loses_nothing(villas_node: Spin, tmp_path: Path) -> None:
    file = two(tmp_path, settings='format = "villas.binary",')
    left, right = villas_node(file, "left", move=True), villas_node(file, "right", move=True)
    count = 8000
    many = Samples({"a": np.arange(float(count)), "b": np.zeros(count)}, origin=np.arange(count), sequence=np.arange(count))
    left.write(many)
    assert right.read(count, timeout=10).sequence.tolist() == list(range(count))


def test_vectorize_puts_several_samples_into_a_message(villas_node: Spin, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    left = villas_node(two(tmp_path, settings="vectorize = 4,"), "left", move=True)
    listener = NanomsgLink([], left.node.output.endpoints).open()
    try:
        left.wait_connected(subscribers=1, publishers=0)
        if pytestconfig.getoption("--villas-node") is None:
            left.write(TEN)
            expected = [4, 4, 2]
        else:
            with pytest.raises(EncodeError, match="would hold the last 2 of 10 back"):
                left.write(TEN)
            left.write(TEN[:8])
            expected = [4, 4]
        assert wait_until(lambda: listener.losses().receive_queue == len(expected), 5)
        messages = [listener.receive() for _ in expected]
        assert [message[1].count(b"sequence") for message in messages if message is not None] == expected
    finally:
        listener.close()


def test_a_real_node_is_spared_what_would_kill_it(villas_node: Spin, tmp_path: Path) -> None:
    file = two(tmp_path)
    left = villas_node(file, "left", move=True)
    with pytest.raises(EncodeError, match="integer"):
        left.write(Samples({"a": [1], "b": [2]}))
    with pytest.raises(EncodeError, match="nan"):
        left.write(Samples({"a": [np.nan], "b": [0.0]}))
    with pytest.raises(EncodeError):
        left.write(Samples({"a": [0.0], "b": [0.0], "c": [0.0]}))


def test_a_message_of_more_than_1500_bytes_is_refused(villas_node: Spin, tmp_path: Path) -> None:
    file = write_config(
        tmp_path,
        'nodes = { wide = { type = "nanomsg", signals = { count = 100, type = "float" }, out = { endpoints = "ipc:///tmp/w" } } }',
    )
    node = villas_node(file, "wide", move=True)
    node.write(Samples([np.zeros(1)] * 100, "100f"))
    with pytest.raises(EncodeError, match="1500"):
        node.write(Samples([np.full(1, 0.1)] * 100, "100f"))


def test_a_foreign_message_is_an_error_and_the_samples_around_it_are_kept(villas_node: Spin, tmp_path: Path) -> None:
    node = villas_node(two(tmp_path), "left", move=True)
    stranger = NanomsgLink([node.node.mirror().output.endpoints[0]], []).open()
    try:
        stranger.wait_connected(5 * 10**9)
        for message in (b'[{"sequence": 1, "data": [1.0, 2.0]}]', b"\xffhello", b"", b'[{"sequence": 2, "data": [3.0, 4.0]}]'):
            stranger.send(message)
        errors = 0
        for _ in range(3):
            try:
                received = node.read(2, timeout=5)
                break
            except DecodeError as error:
                assert re.search(r"'left': (\d of \d messages: json|villas-node refused \d messages)", str(error))  # noqa: PT017
                errors += 1
        assert errors in (1, 2)
        assert received.sequence.tolist() == [1, 2]
    finally:
        stranger.close()


def test_a_config_and_a_node_that_are_not_there_are_errors_with_the_nearest(villas_node: Spin) -> None:
    with pytest.raises(ConfigError, match=r"no file 'nanomsq.conf', did you mean 'nanomsg.conf'"):
        villas_node("nanomsq.conf", "nanomsg_node")
    with pytest.raises(ConfigError, match=r"no such node, did you mean 'nanomsg_node'"):
        villas_node("nanomsg.conf", "nanomsg_nod")


def test_an_address_in_use_is_an_error_that_names_it(villas_node: Spin, tmp_path: Path) -> None:
    node = villas_node(two(tmp_path), "left", move=True)
    with pytest.raises(LinkError, match="is in use"):
        VillasNode(node.node)


def test_all_nodes_are_closed_when_the_test_ends(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_first(villas_node):
            villas_node("nanomsg.conf", "nanomsg_node")

        def test_second(villas_node):
            villas_node("nanomsg.conf", "nanomsg_node")
    """)
    pytester.runpytest_subprocess("-p", "xdist", "-n0").assert_outcomes(passed=2)
